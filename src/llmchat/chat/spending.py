"""Who pays for which answer: meters, what is put aside before, and what is noted behind."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from llmchat.access.base import ACTING, UNLIMITED, Allowance
from llmchat.access.usage import (
    AllowanceUsedUp,
    Call,
    Entry,
    Purpose,
    Reservation,
    Spender,
    Standing,
    UsageStore,
)
from llmchat.chat.patience import patiently
from llmchat.domain import LOCAL_OWNER, Generation, Params
from llmchat.errors import RateLimited, StorageUnavailable
from llmchat.events import Usage
from llmchat.ids import ConversationId, GenerationId, OwnerId, new_id
from llmchat.metering import NOTHING, Attempt, AttemptStatus, Meter, Prices, free
from llmchat.prompts import Prompt
from llmchat.providers.base import Tokens
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

# Of an answer that has no limit of its own: put aside where so much is left, else what is left.
_ANSWER_TOKENS = 1024
# Beyond the longest answer: until its process has noted the end.
_NOTING_SECONDS = 120
_CLOSING_SECONDS = 2.0
_LOOK_SECONDS = 60.0


Alarm = Callable[[Spender, AllowanceUsedUp], Awaitable[None]]
"""Is told that an allowance is used up, each time that something is refused for it."""


async def _silence(_spender: Spender, _refused: AllowanceUsedUp) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class RunningCall:
    """A call that runs; `ended` is how, once that is known."""

    meter: Meter
    spender: Spender
    ended: AttemptStatus = AttemptStatus.STOPPED

    def attempts(self) -> Sequence[Attempt]:
        return self.meter.attempts(self.ended)


class Spending:
    """One per process. `allowance` is every user's; `routes` are the models of each route;
    `longest_seconds` is the longest that an answer may take; `now` is the time of day."""

    def __init__(
        self,
        usage: UsageStore,
        *,
        tokens: Tokens,
        now: Callable[[], datetime],
        longest_seconds: float,
        prices: Prices = free,
        allowance: Allowance = UNLIMITED,
        routes: Mapping[str, Sequence[str]] | None = None,
        alarm: Alarm = _silence,
        noted: Callable[[Sequence[Entry]], None] = lambda _entries: None,
    ) -> None:
        """`noted` is told of all that was stored as used up, by this or by whoever settles an
        answer: the entries of one answer, once."""
        self._alarm = alarm
        self.noted = noted
        self._usage = usage
        self._tokens = tokens
        self._now = now
        self._longest = timedelta(seconds=longest_seconds + _NOTING_SECONDS)
        self._prices = prices
        self._allowance = allowance
        self._routes = routes or {}
        self._tasks = TaskSet()
        self._looking = TaskSet()
        self._leaving = False

    async def __aenter__(self) -> "Spending":
        self._looking.spawn(self._look_for_dead(), name="dead calls")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving = True
        await self._looking.cancel_all()
        await self._tasks.join()

    def meter(self, *, begun: str = "") -> Meter:
        return Meter(self._prices, self._now, begun=begun)

    def spender(self, user: OwnerId) -> Spender:
        """The user, with the key that was shown for what now happens."""
        acting = ACTING.get()
        if acting is None or acting.user != user:
            return Spender(user, allowance=self._allowance)
        return Spender(user, acting.key_id, self._allowance, acting.allowance)

    async def standings(self, user: OwnerId) -> Sequence[Standing]:
        """What is left of each allowance of the user, and of the key that was shown."""
        return await self._usage.standings(self.spender(user))

    def reservation(
        self, spender: Spender, model: str, input_tokens: int, params: Params
    ) -> Reservation:
        """What an answer of the model may take: what its prompt has, and `max_tokens`."""
        least = Usage(input_tokens, params.max_tokens or 0)
        most = Usage(input_tokens, params.max_tokens or _ANSWER_TOKENS)
        return Reservation(
            spender,
            _total(least),
            _total(most),
            self._dearest(model, least),
            self._dearest(model, most),
        )

    def priced(
        self, model: str, usage: Usage, status: AttemptStatus, began_at: datetime
    ) -> Attempt:
        """An attempt that no meter saw, over now."""
        return Attempt(model, status, usage, self._prices(model), began_at, self._now())

    def entries(self, generation: Generation, attempts: Sequence[Attempt]) -> Sequence[Entry]:
        """The attempts of the generation's present attempt, for whoever asked for it."""
        return [
            Entry(
                generation.id,
                generation.attempt,
                number,
                Purpose.GENERATION,
                generation.asked_by or generation.owner,
                generation.key_id,
                generation.conversation_id,
                attempt,
            )
            for number, attempt in enumerate(attempts, 1)
        ]

    @asynccontextmanager
    async def alarmed(self, user: OwnerId) -> AsyncGenerator[None, None]:
        """Around what reserves for this user: whoever wants to know hears that it is refused."""
        try:
            yield
        except AllowanceUsedUp as refused:
            await self._alarm(self.spender(user), refused)
            raise

    async def note(self, entries: Sequence[Entry]) -> None:
        """Of a generation that goes on elsewhere, or anew. Raises StorageUnavailable."""
        await patiently(lambda: self._usage.add(entries))
        self.noted(entries)

    @asynccontextmanager
    async def call(
        self,
        model: str,
        prompt: Prompt,
        *,
        purpose: Purpose = Purpose.CALL,
        spender: Spender | None = None,
        conversation_id: ConversationId | None = None,
    ) -> AsyncGenerator[RunningCall, None]:
        """For as long as an answer is written that no generation stands for. What it has used up is
        noted when this is left, whatever happens. Raises RateLimited, StorageUnavailable."""
        acting = ACTING.get()
        payer = spender or self.spender(acting.user if acting else LOCAL_OWNER)
        asked = self._tokens.count(model, prompt.messages, prompt.params).tokens
        began_at = self._now()
        call = Call(
            GenerationId(new_id("gen")),
            purpose,
            model,
            asked,
            conversation_id,
            self.reservation(payer, model, asked, prompt.params),
            began_at,
            began_at + self._longest,
        )
        running = RunningCall(self.meter(), payer)
        async with self.alarmed(payer.user):
            await self._open(call)
        try:
            yield running
        finally:
            entries = self._entries_of(call, running)
            closing = self._tasks.start(self._close(call, entries), name=f"close {call.id}")
            # Whoever cancels the call cannot cancel its bill; nor is an answer kept back for it.
            await asyncio.wait([closing], timeout=_CLOSING_SECONDS)

    async def end_dead(self) -> None:
        """At the start of the only process: whatever calls there are, nobody writes them."""
        await self._usage.end_dead(everything=True)

    async def _open(self, call: Call) -> None:
        try:
            await self._usage.open(call)
        except RateLimited:
            raise
        except BaseException:
            # It may have been stored all the same.
            self._tasks.spawn(self._close(call, ()), name=f"close {call.id}")
            raise

    async def _close(self, call: Call, entries: Sequence[Entry]) -> None:
        try:
            await patiently(
                lambda: self._usage.close(call.id, entries), hurry=lambda: self._leaving
            )
            self.noted(entries)
        except StorageUnavailable as error:
            # When it is past its time, it counts as one whose process died.
            _log.error("What a call has used up is not noted", id=call.id, error=error.detail)

    async def _look_for_dead(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._usage.end_dead()
            except StorageUnavailable as error:
                _log.error("Dead calls cannot be looked for", error=error.detail)

    def _entries_of(self, call: Call, running: RunningCall) -> Sequence[Entry]:
        attempts = running.attempts() or [
            self.priced(call.model, NOTHING, running.ended, call.began_at)
        ]
        spender = running.spender
        return [
            Entry(
                call.id,
                1,
                number,
                call.purpose,
                spender.user,
                spender.key_id,
                call.conversation_id,
                attempt,
            )
            for number, attempt in enumerate(attempts, 1)
        ]

    def _dearest(self, model: str, usage: Usage) -> Decimal:
        """Which of a route's models answers, nobody knows before."""
        provider, _, name = model.partition("/")
        models = self._routes.get(name, ()) if provider == "route" else (model,)
        prices = [price for price in map(self._prices, models) if price is not None]
        return max((price.of(usage) for price in prices), default=Decimal(0))


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
