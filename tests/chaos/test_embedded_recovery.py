"""One process that dies, or is stopped, and goes on with its answers when it is back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client import Client, Sent
from tests.e2e.conftest import upstream_settings
from tests.reader import Reader
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

TOKENS = 400
STORY = answer_text(tokens=TOKENS)
PACED = f"local/{mock_model(tokens=TOKENS, rate=200)}"
SILENT = f"local/{mock_model(fail='silence-before')}"
MOST_STARTS = 10


@pytest.fixture
async def going_on(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Service]:
    settings = upstream_settings(upstream) | {"LLMCHAT_ON_CRASH": "continue"}
    async with Service(tmp_path, **settings).running() as service:
        yield service


async def test_an_answer_goes_on_after_kill_9_and_a_restart(
    going_on: Service, upstream: Upstream
) -> None:
    async with going_on.client() as client:
        sent, reader = await begun(client)
        await going_on.kill()
        shown = reader.text
        await going_on.start()
        await reader.read_to_end()
        await check_whole(client, sent, reader)
        assert reader.text.startswith(shown)
        _, second = upstream.completions
        assert second.body["messages"][-1]["role"] == "assistant"
        assert second.body["messages"][-1]["content"].startswith(shown)


@pytest.mark.thorough
async def test_an_answer_goes_on_after_a_deploy(going_on: Service) -> None:
    going_on.settings["LLMCHAT_SHUTDOWN_GRACE_SECONDS"] = "0"
    await going_on.kill()
    await going_on.start()
    async with going_on.client() as client:
        sent, reader = await begun(client)
        waiting = await client.send(
            sent.message["conversation_id"], "and then?", model="demo/echo", on_busy="queue"
        )
        assert await going_on.terminate() == 0
        await going_on.start()
        await reader.read_to_end()
        await check_whole(client, sent, reader)
        assert (await client.read(waiting.generation_id)).status == "complete"


@pytest.mark.thorough
async def test_restart_begins_the_answer_anew(tmp_path: Path, upstream: Upstream) -> None:
    settings = upstream_settings(upstream) | {"LLMCHAT_ON_CRASH": "restart"}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        sent, reader = await begun(client)
        await service.kill()
        await service.start()
        await reader.read_to_end()
        await check_whole(client, sent, reader)
        assert [event.name for event in reader.events].count("reset") == 1
        assert upstream.completions[-1].body["messages"][-1]["role"] == "user"


@pytest.mark.thorough
async def test_an_answer_that_kills_the_server_does_not_kill_it_for_ever(
    going_on: Service, upstream: Upstream
) -> None:
    async with going_on.client() as client:
        sent = await client.send(await client.conversation(), model=SILENT)
        for _ in range(MOST_STARTS):
            asked = len(upstream.completions)
            await going_on.kill()
            await going_on.start()
            if (await client.generation(sent.generation_id))["status"] == "interrupted":
                break
            await asked_again(upstream, asked)
        assert (await client.read(sent.generation_id)).status == "interrupted"


async def test_a_model_that_was_taken_away_ends_its_answers(
    going_on: Service, upstream: Upstream
) -> None:
    async with going_on.client() as client:
        _sent, reader = await begun(client)
        await going_on.kill()
        del going_on.settings["LLM_SERVER_URL"]
        await going_on.start()
        await reader.read_to_end()
        assert reader.status == "interrupted"


async def asked_again(upstream: Upstream, before: int) -> None:
    await upstream.until(lambda: len(upstream.completions) > before)


async def begun(client: Client) -> tuple[Sent, Reader]:
    """An answer in the middle, and a reader who has seen that much."""
    sent = await client.send(await client.conversation(), model=PACED)
    reader = client.reader(sent.generation_id)
    async with asyncio.timeout(30):
        await reader.read_until(lambda it: len(it.text.split()) > TOKENS // 4)
    return sent, reader


async def check_whole(client: Client, sent: Sent, reader: Reader) -> None:
    assert (reader.status, reader.text) == ("complete", STORY)
    stored = await client.message(sent.message["conversation_id"], sent.reply_id)
    assert (stored["status"], stored["content"]) == ("complete", STORY)
    replay = await client.read(sent.generation_id)
    assert (replay.status, replay.text) == ("complete", STORY)
