"""What an answer takes: every request to a model's server, with its tokens and what they cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from llmchat.events import Usage

NOTHING = Usage(input_tokens=0, output_tokens=0)
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, with no more than six decimals. `cached` is for those of the
    input that the server had kept."""

    input: Decimal
    cached: Decimal
    output: Decimal

    def of(self, usage: Usage) -> Decimal:
        """US dollars, exactly: no more than twelve decimals."""
        kept = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - kept
        per_million = fresh * self.input + kept * self.cached + usage.output_tokens * self.output
        return per_million / _MILLION


Prices = Callable[[str], Price | None]
"""What a model, `provider/name`, costs as far as anybody has said. Neither waits nor raises."""


def free(_model: str) -> Price | None:
    """Prices that nobody has said."""
    return None


class AttemptStatus(StrEnum):
    """How a request to a model ended. The last one of an answer ended as the answer did; one that
    another took the place of has `fallen_back`; a `cached` answer asked no server."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    FALLEN_BACK = "fallen_back"
    CACHED = "cached"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a model, `provider/name`, that is over."""

    model: str
    status: AttemptStatus
    usage: Usage
    price: Price | None
    began_at: datetime
    ended_at: datetime

    @property
    def cost(self) -> Decimal | None:
        """US dollars; None where no price is known."""
        return None if self.price is None else self.price.of(self.usage)


class Request:
    """One that may still run. It ends once."""

    def __init__(self, model: str, now: Callable[[], datetime], *, cached: bool = False) -> None:
        self.model = model
        self.usage = NOTHING
        self.finished = cached
        self.cached = cached
        self._now = now
        self.began_at = self.ended_at = now()

    def end(self, usage: Usage, *, finished: bool) -> None:
        """With the usage that its server reported, or what was counted; `finished` when the
        server gave the whole answer."""
        self.usage = usage
        self.finished = finished
        self.ended_at = self._now()


class Meter:
    """Goes with one prompt through all that is around a model's server, and collects the requests
    that it took. `begun` is text of an answer that a server keeps, read before this prompt."""

    def __init__(self, prices: Prices, now: Callable[[], datetime], *, begun: str = "") -> None:
        self.begun = begun
        self._prices = prices
        self._now = now
        self._requests: list[Request] = []

    def begin(self, model: str) -> Request:
        request = Request(model, self._now)
        self._requests.append(request)
        return request

    def cached(self, model: str) -> None:
        """The answer came from memory."""
        self._requests.append(Request(model, self._now, cached=True))

    @property
    def last(self) -> Request | None:
        """The newest request."""
        return self._requests[-1] if self._requests else None

    def attempts(self, ended: str) -> Sequence[Attempt]:
        """All of them, for an answer that `ended` with this status."""
        last = len(self._requests) - 1
        return [
            self._attempt(request, _status(request, ended, is_last=number == last))
            for number, request in enumerate(self._requests)
        ]

    def _attempt(self, request: Request, status: AttemptStatus) -> Attempt:
        price = self._prices(request.model)
        return Attempt(
            request.model, status, request.usage, price, request.began_at, request.ended_at
        )


def _status(request: Request, ended: str, *, is_last: bool) -> AttemptStatus:
    if request.cached:
        return AttemptStatus.CACHED
    # A text of the operator's can complete an answer that no model gave.
    given_up = ended == AttemptStatus.COMPLETE and not request.finished
    return AttemptStatus(ended) if is_last and not given_up else AttemptStatus.FALLEN_BACK
