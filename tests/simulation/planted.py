"""Bugs that a simulation must find, each a small change of a part that is right."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from llmchat.events import Entry, Event, since
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.base import NOBODY
from tests.simulation.connections import SimulatedTokenLog
from tests.simulation.network import OUTSIDE
from tests.simulation.redis import SimulatedRedis


class ShowsBeforeItStores(SimulatedTokenLog):
    """Its readers see what it appends at once; that it is stored comes later, or never."""

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        mirror = self._mirrors.get(log)
        if mirror is not None and mirror.writer == writer and mirror.tail.takes(at):
            mirror.tail.reserve(len(events), terminal=False)
            mirror.tail.publish(events)
            mirror.tail.next -= len(events)
        await super().append(log, events, at=at, writer=writer)


class LooksBeforeItSubscribes(SimulatedTokenLog):
    """A reader gets what is there, and then what comes: what came in between, it never gets."""

    async def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        there = list(since(await self.snapshot(log), after))
        if there:
            yield there
        last = (await self.head(log)).last
        async for entries in super().read(log, after=last, idle_seconds=idle_seconds):
            yield entries


class ChecksThenAppends(SimulatedRedis):
    """Whether an append fits is looked at in one step, and it is stored in another."""

    def append(self, log: str, _: str, *arguments: Any) -> list[Any]:
        first, upto, writer, payload, _, again = arguments[:6]
        if refusal := self.check(log, first, upto, writer, payload, again):
            return refusal
        loop = asyncio.get_running_loop()
        later = self.network.latency()
        loop.call_later(later, self.write, log, *arguments[:5], context=OUTSIDE)
        return [b"ok", upto]


class FencesNobody(SimulatedRedis):
    """Whoever takes over is told where the log stands, and the owner before goes on to write it."""

    def fence(self, log: str, writer: str) -> list[bytes] | None:
        return self.watch(log, "")

    def check(self, log: str, first: int, upto: int, writer: str, *rest: Any) -> list[Any] | None:
        stream = self.logs.get(log)
        return super().check(log, first, upto, stream.writer.decode() if stream else writer, *rest)
