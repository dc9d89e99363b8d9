"""Somebody who watches a whole conversation, and checks that every answer fits together."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Self

import httpx2
import orjson

from tests.client import Json
from tests.reader import NAMES, TERMINALS, ContractBroken, Frame, Frames

OTHERS = frozenset({"message", "conversation"})


@dataclass(slots=True)
class Answer:
    """What one connection was told of a generation."""

    text: str = ""
    last: int = 0
    status: str | None = None


@dataclass(slots=True)
class Watcher:
    """One connection at a time; each begins with a snapshot, and forgets what was before.

    Checks that the snapshot comes first and once, and that each generation's events follow
    without a gap on what the snapshot had of it. Raises ContractBroken.
    """

    http: httpx2.AsyncClient
    conversation_id: str
    snapshot: Json | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    others: list[tuple[str, Json]] = field(default_factory=list)
    """Messages and changes of the conversation, as they came."""
    heartbeats: int = 0
    retries: list[int] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first snapshot is there."""

    async def follow(self) -> AsyncGenerator[None, None]:
        """One connection, until it ends; a step whenever something came."""
        frames = Frames()
        self.snapshot, self.answers, self.others = None, {}, []
        url = f"/api/conversations/{self.conversation_id}/stream"
        async with self.http.stream("GET", url) as response:
            response.raise_for_status()
            async for data in response.aiter_raw():
                for frame in frames.feed(data):
                    self._take(frame)
                yield

    async def watch_to_the_end(self) -> Self:
        """One connection, until the server ends it."""
        async for _ in self.follow():
            pass
        return self

    async def watch_until(self, condition: Callable[[Self], bool]) -> Self:
        """One connection, and away as soon as the condition holds."""
        async with aclosing(self.follow()) as steps:
            async for _ in steps:
                if condition(self):
                    return self
        raise ContractBroken("the stream of the conversation ended by itself")

    def _take(self, frame: Frame) -> None:
        if frame.retry is not None:
            self.retries.append(int(frame.retry))
        if frame.event is None or frame.data is None:
            return
        if frame.id is not None:
            raise ContractBroken(f"a conversation has no cursor: {frame}")
        data = orjson.loads(frame.data)
        if (self.snapshot is None) != (frame.event == "snapshot"):
            raise ContractBroken(f"not at its place: {frame}")
        if frame.event == "snapshot":
            self._begin(data)
        elif frame.event == "heartbeat":
            self.heartbeats += 1
        elif frame.event in OTHERS:
            self.others.append((frame.event, data))
        else:
            self._of_generation(frame.event, data)

    def _begin(self, snapshot: Json) -> None:
        self.snapshot = snapshot
        self.opened.set()
        for live in snapshot["generations"]:
            self.answers[live["id"]] = Answer(live["text"], live["offset"])

    def _of_generation(self, name: str, data: Json) -> None:
        answer = self.answers.setdefault(data["generation_id"], Answer())
        first, last = data["offset"]
        if name not in NAMES or first != answer.last + 1 or answer.status is not None:
            raise ContractBroken(f"after {answer} came {name} {data}")
        answer.last = last
        if name == "delta" and data["channel"] == "answer":
            answer.text += data["text"]
        elif name in TERMINALS:
            answer.status = data["status"]
