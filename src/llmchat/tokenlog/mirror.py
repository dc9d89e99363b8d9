"""One log of a shared store as this process sees it, and what this process writes to it."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from llmchat.errors import LlmchatError
from llmchat.events import Entry, Event, is_terminal
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.payloads import entries_of
from llmchat.tokenlog.tail import Tail


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one append stored: its offsets, and its events as they are stored."""

    first: int
    last: int
    payload: bytes


class Mirror:
    """`writer` is who writes it in this process, None when nobody does. Its writer keeps all
    `chunks` until the end: what the store loses is appended again."""

    __slots__ = ("chunks", "missing_since", "name", "tail", "writer")

    def __init__(self, name: GenerationId, tail: Tail, writer: WorkerId | None = None) -> None:
        self.name = name
        self.tail = tail
        self.writer = writer
        self.chunks: list[Chunk] = []
        self.missing_since: float | None = None

    def disown(self) -> None:
        """Somebody else writes it, or nobody knows what was stored of it."""
        self.writer = None
        self.chunks = []
        self.tail.roll_back()

    def show(self, chunk: Chunk, events: Sequence[Event] = ()) -> None:
        """Show what is stored: as it is when it comes next, else its readers read the store."""
        tail = self.tail
        if chunk.last <= tail.last:
            return
        if not events:
            events = [entry.event for entry in entries_of(chunk.first, chunk.last, chunk.payload)]
        ends = is_terminal(events[-1])
        if chunk.first != tail.last + 1 or chunk.last - chunk.first >= len(events):
            tail.move(chunk.last, ended=ends)
            return
        if self.writer is None:
            tail.reserve(len(events), terminal=ends)
        tail.publish(events)

    def kept(self, after: int, most_chars: int | None) -> list[Entry]:
        """Of the chunks: from the one that has the offset behind `after` in it."""
        begin = bisect_right(self.chunks, after, key=attrgetter("last"))
        return decoded(self.chunks[begin:], most_chars)


REPEATED = 1
"""It may have been stored already: its answer was lost."""
REPAIRED = 2
"""It was stored, and lost; not so when its log was deleted meanwhile."""


@dataclass(slots=True, eq=False)
class Write:
    """An append on its way, for the first time or `again`."""

    mirror: Mirror
    chunk: Chunk
    writer: WorkerId
    ends: bool
    give_up_at: float
    events: Sequence[Event] = ()
    again: int = 0
    stored: asyncio.Future[None] | None = field(default=None, repr=False)

    def done(self) -> None:
        if self.stored is not None and not self.stored.done():
            self.stored.set_result(None)

    def refuse(self, error: LlmchatError) -> None:
        if self.stored is not None and not self.stored.done():
            self.stored.set_exception(error)


def decoded(chunks: Sequence[Chunk], most_chars: int | None) -> list[Entry]:
    """Their entries, at least one chunk, about `most_chars`."""
    entries: list[Entry] = []
    chars = 0
    for chunk in chunks:
        entries.extend(entries_of(chunk.first, chunk.last, chunk.payload))
        chars += len(chunk.payload)
        if most_chars is not None and chars >= most_chars:
            break
    return entries
