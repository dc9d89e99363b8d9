"""The AI SDK's own chat and transport, unmodified, in node; tests/browser has its React."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.client import Client, Json
from tests.clients import node
from tests.service import Service
from tests.upstream import mock_model, mock_upstream
from tests.web.golden_ui_streams import GOLDEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONS = [pytest.param("5", marks=pytest.mark.thorough), "6", "7"]
ECHO = {"model": "demo/echo", "params": {"extra": {"tokens_per_second": 0}}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.workshop(node.packages(), tmp_path_factory.mktemp("javascript"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with mock_upstream() as upstream:
        settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-test"}
        async with Service(tmp_path_factory.mktemp("aisdk"), **settings).running() as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(service: Service) -> AsyncIterator[Client]:
    async with service.client() as connected:
        yield connected


def texts(messages: list[Json]) -> list[str]:
    return [
        "".join(part["text"] for part in message["parts"] if part["type"] == "text")
        for message in messages
    ]


async def stored(client: Client, chat: str) -> Json:
    found = await client.http.get(f"/api/chat/{chat}/messages")
    assert found.status_code == 200, found.text
    history: Json = found.json()
    return history


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation_is_the_same_here_and_there(
    shop: Path, service: Service, client: Client, version: str
) -> None:
    given: Json = {"id": f"chat-{version}", "texts": ["one", "two"], "body": ECHO}
    done = await node.headless(shop, version, service.base_url, "converse", given)

    assert (done["status"], done["error"]) == ("ready", None)
    assert texts(done["messages"]) == ["one", "You said: one", "two", "You said: two"]
    history = await stored(client, given["id"])
    assert texts(history["messages"]) == texts(done["messages"])
    answers = [message for message in done["messages"] if message["role"] == "assistant"]
    ours = await client.messages(history["conversation_id"])
    assert [m["id"] for m in answers] == [m["id"] for m in ours if m["role"] == "assistant"]
    assert answers[0]["metadata"]["usage"]["outputTokens"] == 3
    assert answers[0]["metadata"]["generationId"] == ours[1]["generation_id"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_edit_begins_a_branch_and_another_answer_is_a_sibling(
    shop: Path, service: Service, client: Client, version: str
) -> None:
    given: Json = {
        "id": f"edit-{version}",
        "texts": ["one", "two"],
        "edited": "three",
        "body": ECHO,
    }
    done = await node.headless(shop, version, service.base_url, "edit", given)
    assert texts(done["messages"]) == ["three", "You said: three"]
    history = await stored(client, given["id"])
    first, _ = await client.messages(history["conversation_id"])
    assert (first["content"], len(first["siblings"])) == ("three", 2)

    again: Json = {"id": f"again-{version}", "text": "one", "body": ECHO}
    done = await node.headless(shop, version, service.base_url, "regenerate", again)
    assert texts(done["messages"]) == ["one", "You said: one"]
    assert done["before"][1]["id"] != done["messages"][1]["id"]
    history = await stored(client, again["id"])
    question, answer = await client.messages(history["conversation_id"])
    assert len(question["siblings"]) == 1
    assert answer["siblings"] == [done["before"][1]["id"], done["messages"][1]["id"]]


@pytest.mark.parametrize("version", VERSIONS)
async def test_tools_run_in_the_client_and_the_answer_goes_on(
    shop: Path, service: Service, client: Client, version: str
) -> None:
    model = mock_model(fail="tool-calls", fail_times=1, tokens=3, key=version)
    given: Json = {
        "id": f"tools-{version}",
        "text": "How warm is it?",
        "output": {"degrees": 21},
        "body": {"model": f"openai/{model}"},
    }
    done = await node.headless(shop, version, service.base_url, "tools", given)
    assert (done["status"], done["error"]) == ("ready", None)
    assert [call["input"] for call in done["asked"]] == [
        {"city": "Zürich", "days": 3},
        {"zone": "Europe/Zurich"},
    ]
    _, answer = done["messages"]
    assert [part["type"] for part in answer["parts"]] == [
        *("step-start", "tool-weather", "tool-clock", "step-start", "text"),
    ]
    history = await stored(client, given["id"])
    assert (history["messages"][1]["id"], len(history["messages"])) == (answer["id"], 2)
    assert [_plain(part) for part in history["messages"][1]["parts"]] == [
        _plain(part) for part in answer["parts"]
    ]
    ours = await client.messages(history["conversation_id"])
    assert [m["role"] for m in ours] == ["user", "assistant", "tool", "tool", "assistant"]
    assert ours[2]["content"] == '{"degrees":21}'


def _plain(part: Json) -> Json:
    """What a part says, whatever else a version keeps in it."""
    kept = ("type", "text", "toolCallId", "input", "output", "state")
    return {name: part[name] for name in kept if part.get(name) is not None}


async def test_a_later_step_is_resumed_with_the_steps_before_it(
    shop: Path, service: Service, client: Client
) -> None:
    calling = {"model": f"openai/{mock_model(fail='tool-calls')}"}
    given = {"id": "steps", "texts": ["How warm is it?"], "body": calling}
    done = await node.headless(shop, "7", service.base_url, "converse", given)
    question, answer = done["messages"]
    for part in answer["parts"][1:]:
        part.update(state="output-available", output=f"of {part['type']}")
    slow = {"model": f"openai/{mock_model(tokens=60, rate=20)}"}
    request = {"id": "steps", "messages": [question, answer], "messageId": answer["id"], **slow}
    async with client.http.stream("POST", "/api/chat", json=request) as begun:
        assert begun.status_code == 200
    assert len((await stored(client, "steps"))["messages"]) == 1

    resumed = await node.headless(shop, "7", service.base_url, "resume", {"id": "steps"})

    (whole,) = resumed["messages"]
    assert whole["id"] == answer["id"]
    assert [_plain(part) for part in whole["parts"][:3]] == [
        _plain(part) for part in answer["parts"]
    ]
    assert texts([whole]) == ["".join(f"t{number} " for number in range(60))]
    again = await client.http.post("/api/chat", json=request)
    assert "t59 " in again.text
    ours = await client.messages((await stored(client, "steps"))["conversation_id"])
    assert [m["role"] for m in ours] == ["user", "assistant", "tool", "tool", "assistant"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_error_is_what_the_client_says_and_the_text_before_it_is_kept(
    shop: Path, service: Service, version: str
) -> None:
    model = mock_model(fail="cut", tokens=20, after=5, key=version)
    given: Json = {"id": f"cut-{version}", "texts": ["hello"], "body": {"model": f"openai/{model}"}}
    done = await node.headless(shop, version, service.base_url, "converse", given)
    assert done["status"] == "error"
    assert "broke" in done["error"]
    assert texts(done["messages"])[1].startswith("t0 ")

    refused = {**given, "id": f"refused-{version}", "body": {"model": "nobody/knows"}}
    done = await node.headless(shop, version, service.base_url, "converse", refused)
    assert done["status"] == "error"
    assert "nobody/knows" in done["error"]


async def test_a_message_is_read_while_it_is_written(shop: Path, service: Service) -> None:
    body = {"model": f"openai/{mock_model(reasoning=2, tokens=3)}"}
    given = {"id": "read", "text": "hello", "body": body}
    message = await node.headless(shop, "7", service.base_url, "read", given)
    assert [part["type"] for part in message["parts"]] == ["step-start", "reasoning", "text"]
    assert [part.get("text") for part in message["parts"][1:]] == ["r0 r1 ", "t0 t1 t2 "]


async def test_nothing_is_resumed_where_nothing_is_written(shop: Path, service: Service) -> None:
    done = await node.headless(shop, "7", service.base_url, "resume", {"id": "nobody/knows it"})
    assert done == {"status": "ready", "error": None, "messages": []}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_client_takes_every_chunk_that_the_encoder_makes(
    shop: Path, service: Service, version: str
) -> None:
    frames = {name: golden.frames.decode() for name, golden in GOLDEN.items()}
    if version != "7":
        # It does not know `reset-step`: it says so, and resuming shows the whole answer.
        del frames["another attempt, seen live"]
    read: dict[str, Any] = await node.headless(
        shop, version, service.base_url, "understand", frames
    )
    for name, understood in read.items():
        golden = GOLDEN[name]
        assert texts([understood["message"]]) == [golden.text], name
        assert understood["errors"] == list(golden.errors), name
