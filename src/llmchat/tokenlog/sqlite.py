"""The embedded log: one writer thread, and one commit for all that waits."""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from llmchat.errors import LlmchatError, LogGone, OffsetConflict, StorageUnavailable
from llmchat.events import Entry, Event, Reset, Started, is_terminal, merge, to_json
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.base import BATCH_CHARS, NOBODY, Head
from llmchat.tokenlog.live import Append, Live, all_done
from llmchat.tokenlog.logfile import Durability, LogFile, Write
from llmchat.tokenlog.replays import Replays, replay_end
from llmchat.tokenlog.segments import Growth, Segment, entries_of, grow
from llmchat.tokenlog.tail import Readable, Tail, follow

T = TypeVar("T")

# What a commit collects after a large one: rows are cheap, and waking the writer thread is not.
_COLLECT_SECONDS_PER_APPEND = 0.0005
_COLLECT_SECONDS_MOST = 0.004
# With more live logs than this, each is written to every _PACE_SECONDS at the most, so that one
# wake-up, one row and one frame serve several tokens: two of a model that writes 30 a second. What
# is stored is shown at once; only its writer is let go a little later.
_LIVE_AT_EASE = 32
_PACE_SECONDS = 0.062
# Where the logs stand that ended lately: a reload after the end then asks no thread.
_REMEMBERED_ENDED = 256


