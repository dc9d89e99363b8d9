"""P15: SIGTERM lets go of everybody, lets short answers end, and leaves nothing in doubt."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.e2e.stalled import StalledReader
from tests.e2e.watcher import Watcher
from tests.reader import Reader, Refused
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

ENDLESS = f"openai/{mock_model(tokens=1_000_000, rate=100)}"
SHORT_TOKENS = 40
SHORT = f"openai/{mock_model(tokens=SHORT_TOKENS, rate=40)}"
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
        while True:
            response = await client.http.get("/health/ready")
            if response.status_code != 200:
                return response
            await asyncio.sleep(LOOK_SECONDS)


async def check_end(client: Client, conversation: str, reader: Reader, status: str) -> None:
    """After a restart: the reader gets the rest, and everything says the same."""
    await reader.read_to_end()
    generation = await client.generation(reader.generation_id)
    message = await client.message(conversation, generation["message_id"])
    assert {reader.status, generation["status"], message["status"]} == {status}
    assert {reader.text, generation["text"], message["content"]} == {reader.text}
    assert (await client.show(conversation))["active_generations"] == []


async def test_a_sigterm_sends_everybody_away_and_a_second_one_exits_at_once(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = service_with(tmp_path, upstream, grace_seconds=FOR_EVER_SECONDS)
    async with service.running(), service.client() as client:
        conversation = await client.conversation()
        sent = await client.send(conversation, model=ENDLESS)
        reader = client.reader(sent.generation_id)
        watcher = Watcher(client.http, conversation)
        reading = asyncio.create_task(reader.read_on())
        watching = asyncio.create_task(watcher.watch_to_the_end())
        await upstream.until(lambda: watcher.opened.is_set() and len(reader.events) > 10)
        service.signal(signal.SIGTERM)

        not_ready = await until_not_ready(client)
        assert not_ready.status_code == 503
        assert not_ready.json()["reasons"] == ["The server is shutting down."]
        await asyncio.gather(reading, watching)
        assert (reader.terminal, reader.no_server) == (None, False)
        hints = [reader.retries[1:], watcher.retries[1:]]
        assert [len(hint) for hint in hints] == [1, 1]

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
        await service.start()
        await check_end(client, conversation, reader, "interrupted")
        assert len(await client.messages(conversation)) == 2


@pytest.mark.embedded
async def test_short_answers_end_and_long_ones_are_interrupted_after_the_grace(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = service_with(tmp_path, upstream, grace_seconds=4)
    async with service.running(), service.client() as client:
        ends = {SHORT: "complete", ENDLESS: "interrupted", "demo/echo": "interrupted"}
        asked = []
        for models in ([SHORT], [ENDLESS], [ENDLESS, "demo/echo"]):
            conversation = await client.conversation()
            for model in models:
                sent = await client.send(conversation, model=model, on_busy="queue")
                asked.append((conversation, client.reader(sent.generation_id), ends[model]))
        reading = [asyncio.create_task(reader.read_on()) for _, reader, _ in asked]
        await upstream.until(lambda: all(reader.events for _, reader, _ in asked))
        await upstream.until(lambda: sum(bool(it.tokens_sent) for it in upstream.completions) == 3)
        assert await service.terminate() == 0
        await asyncio.gather(*reading)
        assert [reader.terminal for _, reader, _ in asked] == [None] * 4
        cut_off = [record for record in upstream.completions if not record.finished]
        assert len(cut_off) == 2
        await upstream.until(lambda: all(record.client_gone for record in cut_off))
        await service.start()
        for conversation, reader, end in asked:
            await check_end(client, conversation, reader, end)
        assert asked[0][1].text == answer_text(tokens=SHORT_TOKENS)


async def test_with_nothing_to_finish_it_exits_whoever_is_connected(
    tmp_path: Path, upstream: Upstream
) -> None:
    service = service_with(tmp_path, upstream, grace_seconds=FOR_EVER_SECONDS)
    async with service.running(), service.client() as client:
        conversation = await client.conversation(model="demo/story")
        params = {"extra": {"tokens": 60_000, "tokens_per_second": 0}}
        sent = await client.send(conversation, params=params)
        await client.read(sent.generation_id)
        watcher = Watcher(client.http, conversation)
        watching = asyncio.create_task(watcher.watch_to_the_end())
        await watcher.opened.wait()
        with StalledReader(service.base_url, sent.stream_url, times=20) as stalled:
            await asyncio.to_thread(stalled.begin)
            assert await service.terminate() == 0
        assert len((await watching).retries) == 2
