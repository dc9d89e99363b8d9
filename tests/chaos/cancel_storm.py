"""Many who begin an answer and do not let it end: stopped, deleted, interrupted, left, at any
moment."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.client import Client
from tests.upstream import mock_model

_AT_ONCE = 24
_MEAN_SECONDS = 0.15
_MOST_SECONDS = 0.8
_ANSWERS = (
    mock_model(fail="no-headers"),
    mock_model(fail="silence-before"),
    mock_model(fail="silence", after=3),
    mock_model(fail="keepalive-chunks", after=3),
    mock_model(tokens=100_000, rate=50),
    mock_model(tokens=100_000, rate=1000),
    # These end by themselves at about the time.
    mock_model(tokens=20, rate=200),
    mock_model(tokens=3),
)


@dataclass(slots=True)
class Storm:
    """Draws from `dice` which answers of which `providers` are begun, and how and when they are
    ended; `ends` counts that."""

    client: Client
    dice: random.Random
    providers: tuple[str, ...]
    ends: Counter[str] = field(default_factory=Counter)
    conversations: list[str] = field(default_factory=list)
    """Those that are left."""

    async def rage(self, generations: int) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one() -> None:
            async with places:
                await self._one()

        async with asyncio.TaskGroup() as group:
            for _ in range(generations):
                group.create_task(one())

    async def _one(self) -> None:
        model = f"{self.dice.choice(self.providers)}/{self.dice.choice(_ANSWERS)}"
        seconds = min(self.dice.expovariate(1 / _MEAN_SECONDS), _MOST_SECONDS)
        end = self.dice.choice(("stop", "delete", "interrupt", "leave"))
        self.ends[end] += 1
        if end == "leave":
            await self._leave(model, seconds)
            return
        conversation = await self.client.conversation()
        sent = await self.client.send(conversation, model=model)
        await asyncio.sleep(seconds)
        if end == "delete":
            gone = await self.client.http.delete(f"/api/conversations/{conversation}")
            assert gone.status_code == 204, gone.text
            return
        self.conversations.append(conversation)
        if end == "stop":
            await self.client.stop(sent.generation_id)
        else:
            echo = await self.client.send(
                conversation, "enough", model="demo/echo", on_busy="interrupt"
            )
            assert (await self.client.read(echo.generation_id)).text == "You said: enough"

    async def _leave(self, model: str, seconds: float) -> None:
        """Without a word: the connection is closed while the answer is waited for."""
        asked = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.client.http.post("/api/llm/chat", json=asked)
