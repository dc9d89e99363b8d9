"""A log of the embedded store that can still grow, and what is being added to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from llmchat.errors import LlmchatError
from llmchat.events import Event
from llmchat.ids import GenerationId
from llmchat.tokenlog.logfile import Write
from llmchat.tokenlog.segments import OpenSegment
from llmchat.tokenlog.tail import Tail

# The first token, for which somebody waits, is never held back.
_FIRST_OFFSETS = 2


class Live:
    """`id` is its row in the file; `open` the row of text that the next append may grow."""

    __slots__ = ("id", "name", "open", "tail")

    def __init__(self, id_: int, name: GenerationId, tail: Tail) -> None:
        self.id = id_
        self.name = name
        self.tail = tail
        self.open: OpenSegment | None = None


@dataclass(slots=True, eq=False)
class Append:
    """What waits for the next commit, and the future of whoever waits for that."""

    live: Live
    at: int
    events: Sequence[Event]
    write: Write
    stored: asyncio.Future[None]

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
