"""P2 and P3 for a whole conversation: every tab sees the same, whenever it was opened."""

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.client import Client
from tests.e2e.watcher import Watcher
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCHERS = 40


def ended(*generations: str) -> Callable[[Watcher], bool]:
    """Whether a watcher has seen the end of them all."""
    return lambda it: all(id_ in it.answers and it.answers[id_].status for id_ in generations)


def some_steps(count: int, *, or_: Callable[[Watcher], bool]) -> Callable[[Watcher], bool]:
    """Whether something has come so often, or the other condition holds."""
    left = iter(range(count - 1))
    return lambda it: next(left, None) is None or or_(it)


async def begin_watching(
    client: Client, conversation: str, until: Callable[[Watcher], bool]
) -> tuple[Watcher, "asyncio.Task[Watcher]"]:
    """A watcher that has its snapshot, and goes on in the background."""
    watcher = Watcher(client.http, conversation)
    watching = asyncio.create_task(watcher.watch_until(until))
    await watcher.opened.wait()
    return watcher, watching


async def test_another_tab_sees_all_that_happens(service: Service, client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    watcher, watching = await begin_watching(
        client,
        conversation,
        lambda it: bool(it.answers) and all(a.status for a in it.answers.values()),
    )
    assert watcher.snapshot is not None
    assert (watcher.snapshot["conversation"]["id"], watcher.snapshot["generations"]) == (
        conversation,
        [],
    )
    async with service.client() as other_tab:
        sent = await other_tab.send(conversation, "seen by all")
    await watching
    assert [name for name, _ in watcher.others] == ["message", "message"]
    assert [data["id"] for _, data in watcher.others] == [sent.message["id"], sent.reply_id]
    answer = watcher.answers[sent.generation_id]
    assert (answer.text, answer.status) == ("You said: seen by all", "complete")


async def test_a_tab_opened_in_mid_answer_has_all_of_it(
    client: Client, chaos: random.Random
) -> None:
    conversation = await client.conversation()
    extra = {"tokens": 4000, "tokens_per_second": 4000}
    sent = await client.send(conversation, model="demo/story", params={"extra": extra})
    reading = asyncio.create_task(client.read(sent.generation_id))

    async def open_tab(seconds: float) -> Watcher:
        await asyncio.sleep(seconds)
        watcher = Watcher(client.http, conversation)
        return await watcher.watch_until(
            lambda it: (
                it.snapshot is not None
                and (ended(sent.generation_id)(it) or not it.snapshot["generations"])
            )
        )

    watchers = await asyncio.gather(*[open_tab(chaos.uniform(0, 1.2)) for _ in range(WATCHERS)])
    assert (await reading).text == answer_text(tokens=4000)
    opened_in_time = [watcher for watcher in watchers if watcher.answers]
    assert opened_in_time
    for watcher in opened_in_time:
        answer = watcher.answers[sent.generation_id]
        assert (answer.text, answer.status) == (answer_text(tokens=4000), "complete")


async def test_a_tab_that_comes_back_in_mid_answer_has_all_of_it(
    client: Client, upstream: Upstream, chaos: random.Random
) -> None:
    conversation = await client.conversation()
    model = f"openai/{mock_model(tokens=600, rate=100)}"
    sent = await client.send(conversation, model=model)
    watcher = Watcher(client.http, conversation)
    connections = 0
    end = ended(sent.generation_id)
    # Not to the last: an end that comes between two connections is in no snapshot.
    while connections < 8 and not end(watcher):
        await watcher.watch_until(some_steps(chaos.randrange(1, 10), or_=end))
        connections += 1
    await watcher.watch_until(end)
    answer = watcher.answers[sent.generation_id]
    assert connections > 1
    assert (answer.text, answer.status) == (answer_text(tokens=600), "complete")


async def test_answers_that_end_while_a_tab_opens_are_told_once_and_to_their_end(
    client: Client,
) -> None:
    conversation = await client.conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 0}}

    async def send_many() -> None:
        for number in range(20):
            await client.send(conversation, f"{number}", on_busy="queue", params=fast)

    def saw_the_last(watcher: Watcher) -> bool:
        texts = {answer.text for answer in watcher.answers.values() if answer.status}
        return "You said: the last" in texts

    sending = asyncio.create_task(send_many())
    opened: list[tuple[Watcher, asyncio.Task[Watcher]]] = []
    while not sending.done() and len(opened) < WATCHERS:
        opened.append(await begin_watching(client, conversation, saw_the_last))
    await sending
    await client.send(conversation, "the last", on_busy="queue", params=fast)
    for watcher, watching in opened:
        await watching
        assert all(answer.status == "complete" for answer in watcher.answers.values())


async def test_silence_in_a_conversation_is_filled_with_heartbeats(client: Client) -> None:
    conversation = await client.conversation(title="quiet")
    watcher = await Watcher(client.http, conversation).watch_until(lambda it: it.heartbeats == 2)
    assert watcher.snapshot is not None
    assert watcher.snapshot["conversation"]["title"] == "quiet"


async def test_a_change_of_the_conversation_is_told(client: Client) -> None:
    conversation = await client.conversation(title="before")
    watcher, watching = await begin_watching(client, conversation, lambda it: bool(it.others))
    await client.http.patch(f"/api/conversations/{conversation}", json={"title": "after"})
    await watching
    [(name, data)] = watcher.others
    assert (name, data["title"]) == ("conversation", "after")


async def test_an_unknown_conversation_has_no_stream(client: Client) -> None:
    response = await client.http.get("/api/conversations/conv_0000/stream")
    assert (response.status_code, response.json()["type"]) == (404, "not_found")
