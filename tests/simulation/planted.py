"""Bugs that a simulation must find, each a small change of a part that is right."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from llmchat.events import Entry, Event, since
from llmchat.ids import GenerationId, WorkerId
from llmchat.prompts import Prompt
from llmchat.tokenlog.base import NOBODY
from llmchat.tokenlog.redis_scripts import APPEND
from tests.simulation.connections import SimulatedClient, SimulatedTokenLog
from tests.simulation.durable import DurableProvider, Kept
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


class ChecksThenAppends(SimulatedTokenLog):
    """Whether an append fits it asks in one step, and stores in another."""

    def __init__(self, redis: SimulatedRedis, now: Callable[[], float]) -> None:
        super().__init__(redis, now)
        self._client = self._writer._client = _TwoSteps(redis)


class _TwoSteps(SimulatedClient):
    async def _send(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        if commands[0][1] != APPEND.digest:
            return await super()._send(commands)
        return [await self._append(*command[3:]) for command in commands]

    async def _append(self, stream: str, *rest: Any) -> Any:
        log, arguments = stream.removeprefix("llmchat:log:"), rest[4:]
        first, upto, writer, payload, ends, again = arguments[:6]
        ask, server = self._server.network.ask, self._server
        refusal = await ask(lambda: server.check(log, first, upto, writer, payload, again))
        if refusal:
            return refusal
        return await ask(lambda: server.write(log, first, upto, writer, payload, ends))


class FencesNobody(SimulatedRedis):
    """Whoever takes over is told where the log stands, and the owner before goes on to write it."""

    def fence(self, log: str, writer: str) -> list[bytes] | None:
        return self.watch(log, "")

    def check(self, log: str, first: int, upto: int, writer: str, *rest: Any) -> list[Any] | None:
        stream = self.logs.get(log)
        return super().check(log, first, upto, stream.writer.decode() if stream else writer, *rest)


class ReadsOneTokenAgain(DurableProvider):
    """Reading on begins with the last token that was given."""

    def _read(self, mark: str) -> tuple[str, int]:
        id, number = super()._read(mark)
        return id, max(0, number - 1)


class ForgetsWhereItWas(DurableProvider):
    """Reading on is another reading from the beginning."""

    def _found(self, prompt: Prompt) -> tuple[Kept, int]:
        return super()._found(prompt)[0], 0
