"""Chats of the AI SDK as bare requests: where they find their place, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service
from tests.web.shapes import problem_of

AT_ONCE = {"model": "demo/echo", "params": {"extra": UNPACED}}
SLOW = {"model": "demo/story", "params": {"extra": {"tokens": 5000, "tokens_per_second": 40}}}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGA"
    "hKmMIQAAAABJRU5ErkJggg=="
)


def asked(id: str, *texts: str) -> Json:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": text} for text in texts]}


def answered(id: str, *parts: Json) -> Json:
    return {"id": id, "role": "assistant", "parts": list(parts)}


async def post(client: Client, chat: str, *messages: Json, **body: Any) -> list[Json]:
    """The chunks of the answer."""
    whole = {"id": chat, "messages": messages, **AT_ONCE, **body}
    answer = await client.http.post("/api/chat", json=whole)
    assert answer.status_code == 200, answer.text
    return chunks(answer.text)


def chunks(stream: str) -> list[Json]:
    frames = [frame for frame in stream.split("\n\n") if frame.startswith("data: {")]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def text(stream: list[Json]) -> str:
    return "".join(chunk["delta"] for chunk in stream if chunk["type"] == "text-delta")


async def history(client: Client, chat: str) -> Json:
    found = await client.http.get(f"/api/chat/{chat}/messages")
    assert found.status_code == 200, found.text
    shown: Json = found.json()
    return shown


async def contents(client: Client, chat: str) -> list[str]:
    branch = await client.messages((await history(client, chat))["conversation_id"])
    return [message["content"] for message in branch]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Locked]:
    with locked_service(tmp_path) as service:
        yield service


@pytest.fixture
def chat() -> str:
    return f"chat {uuid4()}"


async def test_the_headers_are_those_that_the_client_looks_for(client: Client, chat: str) -> None:
    body = {"id": chat, "messages": [asked("q1", "hello")], **AT_ONCE}
    answer = await client.http.post("/api/chat", json=body)
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_only_the_last_message_is_new(client: Client, chat: str) -> None:
    first = await post(client, chat, asked("q1", "one"))
    answer = answered(first[0]["messageId"], {"type": "text", "text": "something else"})
    await post(client, chat, asked("q1", "changed by the way"), answer, asked("q2", "two"))
    await post(client, chat, asked("q3", "alone", " in the list"))
    assert await contents(client, chat) == [
        *("one", "You said: one", "two", "You said: two"),
        *("alone in the list", "You said: alone in the list"),
    ]


async def test_a_shorter_list_goes_on_from_its_own_end(client: Client, chat: str) -> None:
    first = await post(client, chat, asked("q1", "one"))
    answer = answered(first[0]["messageId"])
    await post(client, chat, asked("q1", "one"), answer, asked("q2", "two"))
    await post(client, chat, asked("q1", "one"), answer, asked("q3", "three"))
    assert await contents(client, chat) == ["one", "You said: one", "three", "You said: three"]


async def test_an_edited_message_keeps_its_name_and_can_be_edited_again(
    client: Client, chat: str
) -> None:
    for edit in ("one", "two", "one"):
        await post(client, chat, asked("q1", edit))
    conversation = (await history(client, chat))["conversation_id"]
    question, _ = await client.messages(conversation)
    assert (question["content"], len(question["siblings"])) == ("one", 3)
    await post(client, chat, asked("q1", "one"), asked("q2", "behind it"))
    assert (await contents(client, chat))[:3] == ["one", "You said: one", "behind it"]


async def test_our_own_ids_are_names_as_well(client: Client, chat: str) -> None:
    await post(client, chat, asked("q1", "one"))
    shown = (await history(client, chat))["messages"]
    await post(client, chat, *shown, asked("q2", "two"))
    edited = {**shown[0], "parts": [{"type": "text", "text": "three"}]}
    assert text(await post(client, chat, edited)) == "You said: three"
    branch = await client.messages((await history(client, chat))["conversation_id"])
    assert branch[0]["siblings"][0] == shown[0]["id"]


async def test_a_request_that_is_repeated_is_sent_once(client: Client, chat: str) -> None:
    first, *others = await asyncio.gather(
        *(post(client, chat, asked("q1", "one"), on_busy="reject") for _ in range(4))
    )
    others.append(await post(client, chat, asked("q1", "one")))
    assert {text(stream) for stream in (first, *others)} == {"You said: one"}
    assert {stream[0]["messageId"] for stream in others} == {first[0]["messageId"]}
    assert await contents(client, chat) == ["one", "You said: one"]


async def test_sent_anew_on_purpose_it_gets_another_answer(client: Client, chat: str) -> None:
    first = await post(client, chat, asked("q1", "one"))
    second = await post(client, chat, asked("q1", "one"), messageId="q1")
    third = await post(client, chat, asked("q1", "one"), trigger="regenerate-message")
    ids = [stream[0]["messageId"] for stream in (first, second, third)]
    _, answer = await client.messages((await history(client, chat))["conversation_id"])
    assert answer["siblings"] == ids


async def test_who_leaves_changes_nothing_and_comes_back_to_all_of_it(
    client: Client, chat: str
) -> None:
    body = {"id": chat, "messages": [asked("q1", "tell")], **SLOW}
    async with client.http.stream("POST", "/api/chat", json=body) as stream:
        seen = await _until(stream.aiter_lines(), "t5 ")
    shown = await history(client, chat)
    assert (shown["generating"], len(shown["messages"])) == (True, 1)
    async with client.http.stream("GET", f"/api/chat/{chat}/stream") as stream:
        lines = stream.aiter_lines()
        again = await _until(lines, "t9 ")
        stopped = (await client.http.post(f"/api/chat/{chat}/stop")).json()["stopped"]
        rest = [json.loads(line[6:]) async for line in lines if '"type"' in line]
    assert again[0] == seen[0]
    assert text(again).startswith(text(seen))
    assert rest[-1] == {"type": "abort", "reason": "stopped"}
    assert stopped == [seen[0]["messageMetadata"]["generationId"]]
    assert (await client.http.get(f"/api/chat/{chat}/stream")).status_code == 204
    _, answer = (await history(client, chat))["messages"]
    assert answer["parts"][-1]["text"] == text(again) + text(rest)
    assert (await client.http.post(f"/api/chat/{chat}/stop")).json() == {"stopped": []}


async def _until(lines: AsyncIterator[str], token: str) -> list[Json]:
    seen: list[Json] = []
    async for line in lines:
        if line.startswith("data: {"):
            seen.append(json.loads(line[6:]))
            if token in text(seen):
                return seen
    raise AssertionError("it ended")


async def test_a_new_message_interrupts_the_answer_unless_it_says_otherwise(
    client: Client, chat: str
) -> None:
    body = {"id": chat, "messages": [asked("q1", "tell")], **SLOW}
    async with client.http.stream("POST", "/api/chat", json=body) as stream:
        first = await _until(stream.aiter_lines(), "t2 ")
    answer = answered(first[0]["messageId"])
    whole: Json = {"id": chat, "messages": [asked("q1", "tell"), answer, asked("q2", "stop it")]}
    refused = await client.http.post("/api/chat", json=whole | AT_ONCE | {"on_busy": "reject"})
    assert problem_of(refused, 409)["generation_id"] == first[0]["messageMetadata"]["generationId"]
    stream_of_second = await post(client, chat, *whole["messages"])
    assert text(stream_of_second) == "You said: stop it"
    _, stopped, *_ = await client.messages((await history(client, chat))["conversation_id"])
    assert stopped["status"] == "stopped"


async def test_images_come_along(client: Client, chat: str) -> None:
    picture = {"type": "file", "mediaType": "image/png", "filename": "dot.png", "url": PIXEL}
    message = {"id": "q1", "role": "user", "parts": [picture, {"type": "text", "text": "this?"}]}
    assert text(await post(client, chat, message)) == "You said: this? (1 image)"
    shown = (await history(client, chat))["messages"][0]
    del picture["filename"]
    assert shown["parts"] == [picture, {"type": "text", "text": "this?"}]


async def test_the_system_prompt_is_the_chats(client: Client, chat: str) -> None:
    await post(client, chat, asked("q1", "one"), system="Be brief.")
    conversation = (await history(client, chat))["conversation_id"]
    assert (await client.show(conversation))["system_prompt"] == "Be brief."
    listed = {"id": "s", "role": "system", "parts": [{"type": "text", "text": "Be long."}]}
    await post(client, chat, listed, asked("q2", "two"))
    assert (await client.show(conversation))["system_prompt"] == "Be long."
    assert len(await contents(client, chat)) == 4


async def test_one_name_is_one_conversation_through_every_door(client: Client, chat: str) -> None:
    await post(client, chat, asked("q1", "one"))
    found = await client.http.get(f"/api/llm/chat/session/{chat}")
    assert [m["content"] for m in found.json()["messages"]] == ["one", "You said: one"]
    conversation = (await history(client, chat))["conversation_id"]
    await post(client, conversation, asked("q2", "two"))
    assert len(await contents(client, chat)) == 4


async def test_clearing_forgets_the_names_as_well(client: Client, chat: str) -> None:
    await post(client, chat, asked("q1", "one"))
    conversation = (await history(client, chat))["conversation_id"]
    await client.http.delete(f"/api/conversations/{conversation}/messages")
    await post(client, chat, asked("q1", "one"))
    assert await contents(client, chat) == ["one", "You said: one"]


IMAGE_ELSEWHERE = {"type": "file", "mediaType": "image/png", "url": "http://127.0.0.1/x.png"}
REFUSED: dict[str, tuple[Json, str]] = {
    "no messages": ({"messages": []}, "at least 1"),
    "nothing said": ({"messages": [asked("q1")]}, "neither a text nor an image"),
    "no question": ({"messages": [asked("q1", "x"), answered("msg_1")]}, "has an output"),
    "outputs of nobody": (
        {
            "messages": [
                answered(
                    "msg_1",
                    {"type": "tool-x", "toolCallId": "c", "state": "output-available", "output": 1},
                )
            ]
        },
        "does not have",
    ),
    "a system prompt last": (
        {"messages": [{"id": "s", "role": "system", "parts": []}]},
        "nothing to answer",
    ),
    "an image elsewhere": (
        {"messages": [{"id": "q", "role": "user", "parts": [IMAGE_ELSEWHERE]}]},
        "fetches no addresses",
    ),
    "a text without text": (
        {"messages": [{"id": "q", "role": "user", "parts": [{"type": "text"}]}]},
        "a text part has a `text`",
    ),
    "parts that are none": (
        {"messages": [{"id": "q", "role": "user", "parts": [7]}]},
        "an object with a `type`",
    ),
    "an unknown model": ({"messages": [asked("q", "x")], "model": "nobody/knows"}, "nobody/knows"),
    "unknown params": ({"messages": [asked("q", "x")], "params": {"x": 1}}, "params.x"),
    "a number beyond numbers": (
        {
            "messages": [
                answered(
                    "msg_1",
                    {
                        "type": "tool-x",
                        "toolCallId": "c",
                        "state": "output-available",
                        "output": 2**63,
                    },
                )
            ]
        },
        "an integer beyond",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_answered_is_refused(client: Client, chat: str, name: str) -> None:
    body, says = REFUSED[name]
    answer = await client.http.post("/api/chat", json={"id": chat, **AT_ONCE, **body})
    assert says in problem_of(answer, 422)["detail"]


async def test_what_else_a_body_has_is_not_looked_at(client: Client, chat: str) -> None:
    stream = await post(client, chat, asked("q1", "one"), selectedVisibilityType="private")
    assert text(stream) == "You said: one"


def test_anothers_conversation_is_a_name_like_any_other(locked: Locked) -> None:
    ann, bob = (bearer(locked.key(user)["secret"]) for user in ("ann", "bob"))
    with httpx2.Client(base_url=locked.base_url) as client:
        anns = client.post("/api/conversations", json={}, headers=ann).json()["id"]
        body = {"id": anns, "messages": [asked("q1", "of ann")], **AT_ONCE}
        client.post("/api/chat", json=body, headers=ann).raise_for_status()
        body["messages"] = [asked("q1", "of bob")]
        assert client.post("/api/chat", json=body, headers=bob).status_code == 200
        shown = [
            client.get(f"/api/chat/{anns}/messages", headers=headers).json()
            for headers in (ann, bob)
        ]
    assert shown[0]["conversation_id"] == anns != shown[1]["conversation_id"]
    said = [history["messages"][0]["parts"][0]["text"] for history in shown]
    assert said == ["of ann", "of bob"]
    assert [len(history["messages"]) for history in shown] == [2, 2]
