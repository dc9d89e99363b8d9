"""Clients that leave, a server that closes, and the ledger that tells of it."""

import asyncio
import json
import socket

import pytest

from llmchat.mock.faults import MIDWAY
from tests.raw_http import PATIENCE_SECONDS, RawClient, ask, get
from tests.upstream import ENDLESS, Upstream, mock_model, mock_upstream


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", sorted(ENDLESS))
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_client_that_leaves_is_noticed_in_any_silence(
    upstream: Upstream, kind: str, how: str, stream: bool
) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.ask(mock_model(fail=kind, after=2), stream=stream)
        silent_after = 2 if stream and kind in MIDWAY else 0
        before = await upstream.tokens_sent(silent_after)
        assert (before.client_gone, before.ended_at) == (False, None)
        left_at = asyncio.get_running_loop().time()
        leave(client, how)

    record = await upstream.client_gone()
    assert record.client_gone_at is not None
    assert record.client_gone_at >= left_at
    assert record.tokens_sent == silent_after
    assert not record.finished


def leave(client: RawClient, how: str) -> None:
    if how == "rst":
        connection: socket.socket = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.writer.transport.abort()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_paced_answer_stops_when_its_client_leaves(
    upstream: Upstream, stream: bool
) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.ask(mock_model(tokens=1_000_000, rate=1_000), stream=stream)
        await upstream.tokens_sent(3)

    record = await upstream.client_gone()
    await upstream.until(lambda: record.ended_at is not None)
    billed = record.tokens_sent
    await ask(upstream.base_url, mock_model(tokens=5, rate=1_000))
    assert 3 <= record.tokens_sent == billed < 1_000_000


async def test_an_unpaced_answer_stops_when_its_client_leaves(upstream: Upstream) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.ask(mock_model(tokens=10_000_000))
        await upstream.tokens_sent(3)

    assert (await upstream.client_gone()).tokens_sent < 10_000_000


async def test_a_client_that_stays_is_not_called_gone(upstream: Upstream) -> None:
    await ask(upstream.base_url, mock_model(tokens=1))

    record = upstream.completions[0]
    await upstream.until(lambda: record.ended_at is not None)
    assert record.finished
    assert not record.client_gone


async def test_closing_ends_every_connection_and_task() -> None:
    before = asyncio.all_tasks()
    async with mock_upstream(tokens=2) as upstream:
        clients = [await RawClient.connect(upstream.base_url) for _ in ENDLESS]
        idle = await RawClient.connect(upstream.base_url)
        stalled = await RawClient.connect(upstream.base_url)
        stalled.ask(mock_model(fail="giant-line", after=1))
        for kind, client in zip(ENDLESS, clients, strict=True):
            client.ask(mock_model(fail=kind))
        await upstream.until(lambda: len(upstream.completions) == len(ENDLESS) + 1)

    assert asyncio.all_tasks() == before
    assert not any(record.client_gone for record in upstream.completions)
    for client in (*clients, idle, stalled):
        async with client, asyncio.timeout(PATIENCE_SECONDS):
            while not client.reader.at_eof():
                await client.reader.read(1 << 16)


async def test_the_ledger_has_what_was_asked(upstream: Upstream) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        body = json.dumps({"model": mock_model(tokens=3), "messages": [], "top_p": 0.5})
        client.send(
            "POST /v1/chat/completions?x=1 HTTP/1.1", body.encode(), "Authorization: Bearer k"
        )
        await client.reply()
    ledger = json.loads((await get(upstream.base_url, "/mock/ledger")).body)

    (record,) = ledger["records"]
    assert ledger["total"] == 1
    assert (record["method"], record["path"]) == ("POST", "/v1/chat/completions")
    assert record["headers"]["authorization"] == "Bearer k"
    assert record["body"] == json.loads(body)
    assert (record["tokens_sent"], record["finished"], record["client_gone"]) == (3, True, False)
    assert record["started_at"] <= record["ended_at"] <= ledger["now"]
