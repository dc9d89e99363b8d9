"""The log of many processes: a Redis stream for each generation."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from llmchat.errors import LogGone, OffsetConflict, StorageUnavailable
from llmchat.events import Entry, Event, Reset, Started, is_terminal, merge, since
from llmchat.ids import GenerationId, WorkerId, new_id
from llmchat.redis import Listener, RedisClient, broken_promises
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import BATCH_CHARS, NOBODY, Head
from llmchat.tokenlog.mirror import Chunk, Mirror, Write, decoded
from llmchat.tokenlog.mirrors import Mirrors
from llmchat.tokenlog.payloads import encode
from llmchat.tokenlog.redis_reader import read_chunks
from llmchat.tokenlog.redis_scripts import DELETE, ENDED, FENCE, WATCH, channel_of, keys_of
from llmchat.tokenlog.redis_writer import RedisWriter
from llmchat.tokenlog.replays import Replays, replay_end
from llmchat.tokenlog.tail import Readable, batch, follow

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.1


class RedisTokenLog:
    """A TokenLog of durability level L1, as long as Redis keeps an append-only file.

    A process has one connection on which it is told what others append, whatever the number of
    its readers, and sends what it appends in batches. What Redis is asked and what it tells can
    overtake each other, and be lost: each is a range of offsets, and whatever does not fit is read
    from the stream. A log that has ended is kept for `retention_seconds`. `now` gives seconds since
    the epoch. Use it as an async context manager."""

    def __init__(self, url: str, *, retention_seconds: float, now: Callable[[], float]) -> None:
        self._process = new_id("proc")
        self._client = RedisClient(url)
        self._listener = Listener(url, channel_of(self._process), self._heard, self.look)
        self._writer = RedisWriter(
            self._client,
            # Longer: `expire` decides, this is for when no process is left to ask.
            keep_seconds=retention_seconds + 3600,
            now=now,
            stored=self._stored,
            lost=self._lost,
        )
        self._mirrors = Mirrors()
        self._tasks = TaskSet()
        self._replays = Replays(self._tasks)

    async def __aenter__(self) -> "RedisTokenLog":
        self._opened = AsyncExitStack()
        await self._opened.enter_async_context(self._listener)
        self._writing = self._tasks.start(self._writer.run(), name="tokenlog writer")
        self._tasks.spawn(self._look_for_ever(), name="tokenlog reconciliation")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release_readers()
        self._writer.close()
        await asyncio.wait([self._writing])
        await self._tasks.cancel_all()
        await self._opened.aclose()
        await self._client.aclose()

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        chunk = Chunk(at, at + len(events) - 1, encode(events))
        mirror = self._mirrors.get(log)
        if mirror is None or mirror.writer is None:
            mirror = await self._adopt(log, at, writer)
        if mirror.writer != writer or not mirror.tail.takes(at):
            raise OffsetConflict(f"{log} cannot be continued at offset {at}.")
        mirror.tail.reserve(len(events), terminal=is_terminal(events[-1]))
        await self._writer.append(mirror, chunk, writer, events)

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        mirror = self._mirrors.made(log)
        if mirror.chunks:
            raise OffsetConflict(f"There is a log of {log}.")
        # Its readers may have seen all of the lost one, and come to the end of this one at once.
        mirror.writer, mirror.tail.next = writer, upto + 1
        # One entry: a log that ends at 1 would refuse the cursors that are to get the reset.
        events: list[Event] = [started, reset]
        chunk = Chunk(1, upto, encode(events))
        await self._writer.append(mirror, chunk, writer, events)

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        if (mirror := self._mirrors.get(log)) is not None:
            await mirror.tail.settled()
        found = await self._client.run(FENCE, keys_of(log), writer)
        if found is None:
            raise _gone(log)
        head = Head(int(found[0]), found[1] == b"1")
        mirror = self._mirrors.made(log)
        mirror.writer = writer
        mirror.tail.move(head.last, ended=head.ended)
        mirror.chunks = await read_chunks(self._client, log, 0, head.last)
        if head.ended:
            self._mirrors.drop(mirror)
        return head

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        return follow(partial(self._open, log), after, idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        mirror = await self._find(log)
        return merge(await self._entries(mirror, 0, mirror.tail.last, None))

    async def head(self, log: GenerationId) -> Head:
        tail = (await self._find(log)).tail
        return Head(tail.last, tail.ended)

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        await self._delete(logs)

    async def expire(self, *, ended_before: float) -> int:
        old: Any = await self._client.call("ZRANGEBYSCORE", ENDED, "-inf", f"({ended_before!r}")
        return await self._delete([GenerationId(name.decode()) for name in old])

    def release_readers(self) -> None:
        self._mirrors.release()
        self._writer.hurry()

    async def warnings(self) -> Sequence[str]:
        """Which promises this Redis, as it is configured, does not keep."""
        return await broken_promises(self._client)

    async def look(self) -> None:
        """Ask Redis where all logs stand that are of interest here, and tell it so again."""
        self._mirrors.drop_unread()
        mirrors = [mirror for mirror in self._mirrors if mirror.tail.last]
        await asyncio.gather(*map(self._look_at, mirrors))

    async def _look_at(self, mirror: Mirror) -> None:
        was = mirror.tail.last
        found = await self._client.run(WATCH, keys_of(mirror.name), self._process)
        if found is None:
            self._miss(mirror)
        else:
            self._advance(mirror, found, was)

    async def _adopt(self, log: GenerationId, at: int, writer: WorkerId) -> Mirror:
        """The log, to be written here from now on."""
        if at == 1:
            return self._mirrors.made(log, writer)
        try:
            mirror = await self._find(log)
        except LogGone:
            raise OffsetConflict(f"There is no log of {log} to go on with.") from None
        if mirror.writer is None and not mirror.tail.ended:
            chunks = await read_chunks(self._client, log, 0, mirror.tail.last)
            if mirror.writer is None:
                # Whether it is this writer's, Redis knows: an append says so.
                mirror.writer, mirror.chunks = writer, chunks
        return mirror

    async def _open(self, log: GenerationId) -> Readable:
        mirror = await self._find(log)
        return Readable(mirror.tail, partial(self._batch, mirror))

    async def _find(self, log: GenerationId) -> Mirror:
        """The log as Redis has it now, and from now on. Never from memory alone: a reader's cursor
        may be ahead of what this process was told, and of what it knows to have stored."""
        mirror = self._mirrors.get(log)
        was = 0 if mirror is None else mirror.tail.last
        found = await self._client.run(WATCH, keys_of(log), self._process)
        if (mirror := self._mirrors.get(log)) is not None and found is not None:
            await mirror.tail.reached(int(found[0]))
        if found is None:
            if mirror is None or not mirror.chunks:
                raise _gone(log)
            return mirror  # Lost, and about to be stored again by us.
        if mirror is None or mirror.tail.last == 0:
            mirror = self._mirrors.view(log)
            mirror.tail.move(int(found[0]), ended=found[1] == b"1")
            if not mirror.tail.ended:
                self._mirrors.keep(mirror)
        else:
            self._advance(mirror, found, was)
        return mirror

    def _advance(self, mirror: Mirror, found: Sequence[bytes], was: int) -> None:
        """`was` is how far it was here when Redis was asked: since then it may be further."""
        last, ended, writer = int(found[0]), found[1] == b"1", found[2].decode()
        mirror.missing_since = None
        tail = mirror.tail
        if mirror.writer is not None and mirror.writer == writer:
            if last < was:
                self._writer.repair(mirror, last)
            return
        if mirror.writer is not None:
            mirror.disown()
        if last > tail.last:
            tail.move(last, ended=ended)
        if tail.ended:
            self._mirrors.drop(mirror)

    def _miss(self, mirror: Mirror) -> None:
        if mirror.writer is not None:
            self._writer.repair(mirror, 0)
        else:
            self._mirrors.miss(mirror)

    def _heard(self, message: bytes) -> None:
        log, first, last, payload = message.split(b"\n", 3)
        name = GenerationId(log.decode())
        if not first:
            self._forget(name)
            return
        mirror = self._mirrors.get(name)
        if mirror is not None and mirror.writer is None:
            self._show(mirror, Chunk(int(first), int(last), payload))

    def _stored(self, write: Write) -> None:
        mirror = write.mirror
        if mirror.writer == write.writer and write.events:
            mirror.chunks.append(write.chunk)
        self._show(mirror, write.chunk, write.events)

    def _lost(self, mirror: Mirror) -> None:
        mirror.disown()
        if mirror.tail.last == 0:
            self._mirrors.drop(mirror)

    def _show(self, mirror: Mirror, chunk: Chunk, events: Sequence[Event] = ()) -> None:
        mirror.show(chunk, events)
        if mirror.tail.ended:
            self._mirrors.drop(mirror)

    async def _batch(self, mirror: Mirror, after: int) -> Sequence[Entry]:
        upto = replay_end(mirror.tail, after)

        async def read() -> Sequence[Entry]:
            return batch(await self._entries(mirror, after, upto, BATCH_CHARS))

        return await self._replays.get((mirror.name, after, upto), read)

    async def _entries(
        self, mirror: Mirror, after: int, upto: int, most_chars: int | None
    ) -> list[Entry]:
        if mirror.chunks:
            return list(since(mirror.kept(after, most_chars), after))
        while not (chunks := await self._chunks(mirror, after, upto, most_chars)):
            if after >= upto:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return list(since(decoded(chunks, None), after))

    async def _chunks(
        self, mirror: Mirror, after: int, upto: int, most_chars: int | None
    ) -> Sequence[Chunk]:
        """Empty when Redis does not have them, or does not answer, right now."""
        try:
            chunks = await read_chunks(self._client, mirror.name, after, upto, most_chars)
        except StorageUnavailable:
            if mirror.tail.released or not mirror.tail.followed:
                raise
            return ()
        over = mirror.tail.ended or mirror.tail.gone or mirror.name not in self._mirrors
        if not chunks and over and after < upto:
            raise _gone(mirror.name)
        return chunks

    async def _delete(self, logs: Sequence[GenerationId]) -> int:
        for log in logs:
            if (mirror := self._mirrors.get(log)) is not None:
                mirror.tail.sealed = True
        deleting = [self._client.run(DELETE, keys_of(log), log) for log in logs]
        counts: list[int] = await asyncio.gather(*deleting)
        for log in logs:
            self._forget(log)
        return sum(counts)

    def _forget(self, log: GenerationId) -> None:
        self._replays.forget(log)
        self._mirrors.forget(log)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except StorageUnavailable as error:
                _log.warning("Redis cannot be asked", error=error.detail)


def _gone(log: GenerationId) -> LogGone:
    return LogGone(f"There is no log of {log}.")
