"""Sessions: conversations under the caller's own name, one blocking call a turn."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import MESSAGE, USAGE, is_id, is_private, problem_of

SESSION = "/api/llm/chat/session"
LOOK_SECONDS = 0.02


def turn(session_id: str, message: str = "hello", **fields: Any) -> Json:
    quick = {"model": "demo/echo", "params": {"extra": UNPACED}}
    return {"session_id": session_id, "message": message} | quick | fields


async def say(client: Client, session_id: str, message: str = "hello", **fields: Any) -> Json:
    response = await client.http.post(SESSION, json=turn(session_id, message, **fields))
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def path_of(session_id: str) -> str:
    return f"{SESSION}/{quote(session_id, safe='')}"


async def history(client: Client, session_id: str, suffix: str = "/history") -> list[Json]:
    response = await client.http.get(path_of(session_id) + suffix)
    assert response.status_code == 200, response.text
    found = response.json()
    assert set(found) == {"success", "session_id", "messages"}
    assert (found["success"], found["session_id"]) == (True, session_id)
    messages: list[Json] = found["messages"]
    return messages


async def streaming(client: Client, session_id: str) -> str:
    """The generation that the session's latest answer comes from, once there is one."""
    while True:
        response = await client.http.get(path_of(session_id))
        messages = response.json()["messages"] if response.status_code == 200 else []
        for message in messages:
            if message["status"] == "streaming":
                return str(message["generation_id"])
        await asyncio.sleep(LOOK_SECONDS)


async def test_a_session_answers_when_the_answer_is_whole(client: Client) -> None:
    response = await client.http.post(SESSION, json=turn("whole", "the quick brown fox"))

    assert response.status_code == 200
    assert is_private(response)
    answer = response.json()
    assert set(answer) == {"success", "session_id", "response", "message_id", "usage"}
    assert (answer["success"], answer["session_id"]) == (True, "whole")
    assert answer["response"] == "You said: the quick brown fox"
    assert is_id(answer["message_id"])
    assert set(answer["usage"]) == USAGE


@pytest.mark.parametrize("suffix", ["", "/history"])
async def test_a_session_remembers_its_messages(client: Client, suffix: str) -> None:
    name = f"remembers{len(suffix)}"
    first = await say(client, name, "one")
    second = await say(client, name, "two")

    messages = await history(client, name, suffix)

    assert all(set(message) == MESSAGE for message in messages)
    assert [m["content"] for m in messages] == ["one", "You said: one", "two", "You said: two"]
    assert [messages[1]["id"], messages[3]["id"]] == [first["message_id"], second["message_id"]]
    assert is_private(await client.http.get(path_of(name) + suffix))


@pytest.mark.parametrize("suffix", ["", "/history"])
async def test_a_cleared_session_begins_anew(client: Client, suffix: str) -> None:
    name = f"cleared{len(suffix)}"
    await say(client, name)

    response = await client.http.delete(path_of(name) + suffix)

    assert (response.status_code, response.content) == (204, b"")
    assert await history(client, name) == []
    await say(client, name, "again")
    assert [m["content"] for m in await history(client, name)] == ["again", "You said: again"]


async def test_a_session_is_a_conversation(client: Client) -> None:
    await say(client, "found", "a conversation by another name", system_prompt="Be brief.")
    query = {"q": "a conversation by another name"}

    (found,) = (await client.http.get("/api/conversations", params=query)).json()["items"]

    assert (found["system_prompt"], found["model"]) == ("Be brief.", "demo/echo")
    assert await client.messages(found["id"]) == await history(client, "found")


async def test_only_the_first_message_sets_the_system_prompt(client: Client) -> None:
    await say(client, "set once", "set once", system_prompt="first")
    await say(client, "set once", "again", system_prompt="second")
    query = {"q": "set once"}

    (found,) = (await client.http.get("/api/conversations", params=query)).json()["items"]

    assert found["system_prompt"] == "first"


async def test_what_is_said_meanwhile_is_answered_after_it(client: Client) -> None:
    slow = {"params": {"extra": {"tokens_per_second": 20}}}
    answers = await asyncio.gather(
        *(say(client, "crowded", f"number {i}", **slow) for i in range(4))
    )

    assert [answer["response"] for answer in answers] == [f"You said: number {i}" for i in range(4)]
    said = [m["content"] for m in await history(client, "crowded")]
    assert sorted(said[::2]) == [f"number {i}" for i in range(4)]
    assert said[1::2] == [f"You said: {question}" for question in said[::2]]


async def test_a_stopped_answer_is_what_was_written(client: Client) -> None:
    asking = asyncio.create_task(say(client, "stopped", model="demo/story", params={}))
    active = await streaming(client, "stopped")
    await client.reader(active).read_until(lambda reader: bool(reader.text))

    await client.stop(active)

    assert (await asking)["response"].startswith("t0 ")


async def test_a_session_cleared_while_somebody_waits_answers_them(client: Client) -> None:
    body = turn("torn", model="demo/story", params={})
    asking = asyncio.create_task(client.http.post(SESSION, json=body))
    await streaming(client, "torn")

    assert (await client.http.delete(path_of("torn"))).status_code == 204

    answer = await asking
    if answer.status_code != 200:
        problem_of(answer, 410 if answer.status_code == 410 else 404)
    assert await history(client, "torn") == []


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "/",
        "//",
        "a/../b",
        "ends/history/",
        "50% off?#&=+",
        "sp ace",
        "Ünïcödé 😀",
        "line\nbreak\ttab",
        "'; DROP TABLE conversation; --",
        '"quoted"',
        "\\",
        "%2f",
        "\x7f\x1b[31m",
        "\u2028",
        "x" * 128,
        "😀" * 128,
    ],
)
async def test_a_session_may_have_any_name(client: Client, name: str) -> None:
    await say(client, name, "hello")

    for suffix in ("", "/history"):
        contents = [message["content"] for message in await history(client, name, suffix)]
        assert contents == ["hello", "You said: hello"]
    assert (await client.http.delete(path_of(name))).status_code == 204
    assert await history(client, name) == []


async def test_what_no_name_can_carry_is_the_same_on_every_path(client: Client) -> None:
    body = rb'{"session_id": "\ud800 \u0000", "message": "hi", "model": "demo/echo"}'
    headers = {"Content-Type": "application/json"}

    answer = (await client.http.post(SESSION, content=body, headers=headers)).json()

    assert answer["session_id"] == "\ufffd \ufffd"
    found = (await client.http.get(f"{SESSION}/%EF%BF%BD%20%00")).json()
    assert found["session_id"] == "\ufffd \ufffd"
    assert [m["content"] for m in found["messages"]] == ["hi", "You said: hi"]


async def test_a_session_that_is_none_does_not_exist(client: Client) -> None:
    for method in ("GET", "DELETE"):
        for path in (f"{SESSION}/nobody", f"{SESSION}/nobody/history"):
            problem = problem_of(await client.http.request(method, path), 404)
            assert problem["type"] == "not_found"


@pytest.mark.parametrize("body", [{}, {"session_id": ""}, {"message": ""}, {"on_busy": "reject"}])
async def test_a_turn_that_is_none_is_refused(client: Client, body: Json) -> None:
    refused = {**turn("refused"), **body} if body else {}

    problem_of(await client.http.post(SESSION, json=refused), 422)

    problem_of(await client.http.get(f"{SESSION}/refused"), 404)


async def test_a_turn_for_no_model_creates_no_session(client: Client) -> None:
    problem_of(await client.http.post(SESSION, json=turn("stillborn", model="nope/x")), 422)

    problem_of(await client.http.get(f"{SESSION}/stillborn"), 404)
