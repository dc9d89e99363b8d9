"""Rooms over two processes: who is on one of them sees who is on the other, until it is killed."""

import asyncio
import contextlib
import logging
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from tests.cluster import Cluster
from tests.service import Service
from tests.sockets import Socket, joined, opened
from tests.upstream import answer_text
from tests.web.conftest import UNPACED
from tests.web.locked import bearer

_log = logging.getLogger(__name__)
SOCKETS = 500
TOKENS = 200
ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}


async def test_a_room_is_one_room_on_all_processes(tmp_path: Path) -> None:
    settings = {"LLMCHAT_AUTH": "keys", "LLMCHAT_SECRET_KEY": "yQ7tVh3nZr9cKf2LxWb8Ms5JdPg4aE6u"}
    async with Cluster(tmp_path, settings).running() as cluster:
        first, second = cluster.services
        admin = _first_key(first.log + second.log)
        ann, bob = (_key(first.base_url, admin, user) for user in ("ann", "bob"))
        with httpx2.Client(base_url=first.base_url, headers=ann) as client:
            id = client.post("/api/conversations", json=ECHO).json()["id"]
            _let_bob_in(client, id, "editor")
        async with (
            joined(first.base_url, id, ann) as here,
            joined(second.base_url, id, bob) as there,
        ):
            if there.frames[0]["members"] == ["bob"]:
                # What the first process said of ann is still on its way.
                await there.until("presence", user="ann", members=["ann", "bob"])
            came = await here.until("presence")
            assert (came["user"], came["members"]) == ("bob", ["ann", "bob"])

            await there.say("typing", conversation_id=id)
            assert (await here.until("typing"))["user"] == "bob"
            ticket = {"conversation_id": id, "content": "hi", "ref": "1"}
            await there.asked("send_message", **ticket)
            end = await here.until("finished")
            assert here.texts[end["generation_id"]] == "You said: hi"
            await there.until("finished")
            assert [f["message"]["id"] for f in here.of("message")] == [
                f["message"]["id"] for f in there.of("message")
            ]
            with httpx2.Client(base_url=first.base_url, headers=ann) as client:
                _let_bob_in(client, id, "viewer")
                assert (await there.until("conversation"))["conversation"]["role"] == "viewer"
                assert (await here.until("conversation"))["conversation"]["role"] == "owner"
                _let_bob_in(client, id, "editor")
            # Over another process it is the same message.
            async with opened(first.base_url, bob) as other:
                await other.asked("send_message", **ticket)
                assert (await other.next())["generation_id"] == end["generation_id"]

            await second.kill()
            gone = await here.until("presence", present=False)
            assert (gone["user"], gone["members"]) == ("bob", ["ann"])
            await second.start()
            async with joined(second.base_url, id, bob) as back:
                await here.until("presence", present=True)
                assert "bob" in back.frames[0]["members"]
                with httpx2.Client(base_url=first.base_url, headers=ann) as client:
                    client.delete(f"/api/conversations/{id}/members/bob").raise_for_status()
                assert (await back.until("left"))["reason"] == "removed"


def _let_bob_in(client: httpx2.Client, id: str, role: str) -> None:
    member = {"user": "bob", "role": role}
    client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()


def _first_key(log: str) -> str:
    return next(word for word in log.split() if word.startswith("sk-llmchat-"))


def _key(base_url: str, admin: str, user: str) -> dict[str, str]:
    body = {"name": user, "user": user, "scopes": ["chat"]}
    made = httpx2.post(f"{base_url}/api/keys", json=body, headers=bearer(admin))
    return bearer(made.raise_for_status().json()["secret"])


@pytest.mark.thorough
async def test_five_hundred_sockets_on_two_processes_are_one_room(tmp_path: Path) -> None:
    """Ten of each of fifty people, who come, see each other, and read one answer."""
    settings = {"LLMCHAT_AUTH": "keys", "LLMCHAT_SECRET_KEY": "yQ7tVh3nZr9cKf2LxWb8Ms5JdPg4aE6u"}
    async with (
        Cluster(tmp_path, settings).running() as cluster,
        contextlib.AsyncExitStack() as stack,
    ):
        first = cluster.services[0]
        admin = _first_key("".join(service.log for service in cluster.services))
        people = [f"user{number:02}" for number in range(SOCKETS // 10)]
        keys = {user: _key(first.base_url, admin, user) for user in people}
        with httpx2.Client(base_url=first.base_url, headers=keys[people[0]]) as client:
            id = client.post("/api/conversations", json={"model": "demo/story"}).json()["id"]
            for user in people[1:]:
                member = {"user": user, "role": "editor"}
                client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()
        before = [_cpu_seconds(service) for service in cluster.services]
        sockets = []
        for number in range(SOCKETS):
            service, user = cluster.services[number % 2], people[number // 10]
            sockets.append(await _come(stack, service, keys[user]))
            await _join(sockets[-1], id)
        come = [_cpu_seconds(service) for service in cluster.services]
        say = {"content": "go", "params": {"extra": {"tokens": TOKENS, "tokens_per_second": 50}}}
        await sockets[0].say("send_message", conversation_id=id, **say)
        await asyncio.gather(*[socket.until("finished") for socket in sockets])
        read = [_cpu_seconds(service) for service in cluster.services]
        texts = {tuple(socket.texts.values()) for socket in sockets}
        assert texts == {(answer_text(tokens=TOKENS),)}
        assert {len(socket.of("message")) for socket in sockets} == {2}
        assert sockets[-1].of("joined")[0]["members"] == people
        assert [f["members"] for f in sockets[0].of("presence")][-1] == people
        frames = sum(len(socket.frames) for socket in sockets)
        joining = [f"{b - a:.1f}" for a, b in zip(before, come, strict=True)]
        reading = [f"{b - a:.1f}" for a, b in zip(come, read, strict=True)]
        told = "%s sockets, %s frames. CPU seconds of each process to come: %s, to read: %s"
        _log.info(told, SOCKETS, frames, joining, reading)


async def _come(
    stack: contextlib.AsyncExitStack, service: Service, headers: dict[str, str]
) -> Socket:
    """Where five hundred come at once, the database may be late: 503 says to ask again."""
    while True:
        # Nobody reads them yet, and whoever reads nothing answers no ping.
        it = opened(service.base_url, headers, max_queue=None)
        try:
            socket = await stack.enter_async_context(it)
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 503  # noqa: PT017 - any other one is a failure
        else:
            stack.callback(socket.wire.transport.abort)
            return socket


async def _join(socket: Socket, id: str) -> None:
    """The same, at the door of the room."""
    while (answer := await socket.asked("join_room", conversation_id=id))["type"] != "joined":
        assert answer["problem"]["status"] == 503, answer


def _cpu_seconds(service: Service) -> float:
    return service.footprint.cpu_seconds
