"""Logs in memory, for what need not outlive the process: stateless calls and tests."""

import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter

from llmchat.errors import LogGone, OffsetConflict
from llmchat.events import Entry, Event, Reset, Started, is_terminal, merge, since
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.base import NOBODY, Head
from llmchat.tokenlog.tail import Readable, Tail, batch, follow


class _Log:
    __slots__ = ("ended_at", "entries", "tail", "writer")

    def __init__(self, writer: WorkerId) -> None:
        self.entries: list[Entry] = []
        self.tail = Tail()
        self.writer = writer
        self.ended_at: float | None = None

    async def stored(self, after: int) -> Sequence[Entry]:
        begin = bisect_right(self.entries, after, key=attrgetter("last"))
        return batch(since(islice(self.entries, begin, None), after))


class MemoryTokenLog:
    """A TokenLog of durability level L0. `now` gives seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._logs: dict[GenerationId, _Log] = {}
        self._released = False

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        found = self._logs.get(log)
        if found is None and at == 1:
            found = self._make(log, writer)
        if found is None or found.writer != writer or not found.tail.takes(at):
            raise OffsetConflict(f"{log} cannot be continued at offset {at}.")
        found.entries.extend(
            Entry(offset, offset, event) for offset, event in enumerate(events, at)
        )
        found.tail.reserve(len(events), terminal=is_terminal(events[-1]))
        found.tail.publish(events)
        if found.tail.ended:
            found.ended_at = self._now()

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        found = self._get(log)
        found.writer = writer
        return Head(found.tail.last, found.tail.ended)

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        if log in self._logs:
            raise OffsetConflict(f"There is a log of {log}.")
        found = self._make(log, writer)
        found.entries = [Entry(1, 1, started), Entry(2, upto, reset)]
        found.tail.move(upto, ended=False)

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        return follow(partial(self._open, log), after, idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        return merge(self._get(log).entries)

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

    def _make(self, log: GenerationId, writer: WorkerId) -> _Log:
        made = self._logs[log] = _Log(writer)
        made.tail.released = self._released
        return made

    async def _open(self, log: GenerationId) -> Readable:
        found = self._get(log)
        return Readable(found.tail, found.stored)

    def _get(self, log: GenerationId) -> _Log:
        found = self._logs.get(log)
        if found is None:
            raise LogGone(f"There is no log of {log}.")
        return found
