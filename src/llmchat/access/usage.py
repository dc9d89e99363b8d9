"""Who has used up what, and how much they still may: the words, and the port of the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from llmchat.access.base import UNLIMITED, Allowance
from llmchat.errors import RateLimited
from llmchat.ids import ConversationId, GenerationId, KeyId, OwnerId
from llmchat.metering import Attempt


class Purpose(StrEnum):
    """What a model was asked for: an answer in a conversation, one that nobody stores, a title."""

    GENERATION = "generation"
    CALL = "call"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Spender:
    """Who pays. `allowance` is the user's, `key_allowance` the key's: both hold."""

    user: OwnerId
    key_id: KeyId | None = None
    allowance: Allowance = UNLIMITED
    key_allowance: Allowance = UNLIMITED

    @property
    def unlimited(self) -> bool:
        return self.allowance.unlimited and self.key_allowance.unlimited


@dataclass(frozen=True, slots=True)
class Standing:
    """One number of an allowance, of the user or of the key, and how much of it is gone. `reserved`
    is put aside for answers that are being written. Tokens are whole, money is in US dollars."""

    whose: Literal["user", "key"]
    unit: Literal["tokens", "usd"]
    period: Literal["day", "month"]
    most: Decimal
    used: Decimal
    reserved: Decimal
    resets_at: datetime

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.most - self.used - self.reserved)


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt, as it is kept for ever. `generation_id`, `run` and `request` name it, so that it
    is never kept twice: `run` is the attempt of the generation, which a crash raises, and in it
    the requests count from 1."""

    generation_id: GenerationId
    run: int
    request: int
    purpose: Purpose
    user: OwnerId
    key_id: KeyId | None
    conversation_id: ConversationId | None
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an answer may take, put aside before it begins. With less than `least_tokens` left it
    does not begin; of what is left it takes no more than `most_tokens`. So with the money."""

    spender: Spender
    least_tokens: int
    most_tokens: int
    least_usd: Decimal = Decimal(0)
    most_usd: Decimal = Decimal(0)


class AllowanceUsedUp(RateLimited):
    """`what`, tokens or cost, of a `period`, day or month, that began on the day `since`: the key's
    when it is `of_key`, else the user's. Next to nothing of it is left, and waiting for running
    answers would not help."""

    def __init__(
        self,
        detail: str,
        *,
        limit: int,
        remaining: int,
        retry_after_seconds: float,
        what: str,
        period: str,
        since: str,
        resets_at: datetime,
        of_key: bool,
    ) -> None:
        super().__init__(
            detail,
            limit=limit,
            remaining=remaining,
            retry_after_seconds=retry_after_seconds,
            kind="allowance",
        )
        self.what = what
        self.period = period
        self.since = since
        self.resets_at = resets_at
        self.of_key = of_key


@dataclass(frozen=True, slots=True)
class Call:
    """An answer that no generation stands for, from before its first token: if its process dies,
    what was asked (`input_tokens` of `model`) is known to have been spent. `good_until` is when it
    has ended at the latest."""

    id: GenerationId
    purpose: Purpose
    model: str
    input_tokens: int
    conversation_id: ConversationId | None
    reservation: Reservation
    began_at: datetime
    good_until: datetime


class Group(StrEnum):
    """By what usage is summed up."""

    MODEL = "model"
    DAY = "day"
    KEY = "key"
    CONVERSATION = "conversation"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Question:
    """Whose usage, from `since` on and before `until`. `user` None is everybody."""

    since: datetime
    until: datetime
    group_by: Group
    user: OwnerId | None


@dataclass(frozen=True, slots=True)
class Sum:
    """`name` is what its attempts have in common. `cost` is None when none of them has a price;
    `generations` counts answers, however many attempts each took, and no titles; `estimated` when
    some of the tokens were counted here."""

    name: str | None
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Decimal | None
    generations: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class Report:
    """`sums` are days in their order, anything else with the most tokens first."""

    sums: Sequence[Sum]
    total: Sum


class UsageStore(Protocol):
    """What was used up. Every method is one short transaction. What stored generations use up is
    written with their end (see GenerationStore)."""

    async def open(self, call: Call) -> None:
        """Reserve, and note the call. Raises RateLimited when its allowance is used up."""
        ...

    async def close(self, id: GenerationId, entries: Sequence[Entry]) -> None:
        """The call is over: its entries instead of its reservation. Once; a second time nothing
        happens."""
        ...

    async def add(self, entries: Sequence[Entry]) -> None:
        """Of a generation that goes on after them. Those that are there already stay as they are:
        whoever dies behind this and before the next step does no harm."""
        ...

    async def end_dead(self, *, everything: bool = False) -> int:
        """Calls that nobody closed in time become entries of what was asked; with `everything` all
        calls do, for a process that is the only one. How many those were."""
        ...

    async def report(self, question: Question) -> Report: ...

    async def standings(self, spender: Spender) -> Sequence[Standing]:
        """Each number of the spender's allowances, the user's first; none where all is free."""
        ...
