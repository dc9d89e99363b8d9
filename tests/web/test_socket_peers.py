"""Peers that are gone without a word: noticed, let go, and no longer in their rooms."""

import asyncio
from collections.abc import Iterator, Mapping

import httpx2
import pytest

from tests.sockets import Socket, joined, opened
from tests.web.locked import Locked, bearer, locked_service

PING_SECONDS = 1.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("peers")
    with locked_service(folder, ping_seconds=PING_SECONDS) as running:
        yield running


@pytest.fixture(scope="module")
def people(service: Locked) -> Mapping[str, Mapping[str, str]]:
    return {user: bearer(service.key(user)["secret"]) for user in ("ann", "bob")}


@pytest.fixture
def room(service: Locked, people: Mapping[str, Mapping[str, str]]) -> str:
    with httpx2.Client(base_url=service.base_url, headers=people["ann"]) as client:
        id = client.post("/api/conversations", json={"model": "demo/echo"}).json()["id"]
        member = {"user": "bob", "role": "editor"}
        client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()
        return str(id)


async def test_a_peer_that_answers_no_ping_is_no_longer_there(
    service: Locked, people: Mapping[str, Mapping[str, str]], room: str
) -> None:
    async with joined(service.base_url, room, people["ann"]) as ann:
        async with joined(service.base_url, room, people["bob"]) as bob:
            await ann.until("presence", user="bob", present=True)
            # The connection stays open, and nobody is at its other end.
            bob.wire.transport.pause_reading()
            gone = await ann.until("presence", user="bob")
            assert (gone["present"], gone["members"]) == (False, ["ann"])
            bob.wire.transport.abort()
        # Who answers stays, however little is said.
        assert (await ann.asked("ping"))["type"] == "pong"


async def test_a_connection_that_is_cut_and_made_anew_is_no_news(
    service: Locked, people: Mapping[str, Mapping[str, str]], room: str
) -> None:
    async with joined(service.base_url, room, people["ann"]) as ann:
        async with joined(service.base_url, room, people["bob"]) as bob:
            await ann.until("presence", user="bob", present=True)
            bob.wire.transport.abort()
        async with joined(service.base_url, room, people["bob"]) as again:
            assert again.frames[0]["members"] == ["ann", "bob"]
            await again.say("typing", conversation_id=room)
            await ann.until("typing", user="bob")
            assert len(ann.of("presence")) == 1
            await again.say("leave_room", conversation_id=room)
            await ann.until("presence", user="bob", present=False)


async def test_who_says_more_than_is_taken_at_once_is_not_dead(service: Locked) -> None:
    """Its answer to our ping is behind all of it."""
    headers = bearer(service.key("ann")["secret"])
    async with opened(service.base_url, headers) as socket:
        # A hundred at once, then a hundred a second, of which half are refused: for longer than a
        # ping and its answer may take.
        count = 100 + int(100 * PING_SECONDS * 4)
        sending = asyncio.gather(*[socket.say("ping") for _ in range(count)])
        for _ in range(count):
            assert (await socket.next())["type"] in ("pong", "error")
        await sending


async def test_all_that_many_say_at_once_is_told_to_all(
    service: Locked, people: Mapping[str, Mapping[str, str]], room: str
) -> None:
    async def talk(socket: Socket) -> list[str]:
        for number in range(10):
            content = f"message {number}"
            told = {"conversation_id": room, "content": content, "ref": f"{id(socket)} {number}"}
            await socket.say("send_message", **told)
        while len(socket.of("finished")) < 20:
            await socket.next()
        return [frame["message"]["id"] for frame in socket.of("message")]

    async with (
        joined(service.base_url, room, people["ann"]) as ann,
        joined(service.base_url, room, people["bob"]) as bob,
    ):
        one, other = await asyncio.gather(talk(ann), talk(bob))
        assert one == other
        assert len(set(one)) == len(one) == 40
