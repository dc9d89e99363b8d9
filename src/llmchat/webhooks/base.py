"""What other services are told: the events, who wants which, and the port of what waits to be sent.

A message is stored in the transaction that makes it true, so that none is lost with a process and
none tells of what never was. From there it is sent, at least once: who gets it twice knows it by
its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventType(StrEnum):
    """`generation.finished`: an answer is complete or was stopped. `generation.failed`: it failed
    or was interrupted. `budget.reached`: for the first time in its day or month something was
    refused, because what a user or a key may use up is used up."""

    FINISHED = "generation.finished"
    FAILED = "generation.failed"
    BUDGET = "budget.reached"


@dataclass(frozen=True, slots=True)
class Message:
    """One event for one endpoint. `body` is the JSON that is sent, letter by letter; of those with
    one `id` for one endpoint there is only the first."""

    id: str
    endpoint: str
    type: EventType
    body: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told, by its name in the settings. The newest of the `secrets` comes first; a message
    is signed with each."""

    name: str
    url: str
    secrets: Sequence[bytes]
    events: frozenset[EventType]


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent now, for the `attempt`th time, counted from 1."""

    message: Message
    attempt: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is still to be sent to an endpoint: how many, and how long the oldest has waited."""

    count: int
    oldest_seconds: float


class Onlooker(Protocol):
    """Who counts what becomes of messages, by the name of their endpoint."""

    def delivered(self, endpoint: str) -> None: ...

    def refused(self, endpoint: str, *, given_up: bool) -> None:
        """It was not taken, and is sent again, or never."""
        ...

    def waits(self, endpoint: str, waiting: Waiting) -> None: ...


class Outbox(Protocol):
    """What is still to be sent, over all processes. When something is due says one clock for all of
    them. Every method is one short transaction, and raises StorageUnavailable."""

    async def add(self, messages: Sequence[Message]) -> None:
        """Those that are there already stay as they are. Of a generation's end they are written
        with it (see GenerationStore.settle)."""
        ...

    async def claim(self, endpoint: str, *, limit: int) -> Sequence[Due]:
        """The next ones that are due for it, the oldest first. Nobody else is given them, for
        however long, until somebody releases them."""
        ...

    async def claimed(self, endpoint: str) -> Sequence[Due]:
        """Those that somebody sends, or was sending when it died."""
        ...

    async def release(self, due: Due) -> None:
        """Nobody sends it any more: it is due. Does nothing when that attempt has ended."""
        ...

    async def sent(self, due: Due) -> None:
        """It was taken."""
        ...

    async def failed(self, due: Due, why: str, *, again_seconds: float | None) -> None:
        """It was not taken, and is due after so long; None gives it up."""
        ...

    async def waiting(self, endpoint: str) -> Waiting: ...

    async def forget(self, before: datetime) -> int:
        """Delete what was made before then, whatever became of it; how many those were. What tells
        of an allowance stays for its month: it is what keeps it from being told twice."""
        ...
