"""A log of the embedded store that can still grow, and what is being added to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from llmchat.errors import LlmchatError
from llmchat.events import Event
from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.logfile import Write
from llmchat.tokenlog.segments import OpenSegment
from llmchat.tokenlog.tail import Tail

# The first token, for which somebody waits, is never held back.
_FIRST_OFFSETS = 2


class Live:
    """`id` is its row in the file; `open` the row of text that the next append may grow; `writer`
    who made or claimed it, in this process: all earlier ones are dead."""

    __slots__ = ("id", "name", "open", "tail", "writer")

    def __init__(
        self, id_: int, name: GenerationId, tail: Tail, writer: WorkerId | None = None
    ) -> None:
        self.writer = writer
        self.id = id_
        self.name = name
        self.tail = tail
        self.open: OpenSegment | None = None


@dataclass(slots=True, eq=False)
class Append:
    """What waits for the next commit, and the future of whoever waits for that."""

    live: Live
    at: int
    last: int
    events: Sequence[Event]
    write: Write
    stored: asyncio.Future[None]

    @property
    def covers_more(self) -> bool:
        """Its last event stands for more than one offset."""
        return self.last - self.at >= len(self.events)

    @property
    def may_wait(self) -> bool:
        return self.at > _FIRST_OFFSETS and not self.write.ends

    def done(self) -> None:
        if not self.stored.done():
            self.stored.set_result(None)

    def refuse(self, error: LlmchatError) -> None:
        if not self.stored.done():
            self.stored.set_exception(error)


def all_done(appends: Sequence[Append]) -> None:
    for append in appends:
        append.done()
