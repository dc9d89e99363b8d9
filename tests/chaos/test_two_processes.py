"""P1, P2, P5, P6, P9, P10 and P15 over several processes: whichever is asked, whichever dies."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.chaos.agreement import agreed, send_patiently
from tests.client import Client, Sent
from tests.cluster import Cluster
from tests.e2e.conftest import upstream_settings
from tests.e2e.watcher import Watcher
from tests.reader import Reader
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = f"openai/{mock_model(tokens=1_000_000, rate=200)}"
PREFIX = answer_text(tokens=100_000)
LEASE_SECONDS = 1.5
FOR_EVER_SECONDS = 3600
SENDERS = 10


@pytest.fixture
def upstream(lasting_upstream: Upstream) -> Upstream:
    """The lasting one, with nothing in its ledger."""
    lasting_upstream.ledger.records.clear()
    return lasting_upstream


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory, lasting_upstream: Upstream
) -> AsyncIterator[Cluster]:
    settings = upstream_settings(lasting_upstream) | {"LLMCHAT_LEASE_SECONDS": LEASE_SECONDS}
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), settings, processes=3)
    async with cluster.running():
        yield cluster


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(shared_cluster: Cluster) -> AsyncIterator[Cluster]:
    """The shared one; whatever a test did to its processes, the next one finds them ready."""
    yield shared_cluster
    await shared_cluster.mend()


@pytest_asyncio.fixture(loop_scope="session")
async def clients(cluster: Cluster) -> AsyncIterator[Sequence[Client]]:
    async with cluster.clients() as connected:
        yield connected


async def follow(
    clients: Sequence[Client], sent: Sent, *, tokens: int = 30
) -> tuple[list[Reader], "asyncio.Future[list[Reader]]"]:
    """A reader on each, once all have seen some text; each has one connection, and no other."""
    readers = [client.reader(sent.generation_id) for client in clients]
    seen = [asyncio.Event() for _ in readers]

    async def read(reader: Reader, enough: asyncio.Event) -> Reader:
        try:
            async for _ in reader.follow():
                if len(reader.text.split()) >= tokens:
                    enough.set()
        finally:
            enough.set()
        return reader

    reading = asyncio.gather(*[read(*pair) for pair in zip(readers, seen, strict=True)])
    await asyncio.gather(*[it.wait() for it in seen])
    return readers, reading


async def test_post_on_one_follow_on_another_stop_on_a_third(
    clients: Sequence[Client], upstream: Upstream
) -> None:
    a, b, c = clients
    conversation = await a.conversation()
    sent = await a.send(conversation, model=ENDLESS)
    readers, reading = await follow([b, b, c, a], sent)
    stopped = await c.stop(sent.generation_id)
    assert stopped["status"] == "stopped"
    await reading
    replay = await agreed(clients, conversation, sent, readers)
    for reader in [*readers, replay]:
        beyond = [event for event in reader.events if event.last > stopped["last_event_id"]]
        assert all(event.terminal for event in beyond)
    assert replay.status == "stopped"
    assert PREFIX.startswith(replay.text)
    assert [await client.stop(sent.generation_id) for client in clients] == [stopped] * 3
    # Its own end was more than an hour away.
    await upstream.client_gone()


async def test_stop_reaches_an_owner_that_waits_for_its_first_token(
    clients: Sequence[Client], upstream: Upstream
) -> None:
    a, b, _ = clients
    conversation = await a.conversation()
    sent = await a.send(conversation, model=f"openai/{mock_model(fail='silence-before')}")
    await upstream.until(lambda: bool(upstream.completions))
    assert (await b.stop(sent.generation_id))["status"] == "stopped"
    await upstream.client_gone()
    assert (await agreed(clients, conversation, sent)).text == ""


async def test_stop_works_at_once_when_the_owner_is_dead(
    cluster: Cluster, clients: Sequence[Client], upstream: Upstream
) -> None:
    a, b, c = clients
    conversation = await a.conversation()
    sent = await a.send(conversation, model=ENDLESS)
    readers, reading = await follow([b, c], sent)
    await cluster.services[0].kill()
    stopped = await b.stop(sent.generation_id)
    assert stopped["status"] == "stopped"
    await reading
    replay = await agreed([b, c], conversation, sent, readers)
    assert replay.status == "stopped"
    assert replay.text
    assert PREFIX.startswith(replay.text)
    await cluster.mend()
    # It comes back, and neither goes on with what it had nor ends it once more.
    assert (await agreed(clients, conversation, sent, readers)).cursor == replay.cursor
    await upstream.client_gone()


async def test_an_owner_that_was_frozen_and_wakes_writes_nothing_more(
    cluster: Cluster, clients: Sequence[Client], upstream: Upstream
) -> None:
    a, b, c = clients
    conversation = await a.conversation()
    sent = await a.send(conversation, model=ENDLESS)
    own, own_reading = await follow([a, a], sent)
    others, others_reading = await follow([b, c], sent)
    await cluster.services[0].pause()
    await others_reading
    settled = await agreed([b, c], conversation, sent, others)
    assert settled.status == "interrupted"
    frozen = upstream.completions[0]
    assert not frozen.client_gone
    cluster.services[0].resume()
    # It has given up, and can have nothing left to write.
    await upstream.client_gone()
    await own_reading
    again = await agreed(clients, conversation, sent, [*own, *others])
    assert (again.text, again.cursor) == (settled.text, settled.cursor)
    sent = await a.send(conversation, "still there?", model="demo/echo")
    assert (await b.read(sent.generation_id)).text == "You said: still there?"


def answered(replay: Reader, text: str, *, refused: bool) -> None:
    """A send that got a 503 may have been stored all the same, and ended before anybody wrote."""
    ends = {("complete", text), *([("interrupted", "")] if refused else [])}
    assert (replay.status, replay.text) in ends


async def test_one_key_sent_to_all_at_once_is_one_turn(clients: Sequence[Client]) -> None:
    async def send_everywhere(number: int) -> None:
        conversation = await clients[number % len(clients)].conversation(model="demo/echo")
        key = str(uuid4())
        sends = await asyncio.gather(
            *[
                send_patiently(client, conversation, "only once", key=key)
                for client in [*clients, *clients]
            ]
        )
        answers, refused = zip(*sends, strict=True)
        assert {answer.status_code for answer in answers} == {202}
        assert [answer.json() for answer in answers] == [answers[0].json()] * len(answers)
        sent = Sent(**answers[0].json())
        replay = await clients[0].read(sent.generation_id)
        answered(replay, "You said: only once", refused=any(refused))
        for client in clients:
            question, reply = await client.messages(conversation)
            assert (question["id"], reply["id"]) == (sent.message["id"], sent.reply_id)
            assert (question["siblings"], reply["siblings"]) == ([question["id"]], [reply["id"]])

    await asyncio.gather(*[send_everywhere(number) for number in range(SENDERS)])


async def test_sends_to_all_at_once_are_all_answered_one_at_a_time(
    clients: Sequence[Client],
) -> None:
    conversation = await clients[0].conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 0}}
    sends = [
        send_patiently(
            clients[number % len(clients)],
            conversation,
            f"number {number}",
            key=str(uuid4()),
            on_busy="queue",
            params=fast,
        )
        for number in range(SENDERS)
    ]
    for number, (answer, refused) in enumerate(await asyncio.gather(*sends)):
        sent = Sent(**answer.json())
        replay = await clients[(number + 1) % len(clients)].read(sent.generation_id)
        answered(replay, f"You said: number {number}", refused=refused)
    everywhere = [await client.messages(conversation) for client in clients]
    assert everywhere == [everywhere[0]] * len(clients)
    roles = [message["role"] for message in everywhere[0]]
    assert roles == ["user", "assistant"] * SENDERS


async def test_a_conversation_is_watched_on_one_process_and_written_on_another(
    clients: Sequence[Client],
) -> None:
    a, b, _ = clients
    conversation = await a.conversation(model="demo/echo", title="before")
    watcher = Watcher(b.http, conversation)
    watching = asyncio.create_task(watcher.watch_until(saw_end_and_title("after")))
    await watcher.opened.wait()
    sent = await a.send(conversation, "seen by all")
    await a.read(sent.generation_id)
    renamed = await a.http.patch(f"/api/conversations/{conversation}", json={"title": "after"})
    assert renamed.status_code == 200
    await watching
    assert [(name, data["id"]) for name, data in watcher.others] == [
        ("message", sent.message["id"]),
        ("message", sent.reply_id),
        ("conversation", conversation),
    ]
    answer = watcher.answers[sent.generation_id]
    assert (answer.text, answer.status) == ("You said: seen by all", "complete")
    # Its events were there from the first, `started`, on: the watcher refuses a gap.
    assert answer.last == (await b.generation(sent.generation_id))["last_event_id"]


def saw_end_and_title(title: str) -> Callable[[Watcher], bool]:
    return lambda it: (
        any(data.get("title") == title for name, data in it.others if name == "conversation")
        and bool(it.answers)
        and all(answer.status for answer in it.answers.values())
    )


async def test_a_tab_opened_elsewhere_in_mid_answer_has_all_of_it(
    clients: Sequence[Client], upstream: Upstream
) -> None:
    a, b, _ = clients
    conversation = await a.conversation()
    sent = await a.send(conversation, model=f"openai/{mock_model(tokens=300, rate=200)}")
    await upstream.tokens_sent(100)
    watcher = await Watcher(b.http, conversation).watch_until(
        lambda it: (
            sent.generation_id in it.answers and it.answers[sent.generation_id].status is not None
        )
    )
    answer = watcher.answers[sent.generation_id]
    assert (answer.text, answer.status) == (answer_text(tokens=300), "complete")


async def test_a_sigterm_ends_its_answers_at_once_for_readers_elsewhere(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = upstream_settings(upstream) | {
        # Only the process itself can end it: its lease outlasts any test.
        "LLMCHAT_LEASE_SECONDS": FOR_EVER_SECONDS,
        "LLMCHAT_SHUTDOWN_GRACE_SECONDS": 0.5,
    }
    async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=ENDLESS)
        readers, reading = await follow([b], sent)
        cluster.services[0].signal(signal.SIGTERM)
        await reading
        assert await cluster.services[0].exit_code() == 0
        assert (await agreed([b], conversation, sent, readers)).status == "interrupted"
        await upstream.client_gone()
