"""Readers of a log, and what the entries that they got have to say."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from itertools import count

from llmchat.errors import LogGone, StorageUnavailable
from llmchat.events import Delta, Entry, Event, Finished, Started
from llmchat.ids import GenerationId
from llmchat.tasks import cancel
from llmchat.tokenlog.base import TokenLog
from tests.contract.logs import PATIENCE_SECONDS

STARTED = Started("gen_1", "msg_1", "demo/echo", 1)
FINISHED = Finished("complete", "stop")
_numbers = count(1)


def new_log() -> GenerationId:
    return GenerationId(f"gen_{next(_numbers)}")


def tokens(count: int, first: int = 0) -> list[Event]:
    return [Delta(f"t{number} ") for number in range(first, first + count)]


def joined(events: Sequence[Event]) -> Event:
    """One event, or adjacent deltas of one channel as one."""
    if len(events) == 1:
        return events[0]
    deltas = [event for event in events if isinstance(event, Delta)]
    assert len(deltas) == len(events), "only deltas are merged"
    assert len({delta.channel for delta in deltas}) == 1, "a merged delta has one channel"
    logprobs = ",".join(delta.logprobs for delta in deltas if delta.logprobs) or None
    text = "".join(delta.text for delta in deltas)
    return Delta(text, deltas[0].channel, logprobs=logprobs)


def assert_says(entries: Sequence[Entry], events: Sequence[Event], *, after: int = 0) -> None:
    """`entries` are exactly what follows the offset `after` in `events`, however they were cut."""
    for entry in entries:
        assert entry.first == after + 1, "offsets are contiguous"
        assert entry.last >= entry.first
        assert entry.event == joined(events[after : entry.last])
        after = entry.last
    assert after == len(events)


async def read_all(log: TokenLog, id: GenerationId, *, after: int = 0) -> list[Entry]:
    """Everything behind `after` of a log that has ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [entry async for batch in log.read(id, after=after) for entry in batch]


async def read_upto(
    log: TokenLog, id: GenerationId, last: int, *, after: int = 0
) -> list[Sequence[Entry]]:
    """The batches behind `after`, up to the offset `last`, by a reader that then leaves."""
    batches: list[Sequence[Entry]] = []
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(log.read(id, after=after)) as reading:
        while after < last:
            batch = await anext(reading)
            batches.append(batch)
            after = batch[-1].last
    return batches


async def rest(reading: AsyncGenerator[Sequence[Entry], None]) -> list[Sequence[Entry]]:
    """The batches that are still to come of a read that has begun."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [batch async for batch in reading]


class Follower:
    """A reader in the background that keeps all it was ever given, over any number of reads."""

    def __init__(self, log: TokenLog, id: GenerationId, *, after: int = 0) -> None:
        self.id = id
        self.after = after
        self.entries: list[Entry] = []
        self.gone = False
        self._news = asyncio.Event()
        self.read_from(log)

    @property
    def last(self) -> int:
        return self.entries[-1].last if self.entries else self.after

    @property
    def ended(self) -> bool:
        return self._task.done()

    def read_from(self, log: TokenLog) -> None:
        """Go on behind what it already has."""
        self._task = asyncio.create_task(self._read(log), name=f"follow {self.id}")

    async def leave(self) -> None:
        await cancel(self._task)

    async def reaches(self, last: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.last < last and not self._task.done():
                self._news.clear()
                await self._news.wait()
        assert self.last >= last

    async def ends(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._task

    async def _read(self, log: TokenLog) -> None:
        try:
            async with aclosing(log.read(self.id, after=self.last)) as reading:
                async for batch in reading:
                    self.entries.extend(batch)
                    self._news.set()
        except LogGone:
            self.gone = True
        except StorageUnavailable:
            pass  # As a client does: whoever wants to go on reads again.
        finally:
            self._news.set()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0)
