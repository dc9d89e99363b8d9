"""The log of a generation: one writer, any number of readers, and its end is in it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmchat.events import Entry, Event, Reset, Started
from llmchat.ids import GenerationId, WorkerId

NOBODY = WorkerId("")
"""The writer of a log that nobody else will ever claim."""
BATCH_CHARS = 32 * 1024
"""A reader gets at most about this much text in one batch: what a stalled one can pin."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: the offset of its last event and whether that is its terminal."""

    last: int
    ended: bool


class TokenLog(Protocol):
    """Append-only lists of events, offsets 1, 2, 3, …, each a
    Started (Delta | ToolCall | Reset)* (Finished | Failed), with one writer at a time.

    Every implementation passes the suite in tests/contract/test_tokenlog.py.
    """

    async def append(
        self, log: GenerationId, events: Sequence[Event], *, at: int, writer: WorkerId = NOBODY
    ) -> None:
        """Store `events` at the offsets `at`, `at + 1`, …; `at=1` makes the log, `writer`'s own.

        Compare-and-append: succeeds only when the log is `writer`'s, `at` is the next offset and no
        terminal is stored, else raises OffsetConflict and stores nothing. All of `events` become
        visible together, after they are stored at the configured durability; no reader sees them
        before.
        Raises StorageUnavailable when they could not be stored: then none of them is.
        """
        ...

    async def fence(self, log: GenerationId, writer: WorkerId) -> Head:
        """Make the log `writer`'s: what anybody else appends from now on, an owner that was frozen
        and wakes, raises OffsetConflict. Where the log then stands. Raises LogGone."""
        ...

    async def restore(
        self, log: GenerationId, started: Started, reset: Reset, *, upto: int, writer: WorkerId
    ) -> None:
        """Make a log anew that its store has lost: `started`, and then one `reset` that covers all
        offsets up to `upto`. With `upto` beyond everything that was ever shown, each cursor of the
        lost log gets that reset, and never a hole. Raises OffsetConflict when there is a log."""
        ...

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        """Replay what follows the offset `after`, then follow live, and end after the terminal.

        A yield is all that is there now, adjacent deltas of a channel merged: whoever is late or
        slow gets few big batches (of about BATCH_CHARS at most), whoever is quick many small ones.
        Entries are contiguous: the first offset of each is the last of the one before plus one.
        After `idle_seconds` without news it yields an empty batch. It ends without a terminal only
        after `release_readers`. Raises LogGone when the log is unknown or expired, BadCursor when
        `after` is negative or beyond the log.
        """
        ...

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        """All that is there now, adjacent deltas merged; never waits for more. To go on from it,
        read after the last offset in it. Raises LogGone."""
        ...

    async def head(self, log: GenerationId) -> Head:
        """Where the log stands now. Raises LogGone."""
        ...

    async def delete(self, logs: Sequence[GenerationId]) -> None:
        """Forget these logs; unknown ones are ignored. Their readers get LogGone."""
        ...

    async def expire(self, *, ended_before: float) -> int:
        """Forget the logs that ended before this time (seconds since the epoch); how many."""
        ...

    def release_readers(self) -> None:
        """End every `read`, now and from now on, after what is already stored: we shut down."""
        ...
