"""The live end of one log in memory: the newest entries, and who waits for more."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from llmchat.errors import BadCursor, LogGone
from llmchat.events import Delta, Entry, Event, Reset, ToolCall, is_terminal, merge
from llmchat.tokenlog.base import BATCH_CHARS

_KEPT_ENTRIES = 32
"""What a reader may lag behind before it reads from the store: a few KiB per live log."""


class Tail:
    """`next` is the offset that the next append must name; `last` is the last visible one.

    Between the two lies what is being stored: reserved by its writer, seen by nobody.
    """

    __slots__ = (
        "_entries",
        "_shared",
        "_waiters",
        "ended",
        "gone",
        "last",
        "next",
        "released",
        "sealed",
    )

    def __init__(self, last: int = 0, *, ended: bool = False) -> None:
        self.last = last
        self.next = last + 1
        self.ended = ended
        self.sealed = ended
        self.gone = False
        self.released = False
        self._entries: deque[Entry] = deque(maxlen=_KEPT_ENTRIES)
        self._shared: tuple[int, int, Sequence[Entry]] = (0, 0, ())
        self._waiters: set[Waiter] = set()

    def takes(self, at: int) -> bool:
        return not self.sealed and self.next == at

    @property
    def followed(self) -> bool:
        return bool(self._waiters)

    def reserve(self, count: int, *, terminal: bool) -> None:
        self.next += count
        self.sealed = terminal

    def roll_back(self) -> None:
        """Forget what was reserved: it could not be stored."""
        self.next = self.last + 1
        self.sealed = self.ended
        self.wake()

    def publish(self, events: Sequence[Event]) -> None:
        """Make stored events visible and wake the readers."""
        for event in events:
            self.last += 1
            self._entries.append(Entry(self.last, self.last, event))
        self.ended = is_terminal(events[-1])
        self.wake()

    def move(self, last: int, *, ended: bool) -> None:
        """The log is further than was seen here: what lies between is only in the store."""
        self._entries.clear()
        self.last = last
        self.next = last + 1
        self.ended = self.sealed = ended
        self.wake()

    def wake(self) -> None:
        for waiter in self._waiters:
            waiter.wake()

    def holds(self, after: int) -> bool:
        """Whether all that follows `after` is in memory."""
        return self.last - after <= len(self._entries)

    def since(self, after: int) -> Sequence[Entry]:
        missing = self.last - after
        if missing <= 0:
            return ()
        if missing == 1:
            return (self._entries[-1],)
        if self._shared[:2] != (after, self.last):
            # Readers at the same place get the same objects: merged, and encoded, once for all.
            merged = batch(islice(self._entries, len(self._entries) - missing, None))
            self._shared = after, self.last, merged
        return self._shared[2]

    async def settled(self) -> None:
        """Until nothing is being stored."""
        with self.waiter(None) as waiter:
            while self.next > self.last + 1:
                await waiter.news()

    async def reached(self, last: int) -> None:
        """Until that much is visible, or nothing is being stored any more."""
        with self.waiter(None) as waiter:
            while self.last < last and self.next > self.last + 1:
                await waiter.news()

    def check(self, after: int) -> None:
        if after < 0 or after > self.last:
            raise BadCursor(
                f"This log's offsets go from 0 (the start) to {self.last}, and the cursor is "
                f"{after}. Start again without a cursor."
            )

    def waiter(self, idle_seconds: float | None) -> "Waiter":
        return Waiter(self._waiters, idle_seconds)


def batch(entries: Iterable[Entry]) -> Sequence[Entry]:
    """What a reader gets at once of `entries`: the first, up to about BATCH_CHARS, merged."""
    taken: list[Entry] = []
    chars = 0
    for entry in entries:
        taken.append(entry)
        chars += _chars_of(entry.event)
        if chars >= BATCH_CHARS:
            break
    return merge(taken)


def _chars_of(event: Event) -> int:
    match event:
        case Delta(text=text, logprobs=str() as logprobs):
            return len(text) + len(logprobs)
        case Delta(text=text) | Reset(text=text) | ToolCall(arguments=text):
            return len(text)
        case _:
            return 0


@dataclass(frozen=True, slots=True)
class Readable:
    """A log whose newest entries are in its tail. `stored` gives what follows an offset, a batch at
    a time, whether that is in memory or not."""

    tail: Tail
    stored: Callable[[int], Awaitable[Sequence[Entry]]]


async def follow(
    open_log: Callable[[], Awaitable[Readable]], after: int, idle_seconds: float | None
) -> AsyncGenerator[Sequence[Entry], None]:
    """Replay, then tail: TokenLog.read of every implementation."""
    log = await open_log()
    tail = log.tail
    tail.check(after)
    with tail.waiter(idle_seconds) as waiter:
        while True:
            entries = tail.since(after) if tail.holds(after) else await log.stored(after)
            if tail.gone:
                raise LogGone("This log was deleted.")
            if entries:
                after = entries[-1].last
                yield entries
            elif tail.ended or tail.released:
                return
            elif not await waiter.news():
                yield ()


class Waiter:
    """One reader's place in the queue for news, with at most one timer however often it waits."""

    __slots__ = ("_future", "_idle_seconds", "_loop", "_others", "_since", "_timer")

    def __init__(self, others: set["Waiter"], idle_seconds: float | None) -> None:
        self._others = others
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def __enter__(self) -> "Waiter":
        self._others.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._others.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    async def news(self) -> bool:
        """Wait; False when nothing came for `idle_seconds`."""
        self._since = self._loop.time()
        if self._timer is None and self._idle_seconds is not None:
            self._timer = self._loop.call_at(self._since + self._idle_seconds, self._tick)
        self._future = self._loop.create_future()
        try:
            return await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(True)

    def _tick(self) -> None:
        # Re-armed here and not in news(): a timer per token would cost more than the token.
        self._timer = None
        if self._idle_seconds is None or self._future is None or self._future.done():
            return
        due = self._since + self._idle_seconds
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._tick)
        else:
            self._future.set_result(False)
