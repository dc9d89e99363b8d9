"""A route as its reader meets it: one stream, one text, and the name of the model that wrote it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from llmchat import client as programs
from llmchat.conversing.answer import AnswerReset
from tests.client import Client, Sent
from tests.reader import Reader
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIES = f"a/{mock_model(tokens=30, rate=100, fail='cut', after=10)}"
WORKS = f"b/{mock_model('echo')}"
SLOW = f"b/{mock_model(tokens=400, rate=100)}"
TEXT = "Nobody is here; please come back later."
SENDS = 50
MOST_ATTEMPTS = 20

# Each of c and d is dead, and has one circuit for all that asks it.
ROUTES: Mapping[str, Sequence[str]] = {
    "dies": [DIES, WORKS],
    "unseen": [f"a/{mock_model(fail='http-503')}", WORKS],
    "slow": [DIES, SLOW],
    "none": [f"a/{mock_model(fail='http-400')}", f"b/{mock_model(fail='http-401')}"],
    "text": [f"a/{mock_model(fail='http-400')}", DIES],
    "in-turn": [f"c/{mock_model(fail='refuse', key='in turn')}", WORKS],
    "at-once": [f"d/{mock_model(fail='refuse', key='at once')}", WORKS],
    "works": [WORKS],
}


def write_settings(folder: Path, upstream: Upstream) -> None:
    tables = [f"[providers.{name}]\nurl = '{upstream.base_url}'" for name in "abcd"]
    tables += [f"[routes.{name}]\nmodels = {list(models)}" for name, models in ROUTES.items()]
    text = "\n".join(tables).replace("[routes.text]", f"[routes.text]\nfallback_text = '{TEXT}'")
    (folder / "llmchat.toml").write_text(text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def routed(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("routed")
    write_settings(folder, shared_upstream)
    async with Service(folder, LLMCHAT_CACHE_SECONDS=600).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(routed: Service) -> AsyncIterator[Client]:
    async with routed.client() as connected:
        yield connected


async def ask(client: Client, route: str, content: str) -> tuple[str, Sent, Reader]:
    """A new conversation, a question and its whole answer."""
    conversation = await client.conversation(model=f"route/{route}")
    sent = await client.send(conversation, content)
    return conversation, sent, await client.read(sent.generation_id)


def names(reader: Reader) -> list[str]:
    return [event.name for event in reader.events if event.name != "delta"]


def asked_of(upstream: Upstream, model: str) -> int:
    name = model.partition("/")[2]
    return sum(record.body["model"] == name for record in upstream.completions)


async def test_a_model_that_dies_in_mid_answer_is_replaced_by_a_whole_new_one(
    client: Client, upstream: Upstream
) -> None:
    conversation, sent, reader = await ask(client, "dies", "say this")
    assert names(reader) == ["started", "reset", "finished"]
    assert (reader.status, reader.text) == ("complete", "say this")
    assert reader.terminal is not None
    assert reader.terminal.data["model"] == WORKS
    [reset] = [event for event in reader.events if event.name == "reset"]
    assert (reset.data["attempt"], reset.data["text"]) == (2, "")
    assert WORKS in reset.data["reason"]
    shown = reader.events[1 : reader.events.index(reset)]
    before = "".join(event.data["text"] for event in shown)
    assert before
    assert answer_text(tokens=10).startswith(before)

    message = await client.message(conversation, sent.reply_id)
    assert (message["content"], message["model"]) == ("say this", WORKS)
    generation = await client.generation(sent.generation_id)
    assert (generation["attempt"], generation["model"]) == (2, "route/dies")
    assert (await client.read(sent.generation_id)).text == "say this"
    assert (asked_of(upstream, DIES), asked_of(upstream, WORKS)) == (1, 1)


async def test_who_is_told_to_read_the_pieces_again_can(routed: Service) -> None:
    async with programs.Client(routed.base_url) as program:
        answer = await (await program.create(model="route/dies")).send("in pieces")
        with pytest.raises(AnswerReset):
            [piece async for piece in answer]
        assert "".join([piece async for piece in answer]) == await answer == "in pieces"


async def test_a_model_that_fails_before_its_first_token_is_never_seen(client: Client) -> None:
    conversation, sent, reader = await ask(client, "unseen", "say this unseen")
    assert names(reader) == ["started", "finished"]
    assert reader.text == "say this unseen"
    message = await client.message(conversation, sent.reply_id)
    assert message["model"] == WORKS
    assert (await client.generation(sent.generation_id))["attempt"] == 1


async def test_while_it_is_live_the_attempt_is_that_of_the_log(client: Client) -> None:
    sent = await client.send(await client.conversation(model="route/slow"))
    reader = client.reader(sent.generation_id)
    await reader.read_until(lambda it: "reset" in names(it))
    live = await client.generation(sent.generation_id)
    assert (live["status"], live["attempt"]) == ("streaming", 2)
    assert (await client.stop(sent.generation_id))["status"] == "stopped"
    assert (await client.generation(sent.generation_id))["attempt"] == 2


async def test_the_operators_text_is_the_answer_when_every_model_fails(client: Client) -> None:
    conversation, sent, reader = await ask(client, "text", "anybody?")
    assert (reader.status, reader.text) == ("complete", TEXT)
    assert names(reader) == ["started", "reset", "finished"]
    generation = await client.generation(sent.generation_id)
    assert generation["finish_reason"] == "fallback_text"
    assert generation["usage"]["output_tokens"] == 0
    message = await client.message(conversation, sent.reply_id)
    assert message["model"] == "route/text"


async def test_what_each_model_said_is_said_when_every_one_fails(
    client: Client, routed: Service
) -> None:
    _, _, reader = await ask(client, "none", "anybody?")
    assert reader.terminal is not None
    problem = reader.terminal.data["problem"]
    assert problem["type"] == "upstream_unauthorized"
    assert problem["detail"].startswith("None of the route's 2 models answered. a/")
    assert "A model of a route refused our key" in routed.log


@pytest.mark.parametrize("route", ["in-turn", "at-once"])
async def test_fifty_sends_are_answered_although_the_first_server_is_dead(
    route: str, client: Client, upstream: Upstream
) -> None:
    asked = [ask(client, route, f"number {n} {route}") for n in range(SENDS)]
    if route == "at-once":
        answers = await asyncio.gather(*asked)
    else:
        answers = [await each for each in asked]
    texts = [reader.text for _, _, reader in answers]
    assert texts == [f"number {n} {route}" for n in range(SENDS)]
    assert 1 <= asked_of(upstream, ROUTES[route][0]) <= MOST_ATTEMPTS
    assert asked_of(upstream, WORKS) == SENDS


async def test_a_plain_call_names_the_model_that_answered(client: Client) -> None:
    asked = {"prompt": "say this plainly", "model": "route/dies"}
    answer = (await client.http.post("/api/llm/generate", json=asked)).json()
    assert (answer["text"], answer["model"]) == ("say this plainly", WORKS)


async def test_an_answer_is_remembered_in_a_conversation_when_that_is_asked_for(
    client: Client, upstream: Upstream
) -> None:
    readers = [(await ask(client, "works", "say this again"))[2] for _ in range(3)]
    assert [reader.text for reader in readers] == ["say this again"] * 3
    assert asked_of(upstream, WORKS) == 1
    used = [it.terminal.data["usage"]["output_tokens"] for it in readers if it.terminal]
    assert used[0] > 0
    assert used[1:] == [0, 0]


async def test_another_answer_is_another_one_and_not_the_one_that_is_remembered(
    client: Client, upstream: Upstream
) -> None:
    _, sent, _ = await ask(client, "works", "say this anew")
    path = f"/api/messages/{sent.reply_id}/regenerate"
    again = (await client.http.post(path, json={})).json()["generation"]["id"]
    assert (await client.read(again)).text == "say this anew"
    assert asked_of(upstream, WORKS) == 2


async def test_a_plain_call_is_remembered_at_every_door(client: Client, upstream: Upstream) -> None:
    question = {"role": "user", "content": "say this twice"}
    asked = {"messages": [question], "model": "route/works"}
    mine = (await client.http.post("/api/llm/chat", json=asked)).json()
    theirs = (await client.http.post("/v1/chat/completions", json=asked)).json()
    assert mine["message"]["content"] == "say this twice"
    assert theirs["choices"][0]["message"]["content"] == "say this twice"
    assert asked_of(upstream, WORKS) == 1
    assert (mine["usage"]["output_tokens"] > 0, theirs["usage"]["completion_tokens"]) == (True, 0)


async def test_routes_are_listed_behind_the_models(client: Client) -> None:
    listed = (await client.http.get("/api/llm/models")).json()
    found = [model["id"] for model in listed["items"] if model["provider"] == "route"]
    assert found == [f"route/{name}" for name in ROUTES]
    assert listed["default"] == "a/story"
    health = (await client.http.get("/api/llm/health")).json()
    assert [each["provider"] for each in health["providers"]] == ["a", "b", "c", "d", "demo"]


@pytest.mark.thorough
async def test_the_attempt_after_a_crash_is_greater_than_any_that_was_seen(
    tmp_path: Path, upstream: Upstream
) -> None:
    """The store has counted one attempt when the process dies, and readers have seen two."""
    write_settings(tmp_path, upstream)
    settings = {"LLMCHAT_ON_CRASH": "restart", "LLMCHAT_LEASE_SECONDS": "2"}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        sent = await client.send(await client.conversation(model="route/slow"))
        reader = client.reader(sent.generation_id)
        await reader.read_until(lambda it: "reset" in names(it) and it.text != "")
        await service.kill()
        await service.start()
        await reader.read_to_end()
        attempts = [it.data["attempt"] for it in reader.events if it.name == "reset"]
        assert attempts[:2] == [2, 3]
        assert attempts == sorted(set(attempts))
        assert reader.text == answer_text(tokens=400)
        assert (await client.generation(sent.generation_id))["attempt"] == attempts[-1]
