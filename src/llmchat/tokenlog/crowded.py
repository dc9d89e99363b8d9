"""A log whose writers are let go a little later when there are many of them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from llmchat.events import Entry, Event, Reset, Started, is_terminal
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.base import NOBODY, Head, TokenLog

# As in the embedded store: below the cost of a token is its wake-up, and one of them then serves
# several. What is appended is shown at once.
_LIVE_AT_EASE = 32
_PACE_SECONDS = 0.062
# The first token, for which somebody waits, is never held back.
_FIRST_OFFSETS = 2


class CrowdedTokenLog:
    """A TokenLog around another, whose appends cost nothing by themselves. With more live logs than
    LIVE_AT_EASE, an append returns at the next beat: the writers go on together, each with what
    has piled up in its socket."""

    def __init__(self, inner: TokenLog) -> None:
        self._inner = inner
        self._live: set[GenerationId] = set()
        self._held: list[asyncio.Future[None]] = []

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        await self._inner.append(log, events, at=at, writer=writer)
        if is_terminal(events[-1]):
            self._live.discard(log)
            return
        self._live.add(log)
        if len(self._live) > _LIVE_AT_EASE and at > _FIRST_OFFSETS:
            await self._beat()

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        return await self._inner.fence(log, writer)

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        await self._inner.restore(log, started, reset, upto=upto, writer=writer)

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        return self._inner.read(log, after=after, idle_seconds=idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        return await self._inner.snapshot(log)

    async def head(self, log: GenerationId) -> Head:
        return await self._inner.head(log)

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        self._live.difference_update(logs)
        await self._inner.delete(logs)

    async def expire(self, *, ended_before: float) -> int:
        return await self._inner.expire(ended_before=ended_before)

    def release_readers(self) -> None:
        self._inner.release_readers()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._held:
            loop.call_later(_PACE_SECONDS, self._let_go)
        held = loop.create_future()
        self._held.append(held)
        await held

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for future in held:
            if not future.done():
                future.set_result(None)
