"""A log whose appends are timed, and whose faults are counted."""

import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager

from llmchat.errors import StorageUnavailable
from llmchat.events import Entry, Event, Reset, Started
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.base import NOBODY, Head, TokenLog


class TimedTokenLog:
    """A TokenLog that does what `inner` does. `appended` is told how many seconds each append took
    that was stored; `failed` is called whenever the storage did not answer."""

    def __init__(
        self, inner: TokenLog, *, appended: Callable[[float], None], failed: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._appended = appended
        self._failed = failed

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        began = time.perf_counter()
        # Not by the generator below: this is done for every token.
        try:
            await self._inner.append(log, events, at=at, writer=writer)
        except StorageUnavailable:
            self._failed()
            raise
        self._appended(time.perf_counter() - began)

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        with self._counted():
            return await self._inner.fence(log, writer)

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        with self._counted():
            await self._inner.restore(log, started, reset, upto=upto, writer=writer)

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        # Not another generator on the way to every reader: what it cannot read, an append meets.
        return self._inner.read(log, after=after, idle_seconds=idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        with self._counted():
            return await self._inner.snapshot(log)

    async def head(self, log: GenerationId) -> Head:
        with self._counted():
            return await self._inner.head(log)

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        with self._counted():
            await self._inner.delete(logs)

    async def expire(self, *, ended_before: float) -> int:
        with self._counted():
            return await self._inner.expire(ended_before=ended_before)

    def release_readers(self) -> None:
        self._inner.release_readers()

    @contextmanager
    def _counted(self) -> Generator[None, None, None]:
        try:
            yield
        except StorageUnavailable:
            self._failed()
            raise
