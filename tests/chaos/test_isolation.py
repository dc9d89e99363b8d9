"""Two hundred users at once, at random: none ever gets a byte that is another's."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.client import Client
from tests.reader import Reader, cut_point
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.web.conftest import UNPACED
from tests.web.locked import SECRET, bearer

USERS = 200
ROUNDS = 1
AT_ONCE = 40
CANARY = re.compile(r"canary-(\d+)-")


@dataclass(slots=True)
class User:
    """Somebody with a key, whose every text says whose it is; `seen` is all that was answered."""

    number: int
    client: Client
    conversations: list[str] = field(default_factory=list)
    generations: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    own_seen: int = 0

    def check(self, text: str) -> None:
        found = [int(number) for number in CANARY.findall(text)]
        assert set(found) <= {self.number}, f"user {self.number} saw {set(found)}: {text[:500]}"
        self.own_seen += len(found)

    async def converse(self) -> None:
        title = f"canary-{self.number}-title"
        made = await self.client.http.post("/api/conversations", json={"title": title})
        assert made.status_code == 201, made.text
        self.conversations.append(made.json()["id"])

    async def send(self, dice: random.Random) -> Reader:
        pace = UNPACED if dice.random() < 0.5 else {"tokens_per_second": 100}
        sent = await self.client.send(
            dice.choice(self.conversations),
            f"canary-{self.number}-text " * 10,
            key=f"the-same-for-all-{len(self.generations)}",
            model="demo/echo",
            params={"extra": pace},
            on_busy="queue",
        )
        self.generations.append(sent.generation_id)
        self.messages.append(sent.reply_id)
        return self.client.reader(sent.generation_id)

    async def follow(self, reader: Reader, dice: random.Random) -> None:
        """With the connection lost now and then, and the answer stopped now and then."""
        await reader.read_on(most_bytes=cut_point(dice, 2000))
        if dice.random() < 0.3:
            await self.client.stop(reader.generation_id)
        await reader.read_to_end()
        self.check(f"{reader.events}")

    async def look(self) -> None:
        paths = [
            "/api/conversations?limit=100",
            "/api/conversations?q=canary",
            *(f"/api/conversations/{id}/messages" for id in self.conversations),
            *(f"/api/generations/{id}" for id in self.generations),
        ]
        for path in paths:
            answer = await self.client.http.get(path)
            assert answer.status_code == 200, answer.text
            self.check(answer.text)

    async def pry(self, other: "User", dice: random.Random) -> None:
        """What is another's is not there, whatever is done to it."""
        tries = [("GET", f"/api/conversations/{id}") for id in other.conversations]
        tries += [("DELETE", path) for _, path in tries]
        tries += [
            ("GET", f"/api/conversations/{id}/{part}")
            for id in other.conversations
            for part in ("messages", "stream")
        ]
        tries += [
            ("GET", f"/api/generations/{id}{part}")
            for id in other.generations
            for part in ("", "/stream")
        ]
        tries += [
            ("POST", f"/api/generations/{id}/{part}")
            for id in other.generations
            for part in ("stop", "ticket")
        ]
        tries += [("POST", f"/api/messages/{id}/regenerate") for id in other.messages]
        for method, path in dice.sample(tries, min(3, len(tries))):
            answer = await self.client.http.request(
                method,
                path,
                headers={"Last-Event-ID": "1"} if path.endswith("/stream") else {},
                json={} if path.endswith("regenerate") else None,
            )
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            self.check(answer.text)


async def first_key(service: Service) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := SECRET.search(service.log)) is None:  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)
    return found[0]


@asynccontextmanager
async def users_of(service: Service) -> AsyncIterator[list[User]]:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(service.client())
        admin.http.headers.update(bearer(await first_key(service)))
        users = []
        for number in range(USERS):
            body = {"name": "x", "user": f"user-{number}", "scopes": ["chat"]}
            made = await admin.http.post("/api/keys", json=body)
            assert made.status_code == 201, made.text
            client = await stack.enter_async_context(service.client())
            client.http.headers.update(bearer(made.json()["secret"]))
            users.append(User(number, client))
        yield users


async def live(user: User, users: list[User], dice: random.Random) -> None:
    await user.converse()
    for _ in range(ROUNDS):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(user.follow(await user.send(dice), dice))
            for other in dice.sample(users, 2):
                if other is not user and other.conversations:
                    tasks.create_task(user.pry(other, dice))
    await user.look()


async def test_nobody_sees_a_byte_of_anothers(tmp_path: Path, chaos: random.Random) -> None:
    service = Service(tmp_path, LLMCHAT_AUTH="keys")
    async with service.running(), users_of(service) as users:
        places = asyncio.Semaphore(AT_ONCE)

        async def take_part(user: User, dice: random.Random) -> None:
            async with places:
                await live(user, users, dice)

        async with asyncio.TaskGroup() as tasks:
            for user in users:
                tasks.create_task(take_part(user, random.Random(chaos.random())))

        assert all(user.own_seen > 0 for user in users)
        assert "Traceback" not in service.log
        assert "canary" not in service.log
