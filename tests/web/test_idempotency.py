"""Idempotency-Key over HTTP: a lost answer can be asked for again."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.client import Client, Json, connect
from tests.web.conftest import UNPACED, serving
from tests.web.shapes import problem_of

QUICK: Json = {"model": "demo/echo", "params": {"extra": UNPACED}}


@dataclass(frozen=True, slots=True)
class Door:
    """A call that takes a key, and the conversation that it writes to."""

    client: Client
    path: str
    body: Json
    conversation: str

    async def call(self, key: str, **changed: object) -> httpx2.Response:
        headers = {b"Idempotency-Key": key.encode()}
        return await self.client.http.post(self.path, json=self.body | changed, headers=headers)

    async def answers(self) -> int:
        """How many answers have been made, on all branches."""
        messages = await self.client.messages(self.conversation)
        return sum(len(m["siblings"]) for m in messages if m["role"] == "assistant")


@pytest.fixture(params=["send", "regenerate", "session"])
async def door(client: Client, request: pytest.FixtureRequest) -> Door:
    """A conversation with one answer, about to get another."""
    if request.param == "session":
        path = "/api/llm/chat/session"
        body = {"session_id": uuid4().hex, "message": "first", **QUICK}
        await client.http.post(path, json=body)
        (newest, *_) = (await client.http.get("/api/conversations")).json()["items"]
        return Door(client, path, body, newest["id"])
    conversation = await client.conversation()
    sent = await client.send(conversation, **QUICK)
    await client.read(sent.generation_id)
    if request.param == "regenerate":
        path = f"/api/messages/{sent.reply_id}/regenerate"
        return Door(client, path, {"on_busy": "queue", **QUICK}, conversation)
    path = f"/api/conversations/{conversation}/messages"
    body = {"content": "again", "on_busy": "queue", **QUICK}
    return Door(client, path, body, conversation)


@pytest.fixture
def key() -> str:
    return uuid4().hex


async def test_the_same_key_gives_the_same_answer_byte_for_byte(door: Door, key: str) -> None:
    first = await door.call(key)
    assert first.is_success, first.text
    again = [await door.call(key) for _ in range(3)]

    assert {(r.status_code, r.content) for r in again} == {(first.status_code, first.content)}
    assert {r.headers.get("location") for r in again} == {first.headers.get("location")}
    assert await door.answers() == 2


async def test_one_key_at_the_same_moment_makes_one_generation(door: Door, key: str) -> None:
    answers = await asyncio.gather(*(door.call(key) for _ in range(5)))

    assert all(answer.is_success for answer in answers)
    assert len({answer.content for answer in answers}) == 1
    assert await door.answers() == 2


async def test_another_key_makes_another_generation(door: Door, key: str) -> None:
    await door.call(key)
    await door.call(key + "2")

    assert await door.answers() == 3


async def test_the_same_key_with_another_body_is_refused(door: Door, key: str) -> None:
    assert (await door.call(key)).is_success

    refused = await door.call(key, params={"seed": 1})

    assert problem_of(refused, 422)["type"] == "invalid"
    assert await door.answers() == 2


async def test_the_same_key_in_another_conversation_is_refused(client: Client, key: str) -> None:
    await client.send(await client.conversation(), key=key, **QUICK)

    elsewhere = await client.try_send(await client.conversation(), key=key, **QUICK)

    assert problem_of(elsewhere, 422)["type"] == "invalid"


async def test_a_key_that_is_none_is_refused(door: Door) -> None:
    for bad in ("", "a b", "ü", "x" * 256, "tab\tbed"):
        refused = problem_of(await door.call(bad), 422)
        assert refused["errors"][0]["location"] == ["header", "Idempotency-Key"]

    assert await door.answers() == 1


async def test_a_refused_call_does_not_use_up_its_key(door: Door, key: str) -> None:
    problem_of(await door.call(key, model="nope/x"), 422)

    assert (await door.call(key)).is_success
    assert await door.answers() == 2


async def test_a_repeated_send_can_be_followed_at_once(tmp_path: Path) -> None:
    """The second one finds the turn stored and its log not yet begun; a disk makes that last."""
    with serving(tmp_path, durability="disk") as base_url:
        async with connect(base_url) as client:
            for _ in range(10):
                path = f"/api/conversations/{await client.conversation()}/messages"
                headers = {"Idempotency-Key": uuid4().hex, "Accept": "text/event-stream"}
                body = {"content": "hello", **QUICK}

                calls = [client.http.post(path, json=body, headers=headers) for _ in range(6)]
                streams = await asyncio.gather(*calls)

                assert [stream.status_code for stream in streams] == [200] * 6
                assert all("event: finished" in stream.text for stream in streams)
