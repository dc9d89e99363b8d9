"""Logs in memory, for what need not outlive the process: stateless calls and tests."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

from llmchat.errors import LogGone, OffsetConflict
from llmchat.events import Entry, Event, is_terminal, merge
from llmchat.ids import GenerationId
from llmchat.tokenlog.base import Head
from llmchat.tokenlog.tail import Tail, batch, follow


class _Log:
    __slots__ = ("ended_at", "events", "tail")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tail = Tail()
        self.ended_at: float | None = None

    async def stored(self, after: int) -> Sequence[Entry]:
        offsets = range(after + 1, self.tail.last + 1)
        return batch(Entry(offset, offset, self.events[offset - 1]) for offset in offsets)


class MemoryTokenLog:
    """A TokenLog of durability level L0. `now` gives seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._logs: dict[GenerationId, _Log] = {}
        self._released = False

    async def append(self, log: GenerationId, events: Sequence[Event], *, at: int) -> None:
        found = self._logs.get(log)
        if found is None and at == 1:
            found = self._logs[log] = _Log()
            found.tail.released = self._released
        if found is None or found.tail.sealed or found.tail.next != at:
            raise OffsetConflict(f"{log} cannot be continued at offset {at}.")
        found.events.extend(events)
        found.tail.reserve(len(events), terminal=is_terminal(events[-1]))
        found.tail.publish(events)
        if found.tail.ended:
            found.ended_at = self._now()

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        return follow(partial(self._open, log), after, idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        events = self._get(log).events
        return merge([Entry(offset, offset, event) for offset, event in enumerate(events, 1)])

    async def head(self, log: GenerationId) -> Head:
        tail = self._get(log).tail
        return Head(tail.last, tail.ended)

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        for log in logs:
            if (found := self._logs.pop(log, None)) is not None:
                found.tail.gone = True
                found.tail.wake()

    async def expire(self, *, ended_before: float) -> int:
        old = [
            log
            for log, found in self._logs.items()
            if found.ended_at is not None and found.ended_at < ended_before
        ]
        await self.delete(old)
        return len(old)

    def release_readers(self) -> None:
        self._released = True
        for found in self._logs.values():
            found.tail.released = True
            found.tail.wake()

    async def _open(self, log: GenerationId) -> _Log:
        return self._get(log)

    def _get(self, log: GenerationId) -> _Log:
        found = self._logs.get(log)
        if found is None:
            raise LogGone(f"There is no log of {log}.")
        return found
