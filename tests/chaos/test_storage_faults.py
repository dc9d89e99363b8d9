"""P1, P2, P5, P6 and P16: Redis or Postgres dies, hangs or forgets; the owner lives, or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from tests.chaos.agreement import agreed, read_patiently
from tests.chaos.outages import OF_POSTGRES, OF_REDIS, Outage
from tests.chaos.tally import lost
from tests.client import Client
from tests.cluster import Cluster
from tests.e2e.conftest import upstream_settings
from tests.reader import Reader, Refused
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 700
STORY = answer_text(tokens=TOKENS)
MODEL = f"openai/{mock_model(tokens=TOKENS, rate=200)}"
ENDLESS = f"openai/{mock_model(tokens=1_000_000, rate=400)}"
ENDLESS_PREFIX = answer_text(tokens=100_000)
TOKENS_OF_A_CHECKPOINT = 1024
KEPT_OFFSETS = 100
SHORT_LEASE_SECONDS = 1.5
OUTAGE_SECONDS = 2.0
MOST_SECONDS_OF_REFUSAL = 5
"""2 are promised."""
MOST_SECONDS_OF_RETURN = 15
"""5 are promised."""

ALL = OF_REDIS | OF_POSTGRES
USUAL = {"redis killed", "postgres blackholed"}
"""The others are like one of these; they run with --thorough."""
AWAY = {name: ALL[name] for name in ALL if not name.endswith((" cut", " slow"))}


def usual_and_others(outages: dict[str, Outage]) -> list[Any]:
    return [
        pytest.param(outage, id=name, marks=() if name in USUAL else pytest.mark.thorough)
        for name, outage in outages.items()
    ]


@pytest.fixture
def upstream(lasting_upstream: Upstream) -> Upstream:
    """The lasting one, with nothing in its ledger."""
    lasting_upstream.ledger.records.clear()
    return lasting_upstream


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory, lasting_upstream: Upstream
) -> AsyncIterator[Cluster]:
    """With the default lease, which outlasts every outage here."""
    folder = tmp_path_factory.mktemp("cluster")
    settings = upstream_settings(lasting_upstream)
    async with Cluster(folder, settings, proxied=True).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(shared_cluster: Cluster) -> AsyncIterator[Cluster]:
    """The shared one; whatever a test did to it, the next one finds it ready."""
    yield shared_cluster
    await shared_cluster.mend()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_mortals(
    tmp_path_factory: pytest.TempPathFactory, lasting_upstream: Upstream
) -> AsyncIterator[Cluster]:
    """With a short lease."""
    folder = tmp_path_factory.mktemp("mortals")
    settings = upstream_settings(lasting_upstream) | {"LLMCHAT_LEASE_SECONDS": SHORT_LEASE_SECONDS}
    async with Cluster(folder, settings, proxied=True).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def mortals(shared_mortals: Cluster) -> AsyncIterator[Cluster]:
    """Processes whose death is soon seen; the next test finds them ready."""
    yield shared_mortals
    await shared_mortals.mend()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - a reader sets no Event
            await asyncio.sleep(LOOK_SECONDS)


async def still_works(clients: list[Client]) -> None:
    for client in clients:
        sent = await client.send(await client.conversation(), "still there?", model="demo/echo")
        assert (await client.read(sent.generation_id)).text == "You said: still there?"


@pytest.mark.parametrize("outage", usual_and_others(ALL))
async def test_an_answer_is_complete_and_exact_over_an_outage(
    cluster: Cluster, upstream: Upstream, outage: Outage
) -> None:
    async with cluster.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=MODEL)
        readers = [client.reader(sent.generation_id) for client in (a, b, b)]
        reading = asyncio.gather(*[read_patiently(reader) for reader in readers])
        await until(lambda: all(reader.text for reader in readers))
        async with outage(cluster):
            late = b.reader(sent.generation_id)
            reading_late = asyncio.create_task(read_patiently(late))
            await asyncio.sleep(OUTAGE_SECONDS)
        await reading
        await reading_late
        replay = await agreed([a, b], conversation, sent, [*readers, late])
        assert (replay.status, replay.text) == ("complete", STORY)
        assert len(upstream.completions) == 1
        await still_works([a, b])


@pytest.mark.parametrize("outage", usual_and_others(AWAY))
async def test_an_owner_that_dies_in_an_outage_leaves_all_that_was_shown(
    mortals: Cluster, upstream: Upstream, outage: Outage
) -> None:
    async with mortals.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=ENDLESS)
        readers = [b.reader(sent.generation_id) for _ in range(3)]
        reading = asyncio.gather(*[read_patiently(reader) for reader in readers])
        await until(lambda: all(reader.text for reader in readers))
        async with outage(mortals):
            await mortals.services[0].kill()
            shown = [reader.text for reader in readers]
            await asyncio.sleep(OUTAGE_SECONDS)
        await reading
        replay = await agreed([b], conversation, sent, readers)
        assert replay.status == "interrupted"
        assert ENDLESS_PREFIX.startswith(replay.text)
        assert [lost(text, replay.text) for text in shown] == [0] * len(shown)
        await still_works([b])


async def test_what_redis_forgets_its_owner_stores_again(
    cluster: Cluster, upstream: Upstream
) -> None:
    async with cluster.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=MODEL)
        readers = [client.reader(sent.generation_id) for client in (a, b, b)]
        reading = [asyncio.create_task(read_patiently(reader)) for reader in readers]
        for tokens in range(TOKENS // 10, TOKENS, TOKENS // 4):
            await upstream.tokens_sent(tokens)
            await cluster.redis.call("FLUSHALL")
            readers.append(late := b.reader(sent.generation_id))
            reading.append(asyncio.create_task(read_patiently(late)))
        await asyncio.gather(*reading)
        replay = await agreed([a, b], conversation, sent, readers)
        assert (replay.status, replay.text) == ("complete", STORY)
        assert {event.name for reader in readers for event in reader.events} == {
            "started",
            "delta",
            "finished",
        }


async def test_what_redis_forgets_with_its_owner_dead_ends_with_a_reset_and_no_hole(
    mortals: Cluster,
) -> None:
    async with mortals.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=ENDLESS)
        gone = await b.reader(sent.generation_id).read_until(lambda it: len(it.text.split()) > 50)
        readers = [b.reader(sent.generation_id) for _ in range(3)]
        reading = asyncio.gather(*[read_patiently(reader) for reader in readers])
        await until(lambda: enough_for_a_checkpoint(readers))
        await mortals.services[0].kill()
        await mortals.redis.call("FLUSHALL")
        await reading
        replay = await agreed([b], conversation, sent, readers)
        assert replay.status == "interrupted"
        assert replay.text
        assert ENDLESS_PREFIX.startswith(replay.text)
        for reader in readers:
            assert [event.name for event in reader.events][-2:] == ["reset", "failed"]
        assert await came_back(gone) in (replay.text, 400, 410)
        await still_works([b])


@pytest.mark.thorough
async def test_a_tail_that_redis_lost_with_its_owner_dead_is_no_hole(mortals: Cluster) -> None:
    """As after a power cut: the file ends before what was shown, and before the checkpoint."""
    async with mortals.clients() as (a, b):
        conversation = await a.conversation()
        sent = await a.send(conversation, model=ENDLESS)
        readers = [b.reader(sent.generation_id) for _ in range(3)]
        reading = asyncio.gather(*[read_patiently(reader) for reader in readers])
        await until(lambda: enough_for_a_checkpoint(readers))
        await mortals.services[0].kill()
        await lose_tail(mortals, sent.generation_id, keep=KEPT_OFFSETS)
        await reading
        replay = await agreed([b], conversation, sent, readers)
        assert replay.status == "interrupted"
        assert len(replay.text.split()) > KEPT_OFFSETS
        assert ENDLESS_PREFIX.startswith(replay.text)
        await still_works([b])


async def lose_tail(cluster: Cluster, generation: str, *, keep: int) -> None:
    stream = f"llmchat:log:{generation}"
    entries = await cluster.redis.call("XRANGE", stream, f"{keep}-0", "+")
    kept, *lost = [id_ for id_, _ in entries]
    await cluster.redis.call("XDEL", stream, *lost)
    await cluster.redis.call("HSET", f"{stream}:meta", "last", kept.split("-")[0])


def enough_for_a_checkpoint(readers: list[Reader]) -> bool:
    return all(len(reader.text.split()) > 1.5 * TOKENS_OF_A_CHECKPOINT for reader in readers)


async def came_back(reader: Reader) -> str | int:
    """The text that it has in the end, or the status that refused its cursor."""
    try:
        return (await reader.read_to_end()).text
    except Refused as refused:
        return refused.response.status_code


@pytest.mark.parametrize("outage", usual_and_others(AWAY))
async def test_sends_are_refused_in_an_outage_and_taken_soon_after_it(
    cluster: Cluster, outage: Outage
) -> None:
    key = str(uuid4())
    async with cluster.clients() as clients:
        conversations = [await client.conversation(model="demo/echo") for client in clients]
        pairs = list(zip(clients, conversations, strict=True))
        async with outage(cluster):
            await asyncio.gather(*[refused(*pair, key) for pair in pairs])
            await asyncio.gather(*[answers_no_500(*pair) for pair in pairs])
            await asyncio.gather(*[not_ready(client) for client in clients])
        await asyncio.gather(*[taken_soon(*pair, key) for pair in pairs])
        await asyncio.gather(*[service.ready() for service in cluster.services])
        await still_works(list(clients))


async def refused(client: Client, conversation: str, key: str) -> None:
    async with asyncio.timeout(MOST_SECONDS_OF_REFUSAL):
        response = await client.try_send(conversation, "stored?", key=f"{key}-{conversation}")
    assert response.status_code == 503, response.text
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["content-type"] == "application/problem+json"


async def answers_no_500(client: Client, conversation: str) -> None:
    for path in ("", "/messages", "/export"):
        response = await client.http.get(f"/api/conversations/{conversation}{path}")
        assert response.status_code in (200, 404, 503), response.text
        assert response.status_code != 503 or "retry-after" in response.headers


async def not_ready(client: Client) -> None:
    """Sooner or later, with reasons; alive all the time."""

    async def ask() -> httpx2.Response:
        return await client.http.get("/health/ready")

    response = await first_answer(ask, PATIENCE_SECONDS, lambda it: it.status_code != 200)
    assert response.status_code == 503
    assert response.json()["reasons"]
    assert (await client.http.get("/health/live")).status_code == 200


async def first_answer(
    ask: Callable[[], Awaitable[httpx2.Response]],
    most_seconds: float,
    wanted: Callable[[httpx2.Response], bool],
) -> httpx2.Response:
    async with asyncio.timeout(most_seconds):
        while True:
            response = await ask()
            if wanted(response):
                return response
            await asyncio.sleep(LOOK_SECONDS)


async def taken_soon(client: Client, conversation: str, key: str) -> None:
    """The same key again: whatever became of the refused one, it is one turn in the end."""

    async def send() -> httpx2.Response:
        return await client.try_send(conversation, "stored?", key=f"{key}-{conversation}")

    response = await first_answer(send, MOST_SECONDS_OF_RETURN, lambda it: it.status_code != 503)
    assert response.status_code == 202, response.text
    taken = response.json()
    reader = await client.read(taken["generation"]["id"])
    # The turn may have been stored when its send was refused, and ended before anybody wrote.
    assert reader.status in ("complete", "interrupted")
    assert reader.status == "interrupted" or reader.text == "You said: stored?"
    ids = [message["id"] for message in await client.messages(conversation)]
    assert ids == [taken["message"]["id"], taken["reply"]["id"]]
