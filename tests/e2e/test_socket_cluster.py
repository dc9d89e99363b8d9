"""Rooms over two processes: who is on one of them sees who is on the other, until it is killed."""

from pathlib import Path

import httpx2

from tests.cluster import Cluster
from tests.sockets import joined, opened
from tests.web.conftest import UNPACED
from tests.web.locked import bearer

ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}


async def test_a_room_is_one_room_on_all_processes(tmp_path: Path) -> None:
    settings = {"LLMCHAT_AUTH": "keys", "LLMCHAT_SECRET_KEY": "yQ7tVh3nZr9cKf2LxWb8Ms5JdPg4aE6u"}
    async with Cluster(tmp_path, settings).running() as cluster:
        first, second = cluster.services
        admin = _first_key(first.log + second.log)
        ann, bob = (_key(first.base_url, admin, user) for user in ("ann", "bob"))
        with httpx2.Client(base_url=first.base_url, headers=ann) as client:
            id = client.post("/api/conversations", json=ECHO).json()["id"]
            member = {"user": "bob", "role": "editor"}
            client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()
        async with (
            joined(first.base_url, id, ann) as here,
            joined(second.base_url, id, bob) as there,
        ):
            assert there.frames[0]["members"] == ["ann", "bob"]
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


def _first_key(log: str) -> str:
    return next(word for word in log.split() if word.startswith("sk-llmchat-"))


def _key(base_url: str, admin: str, user: str) -> dict[str, str]:
    body = {"name": user, "user": user, "scopes": ["chat"]}
    made = httpx2.post(f"{base_url}/api/keys", json=body, headers=bearer(admin))
    return bearer(made.raise_for_status().json()["secret"])
