"""P15: SIGTERM lets go of everybody, lets short answers end, and leaves nothing in doubt."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.e2e.watcher import Watcher
from tests.reader import Reader, Refused
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

ENDLESS = f"openai/{mock_model(tokens=1_000_000, rate=100)}"
SHORT_TOKENS = 40
SHORT = f"openai/{mock_model(tokens=SHORT_TOKENS, rate=20)}"
FOR_EVER_SECONDS = 600


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


def service_with(tmp_path: Path, upstream: Upstream, *, grace_seconds: float) -> Service:
    settings = upstream_settings(upstream) | {"LLMCHAT_SHUTDOWN_GRACE_SECONDS": grace_seconds}
    return Service(tmp_path, **settings)


async def until_not_ready(client: Client) -> httpx2.Response:
    """The first answer of /health/ready that is no 200: the signal has been seen."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (response := await client.http.get("/health/ready")).status_code == 200:
            await asyncio.sleep(LOOK_SECONDS)
    return response


async def watch_to_the_end(watcher: Watcher) -> Watcher:
    async for _ in watcher.follow():
        pass
    return watcher


async def test_while_it_drains_it_takes_nothing_new_and_sends_its_readers_away(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = service_with(tmp_path, upstream, grace_seconds=FOR_EVER_SECONDS)
    async with service.running(), service.client() as client:
        conversation = await client.conversation()
        sent = await client.send(conversation, model=ENDLESS)
        reader = client.reader(sent.generation_id)
        watcher = Watcher(client.http, conversation)
        reading = asyncio.create_task(reader.read_on())
        watching = asyncio.create_task(watch_to_the_end(watcher))
        await upstream.tokens_sent(10)
        service.signal(signal.SIGTERM)

        not_ready = await until_not_ready(client)
        assert not_ready.status_code == 503
        assert not_ready.json()["reasons"] == ["The server is shutting down."]
        await asyncio.gather(reading, watching)
        assert reader.terminal is None
        assert not reader.no_server
        assert (len(reader.retries), len(watcher.retries)) == (2, 2)

        refused = await client.try_send(conversation, model="demo/echo", on_busy="queue")
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["type"] == "shutting_down"
        with pytest.raises(Refused) as too_late:
            await reader.read_on()
        assert too_late.value.response.status_code == 503
        assert "retry-after" in too_late.value.response.headers
        assert (await client.http.get("/health/live")).status_code == 200

        service.signal(signal.SIGTERM)
        await service.exit_code()
        await check_after_restart(service, reader, conversation, "interrupted")


async def test_short_answers_end_and_long_ones_are_interrupted_after_the_grace(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = service_with(tmp_path, upstream, grace_seconds=4)
    async with service.running(), service.client() as client:
        conversations = [await client.conversation() for _ in range(3)]
        short = await client.send(conversations[0], model=SHORT)
        long = await client.send(conversations[1], model=ENDLESS)
        running = await client.send(conversations[2], model=ENDLESS)
        queued = await client.send(conversations[2], model="demo/echo", on_busy="queue")
        readers = [
            client.reader(sent.generation_id) for sent in (short, long, running, queued)
        ]
        reading = [asyncio.create_task(reader.read_on()) for reader in readers]
        await upstream.until(
            lambda: len(upstream.completions) == 3
            and all(record.tokens_sent for record in upstream.completions)
        )
        assert await service.terminate() == 0
        await asyncio.gather(*reading)
        ends = ["complete", "interrupted", "interrupted", "interrupted"]
        for reader, conversation, end in zip(
            readers, [*conversations, conversations[2]], ends, strict=True
        ):
            assert reader.terminal is None
            if not service.is_running:
                await service.start()
            await check_after_restart_is_up(service, reader, conversation, end)
        assert readers[0].text == answer_text(tokens=SHORT_TOKENS)
    gone = [record for record in upstream.completions if not record.finished]
    assert len(gone) == 2
    assert all(record.client_gone for record in gone)