class SqliteTokenLog:
    """A TokenLog of durability level L1 (`process`) or L2 (`disk`).

    Readers never wait for the writer (WAL), and a commit takes all appends that wait, from however
    many generations. The file must belong to this process alone: see datadir.py. `now` gives
    seconds since the epoch. Use it as an async context manager: leaving it stores what waits.
    """

    def __init__(self, path: Path, *, durability: Durability, now: Callable[[], float]) -> None:
        self._path = path
        self._durability = durability
        self._now = now
        self._live: dict[GenerationId, Live] = {}
        self._pending: list[Append] = []
        self._wanted = asyncio.Event()
        self._departed = 0
        self._ended: OrderedDict[GenerationId, Live] = OrderedDict()
        self._replays = Replays()
        self._released = False
        self._closing = False

    async def __aenter__(self) -> "SqliteTokenLog":
        self._loop = asyncio.get_running_loop()
        self._writing = ThreadPoolExecutor(1, "tokenlog-writer")
        self._reading = ThreadPoolExecutor(1, "tokenlog-reader")
        self._file = await self._write(partial(LogFile, self._path, self._durability))
        self._next_id = await self._write(self._file.next_id)
        self._flusher = asyncio.create_task(self._flush_for_ever(), name="tokenlog-flusher")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release_readers()
        self._closing = True
        self._wanted.set()
        await self._flusher
        self._reading.shutdown()
        await self._write(self._file.close)
        self._writing.shutdown()

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        live = self._live.get(log)
        if live is None:
            live = await self._find_or_make(log, at, writer)
        if live.writer not in (None, writer) or not live.tail.takes(at):
            raise OffsetConflict(f"{log} cannot be continued at offset {at}.")
        growth = grow(live.open, events, at)
        live.open = growth.open
        await self._store(live, at, events, growth)

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        live = self._live.get(log) or await self._find(log)
        live.writer = writer
        # What the last writer still has on its way comes before whatever this one appends.
        await live.tail.settled()
        if live.tail.last == 0:
            raise LogGone(f"There is no log of {log}.")
        return Head(live.tail.last, live.tail.ended)

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        live = await self._find_or_make(log, 1, writer)
        if not live.tail.takes(1):
            raise OffsetConflict(f"There is a log of {log}.")
        growth = grow(None, [started], 1)
        growth.added.append(Segment(2, upto, None, to_json(reset).decode()))
        await self._store(live, 1, [started, reset], growth, upto)

    async def _store(
        self,
        live: Live,
        at: int,
        events: Sequence[Event],
        growth: Growth,
        upto: int | None = None,
    ) -> None:
        ends = is_terminal(events[-1])
        last = at + len(events) - 1 if upto is None else upto
        live.tail.reserve(last - at + 1, terminal=ends)
        stored: asyncio.Future[None] = self._loop.create_future()
        write = Write(live.id, live.name, at == 1, ends, growth)
        self._pending.append(Append(live, at, last, events, write, stored))
        self._wanted.set()
        await stored

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        return follow(partial(self._open, log), after, idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        live = await self._find(log)
        return merge(await self._entries(live, 0, live.tail.last, None))

    async def head(self, log: GenerationId) -> Head:
        tail = (await self._find(log)).tail
        return Head(tail.last, tail.ended)

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        doomed = [live for log in logs if (live := self._live.get(log)) is not None]
        for live in doomed:
            # An append behind the deletion would find no log, and fail with all of its batch.
            live.tail.sealed = True
            self._refuse_waiting(live, OffsetConflict(f"{live.name} is being deleted."))
        try:
            await self._write(partial(self._file.delete, logs))
        except StorageUnavailable:
            for live in doomed:
                live.tail.roll_back()
            raise
        self._departed += 1
        self._ended.clear()
        for log in logs:
            if (found := self._live.pop(log, None)) is not None:
                found.tail.gone = found.tail.sealed = True
                found.tail.wake()

    async def expire(self, *, ended_before: float) -> int:
        if names := await self._write(partial(self._file.expire, ended_before)):
            self._departed += 1
            self._ended.clear()
        return len(names)

    def release_readers(self) -> None:
        self._released = True
        for live in self._live.values():
            live.tail.released = True
            live.tail.wake()

    async def _find_or_make(self, log: GenerationId, at: int, writer: WorkerId) -> Live:
        try:
            return await self._find(log)
        except LogGone:
            if at != 1:
                raise OffsetConflict(f"There is no log of {log} to go on with.") from None
        # Nothing awaited since the look-up said no, except by whoever was quicker.
        live = self._live.get(log)
        if live is None:
            live = self._live[log] = Live(
                self._next_id, log, self._new_tail(0, ended=False), writer
            )
            self._next_id += 1
        return live

    async def _find(self, log: GenerationId) -> Live:
        """The log if it is live; if it has ended, a view of it that never changes."""
        while (live := self._live.get(log) or self._ended.get(log)) is None:
            departed = self._departed
            found = await self._run(self._reading, partial(self._file.find, log))
            if found is None or found.last == 0:
                raise LogGone(f"There is no log of {log}.")
            view = Live(found.id, log, self._new_tail(found.last, ended=found.ended))
            # It may have ended or gone while we looked, and then nothing would ever wake this view.
            if departed == self._departed:
                return self._remember(view) if found.ended else self._live.setdefault(log, view)
        if live.tail.last == 0:
            raise LogGone(f"Nothing of the log of {log} is stored yet.")
        return live

    def _remember(self, ended: Live) -> Live:
        self._ended[ended.name] = ended
        while len(self._ended) > _REMEMBERED_ENDED:
            self._ended.popitem(last=False)
        return ended

    def _new_tail(self, last: int, *, ended: bool) -> Tail:
        tail = Tail(last, ended=ended)
        tail.released = self._released
        return tail

    async def _open(self, log: GenerationId) -> Readable:
        live = await self._find(log)
        return Readable(live.tail, partial(self._stored, live))

    async def _stored(self, live: Live, after: int) -> Sequence[Entry]:
        upto = replay_end(live.tail, after)

        async def read() -> Sequence[Entry]:
            return merge(await self._entries(live, after, upto, BATCH_CHARS))

        return await self._replays.get((live.id, after, upto), read)

    async def _entries(
        self, live: Live, after: int, upto: int, most_chars: int | None
    ) -> list[Entry]:
        rows = await self._run(
            self._reading, partial(self._file.rows, live.id, after, upto, most_chars)
        )
        if not rows and after < upto:
            raise LogGone("This log was deleted.")
        return entries_of(rows, after, upto)

    async def _flush_for_ever(self) -> None:
        while self._pending or not self._closing:
            await self._wanted.wait()
            count = await self._commit_pending()
            pause = min((count - 1) * _COLLECT_SECONDS_PER_APPEND, _COLLECT_SECONDS_MOST)
            if pause > 0:
                await asyncio.sleep(pause)

    async def _commit_pending(self) -> int:
        self._wanted.clear()
        batch, self._pending = self._pending, []
        if not batch:
            return 0
        try:
            writes = [append.write for append in batch]
            await self._write(partial(self._file.commit, writes, self._now()))
        except StorageUnavailable as error:
            for append in batch:
                self._undo(append, error)
        else:
            for append in batch:
                self._publish(append)
            self._let_go(batch)
        return len(batch)

    def _let_go(self, stored: Sequence[Append]) -> None:
        """Let the writers go on: at once, or when there are many, a little later."""
        crowded = len(self._live) > _LIVE_AT_EASE and not self._closing
        held = [append for append in stored if crowded and append.may_wait]
        for append in stored:
            if append not in held:
                append.done()
        if held:
            self._loop.call_later(_PACE_SECONDS, all_done, held)

    def _publish(self, append: Append) -> None:
        live = append.live
        if append.covers_more:
            live.tail.move(append.last, ended=False)
        else:
            live.tail.publish(append.events)
        if live.tail.ended and self._live.get(live.name) is live:
            del self._live[live.name]
            self._departed += 1
            self._remember(Live(live.id, live.name, self._new_tail(live.tail.last, ended=True)))

    def _undo(self, append: Append, error: StorageUnavailable) -> None:
        append.live.tail.roll_back()
        append.live.open = None
        if append.write.is_new:
            self._live.pop(append.live.name, None)
        append.refuse(error)
        self._refuse_waiting(append.live, error)

    def _refuse_waiting(self, live: Live, error: LlmchatError) -> None:
        """Fail the appends of a log that count on what did not happen: there would be a hole."""
        for append in self._pending:
            if append.live is live:
                append.refuse(error)
        self._pending = [append for append in self._pending if append.live is not live]

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._run(self._writing, work)

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await self._loop.run_in_executor(executor, work)
        except sqlite3.Error as error:
            raise StorageUnavailable(
                f"The log in {self._path} could not be used: {error}.", retry_after_seconds=5
            ) from error
