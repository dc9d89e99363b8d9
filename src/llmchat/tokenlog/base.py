"""The log of a generation: one writer, any number of readers, and its end is in it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmchat.events import Entry, Event
from llmchat.ids import GenerationId

BATCH_CHARS = 32 * 1024
"""A reader gets at most about this much text in one batch: what a stalled one can pin."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: the offset of its last event and whether that is its terminal."""

    last: int
    ended: bool


class TokenLog(Protocol):
    """Append-only lists of events, offsets 1, 2, 3, …, each a
    Started (Delta | ToolCall | Reset)* (Finished | Failed).

    Every implementation passes the suite in tests/contract/test_tokenlog.py.
    """

    async def append(self, log: GenerationId, events: Sequence[Event], *, at: int) -> None:
        """Store `events` at the offsets `at`, `at + 1`, …; `at=1` makes the log.

        Compare-and-append: succeeds only when `at` is the next offset and no terminal is stored,
        else raises OffsetConflict and stores nothing. All of `events` become visible together,
        after they are stored at the configured durability; no reader sees them before.
        Raises StorageUnavailable when they could not be stored: then none of them is.
        """
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
