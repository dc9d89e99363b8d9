"""P8 and P14 over two processes: a thousand readers of fifty answers, and one Redis that hardly
notices."""

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import httptools
import pytest

from tests.client import Client, Sent
from tests.cluster import Cluster
from tests.e2e.conftest import upstream_settings
from tests.raw_http import RawReply
from tests.reader import Reader
from tests.redis_server import RedisServer
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

GENERATIONS = 50
READERS = 1000
FILES = 4096
"""More than the readers and both ends of everything else."""
TOKENS = 100
TOKENS_PER_SECOND = 10
MOST_CONNECTIONS = 20
LOOK_SECONDS = 0.5


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """For this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(soft, FILES if hard == resource.RLIM_INFINITY else min(FILES, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def read_raw(service: Service, sent: Sent) -> RawReply:
    """The whole stream over one connection, looked at only when it is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    lines = [f"GET {sent.stream_url} HTTP/1.1", "Host: llmchat", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        data = await reader.read()
    finally:
        writer.close()
    reply = RawReply()
    parser = httptools.HttpResponseParser(reply)
    parser.feed_data(data)
    reply.status = parser.get_status_code()
    return reply


async def check(client: Client, sent: Sent, reply: RawReply) -> None:
    assert (reply.status, reply.complete) == (200, True), reply.body
    reader = Reader(client.http, sent.generation_id)
    reader.take(reply.body)
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=TOKENS))


async def most_connections(redis: RedisServer, reading: "asyncio.Future[list[RawReply]]") -> int:
    """The most that it has had at any time we looked."""
    most = 0
    while not reading.done():
        most = max(most, (await redis.call("INFO", "clients"))["connected_clients"])
        await asyncio.wait([reading], timeout=LOOK_SECONDS)
    return most


async def test_a_thousand_readers_of_fifty_answers_need_a_handful_of_connections(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = upstream_settings(upstream)
    async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as clients:
        model = f"openai/{mock_model(tokens=TOKENS, rate=TOKENS_PER_SECOND)}"
        sents = [
            await (owner := clients[number % 2]).send(await owner.conversation(), model=model)
            for number in range(GENERATIONS)
        ]
        # Of every answer half of the readers are at the process that does not write it.
        followed = [
            (cluster.services[(number // GENERATIONS) % 2], sents[number % GENERATIONS])
            for number in range(READERS)
        ]
        reading = asyncio.gather(*[read_raw(service, sent) for service, sent in followed])
        most = await most_connections(cluster.redis, reading)
        for (_, sent), reply in zip(followed, await reading, strict=True):
            await check(clients[0], sent, reply)
        assert 0 < most <= MOST_CONNECTIONS
        for client in clients:
            assert (await client.http.get("/health/ready")).status_code == 200
