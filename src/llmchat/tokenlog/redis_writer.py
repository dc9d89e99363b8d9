"""The appends of one process: all that wait go in one round trip, and again when it fails."""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from llmchat.errors import LlmchatError, OffsetConflict, StorageUnavailable
from llmchat.events import Event, is_terminal
from llmchat.ids import WorkerId
from llmchat.redis import RedisClient, unavailable
from llmchat.tokenlog.mirror import REPAIRED, REPEATED, Chunk, Mirror, Write
from llmchat.tokenlog.redis_scripts import APPEND, BEHIND, OK, keys_of

_log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 0.1
_MOST_WRITES = 256
# How long the first event of a log may take, for which a send waits, and any other.
_BEGIN_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0
_HURRY_SECONDS = 3.0


class RedisWriter:
    """`stored` is told of every append that is stored, in order; `lost` of a log that somebody else
    writes, or of which nobody knows what is stored."""

    def __init__(
        self,
        client: RedisClient,
        *,
        keep_seconds: float,
        now: Callable[[], float],
        stored: Callable[[Write], None],
        lost: Callable[[Mirror], None],
    ) -> None:
        self._client = client
        self._keep_seconds = keep_seconds
        self._now = now
        self._stored = stored
        self._lost = lost
        self._waiting: list[Write] = []
        self._wanted = asyncio.Event()
        self._closing = False
        self._hurries = False
        self._latest = math.inf

    async def append(
        self, mirror: Mirror, chunk: Chunk, writer: WorkerId, events: Sequence[Event]
    ) -> None:
        """Returns when it is stored. Raises OffsetConflict and StorageUnavailable."""
        loop = asyncio.get_running_loop()
        patience = _BEGIN_SECONDS if chunk.first == 1 else _PATIENCE_SECONDS
        stored: asyncio.Future[None] = loop.create_future()
        ends = is_terminal(events[-1])
        give_up_at = loop.time() + patience
        self._waiting.append(Write(mirror, chunk, writer, ends, give_up_at, events, stored=stored))
        self._wanted.set()
        await stored

    def hurry(self) -> None:
        """We shut down: a Redis that is away gets a few seconds more, and not half a minute."""
        self._hurries = True

    def close(self) -> None:
        """Let `run` return when nothing waits any more, which takes no patience any more."""
        self._closing = True
        self._wanted.set()

    async def run(self) -> None:
        while self._waiting or not self._closing:
            await self._wanted.wait()
            batch, self._waiting = self._waiting[:_MOST_WRITES], self._waiting[_MOST_WRITES:]
            if not self._waiting:
                self._wanted.clear()
            if batch:
                await self._send(batch)

    async def _send(self, batch: Sequence[Write]) -> None:
        try:
            results = await self._client.run_all(APPEND, [self._call(write) for write in batch])
        except StorageUnavailable as error:
            await self._try_again(batch, error)
            return
        failed = []
        for write, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                failed.append((write, result))
            elif result[0] == OK:
                self._stored(write)
                write.done()
        behind: dict[Mirror, tuple[int, list[Write]]] = {}
        for write, result in zip(batch, results, strict=True):
            if not isinstance(result, Exception) and result[0] == BEHIND:
                behind.setdefault(write.mirror, (int(result[1]), []))[1].append(write)
            elif not isinstance(result, Exception) and result[0] != OK:
                self.refuse(write, OffsetConflict(f"{write.mirror.name} is written by another."))
        for mirror, (last, writes) in behind.items():
            self.repair(mirror, last, writes)
        if failed:
            await self._try_again([write for write, _ in failed], unavailable(failed[0][1]))

    def repair(self, mirror: Mirror, last: int, writes: Sequence[Write] = ()) -> None:
        """Append again what the store has lost behind `last`, and then `writes`."""
        lost = [chunk for chunk in mirror.chunks if chunk.last > last]
        first = lost[0].first if lost else writes[0].chunk.first if writes else last + 1
        waiting = {write.chunk for write in self._waiting if write.mirror is mirror}
        if mirror.writer is None or first != last + 1:
            for write in writes:
                self.refuse(write, OffsetConflict(f"{mirror.name} does not go to this offset."))
            return
        again = [self._again(mirror, chunk) for chunk in lost if chunk not in waiting]
        if again:
            _log.warning("What Redis lost is stored again", generation_id=mirror.name, after=last)
        self._waiting = [*again, *writes, *self._waiting]
        self._wanted.set()

    def refuse(self, write: Write, error: LlmchatError) -> None:
        """Fail it, and all of the same log that count on it: there would be a hole."""
        mirror = write.mirror
        write.refuse(error)
        for other in self._waiting:
            if other.mirror is mirror and other.writer == write.writer:
                other.refuse(error)
        self._waiting = [
            other
            for other in self._waiting
            if other.mirror is not mirror or other.writer != write.writer
        ]
        if mirror.writer == write.writer:
            self._lost(mirror)

    async def _try_again(self, batch: Sequence[Write], error: StorageUnavailable) -> None:
        now = asyncio.get_running_loop().time()
        if self._hurries:
            self._latest = min(self._latest, now + _HURRY_SECONDS)
        for write in batch:
            write.again = max(write.again, REPEATED)
        self._waiting = [*batch, *self._waiting]
        for write in batch:
            if (
                self._closing or now >= min(write.give_up_at, self._latest)
            ) and write in self._waiting:
                self._waiting.remove(write)
                self.refuse(write, error)
        self._wanted.set()
        await asyncio.sleep(_AGAIN_SECONDS)

    def _again(self, mirror: Mirror, chunk: Chunk) -> Write:
        assert mirror.writer is not None
        give_up_at = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        return Write(mirror, chunk, mirror.writer, False, give_up_at, again=REPAIRED)

    def _call(self, write: Write) -> tuple[Sequence[str], Sequence[Any]]:
        name, chunk = write.mirror.name, write.chunk
        flags = [int(write.ends), write.again, repr(self._now()), int(self._keep_seconds)]
        arguments = [name, chunk.first, chunk.last, write.writer, chunk.payload, *flags]
        return keys_of(name), arguments
