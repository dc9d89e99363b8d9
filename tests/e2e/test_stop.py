"""P9: stop is final, whoever asks, whenever."""

import asyncio

import pytest

from tests.client import Client
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = f"openai/{mock_model(tokens=1_000_000, rate=200)}"


async def test_after_stop_returned_nothing_but_the_terminal_is_shown(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model=ENDLESS)
    readers = [client.reader(sent.generation_id) for _ in range(10)]
    reading = [asyncio.create_task(reader.read_to_end()) for reader in readers]
    await upstream.tokens_sent(50)
    stopped = await client.stop(sent.generation_id)
    assert stopped["status"] == "stopped"
    await asyncio.gather(*reading)
    generation = await client.generation(sent.generation_id)
    for reader in [*readers, await client.read(sent.generation_id)]:
        beyond = [event for event in reader.events if event.last > stopped["last_event_id"]]
        assert all(event.terminal for event in beyond)
        assert (reader.status, reader.text) == ("stopped", generation["text"])
    assert generation["text"]
    assert answer_text(tokens=10_000).startswith(generation["text"])
    message = await client.message(conversation, sent.reply_id)
    assert (message["status"], message["content"]) == ("stopped", generation["text"])
    await upstream.client_gone()


@pytest.mark.parametrize("fail", ["no-headers", "silence-before"])
async def test_stop_works_before_the_first_token(
    client: Client, upstream: Upstream, fail: str
) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model=f"openai/{mock_model(fail=fail)}")
    await upstream.until(lambda: bool(upstream.completions))
    assert (await client.stop(sent.generation_id))["status"] == "stopped"
    await upstream.client_gone()
    reader = await client.read(sent.generation_id)
    assert [event.name for event in reader.events] == ["started", "finished"]
    assert (await client.message(conversation, sent.reply_id))["status"] == "stopped"


async def test_stop_twice_and_at_once_is_stop_once(client: Client, upstream: Upstream) -> None:
    sent = await client.send(await client.conversation(), model=ENDLESS)
    await upstream.tokens_sent(5)
    together = await asyncio.gather(*[client.stop(sent.generation_id) for _ in range(8)])
    later = await client.stop(sent.generation_id)
    assert all(answer == later for answer in together)
    assert (await client.read(sent.generation_id)).cursor == later["last_event_id"]


async def test_stop_after_the_end_changes_nothing(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    sent = await client.send(conversation, "to be read")
    before = await client.read(sent.generation_id)
    answer = await client.stop(sent.generation_id)
    assert answer == {"status": "complete", "last_event_id": before.cursor}
    after = await client.read(sent.generation_id)
    assert (after.status, after.text) == ("complete", "You said: to be read")


async def test_what_is_queued_is_stopped_and_never_asked(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(model=ENDLESS)
    running = await client.send(conversation, "first")
    queued = await client.send(conversation, "second", on_busy="queue")
    last = await client.send(conversation, "third", on_busy="queue", model="demo/echo")
    assert (await client.stop(queued.generation_id))["status"] == "stopped"
    assert (await client.generation(running.generation_id))["status"] == "streaming"
    reader = await client.read(queued.generation_id)
    assert [event.name for event in reader.events] == ["started", "finished"]
    await client.stop(running.generation_id)
    assert (await client.read(last.generation_id)).text == "You said: third"
    assert len(upstream.completions) == 1


async def test_a_stop_in_another_tab_ends_it_here(
    service: Service, client: Client, upstream: Upstream
) -> None:
    sent = await client.send(await client.conversation(), model=ENDLESS)
    here = asyncio.create_task(client.read(sent.generation_id))
    await upstream.tokens_sent(5)
    async with service.client() as other_tab:
        await other_tab.stop(sent.generation_id)
    assert (await here).status == "stopped"
    await upstream.client_gone()


async def test_after_a_stop_the_conversation_goes_on(client: Client, upstream: Upstream) -> None:
    conversation = await client.conversation(model=ENDLESS)
    first = await client.send(conversation, "first")
    await upstream.tokens_sent(5)
    await client.stop(first.generation_id)
    second = await client.send(conversation, "second", model="demo/echo")
    assert (await client.read(second.generation_id)).text == "You said: second"
    assert len(await client.messages(conversation)) == 4


async def test_an_unknown_generation_cannot_be_stopped(client: Client) -> None:
    response = await client.http.post("/api/generations/gen_0000/stop")
    assert (response.status_code, response.json()["type"]) == (404, "not_found")
