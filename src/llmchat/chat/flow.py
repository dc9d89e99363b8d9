"""From a provider to the log: what has piled up while one append was stored goes into the next."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from llmchat.errors import (
    LlmchatError,
    ProviderError,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamTruncated,
)
from llmchat.events import Event, Failed, Finished, Terminal, join_deltas
from llmchat.ids import GenerationId
from llmchat.providers.base import ProviderEvent
from llmchat.tasks import cancel
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)

_MOST_TEXT_CHARS = 4 * 1024 * 1024
# What the store has not taken yet; above it the provider, and so its server, has to wait.
_MOST_WAITING_EVENTS = 1024


@dataclass(frozen=True, slots=True)
class Clocks:
    """The longest silences: before the first token, between two, and the whole."""

    first_token_seconds: float
    token_gap_seconds: float
    generation_seconds: float


class Flow:
    """The writing of one generation, from the offset `at` on, until there is an ending.

    The ending is not appended: whoever runs this settles first. The first ending wins, be it the
    provider's, a clock's or a `stop`: each is only one more entry in the writer's own inbox, for a
    cancelled task can lose its cancellation.
    """

    def __init__(self, log: TokenLog, id: GenerationId, *, at: int, clocks: Clocks) -> None:
        self._log = log
        self._id = id
        self.next = at
        self._inbox = _Inbox()
        self._watch = _Watch(clocks, self._time_out)
        self._chars = 0

    @property
    def first_token_seconds(self) -> float | None:
        """How long the first token took; None when there was none."""
        return self._watch.first_token_seconds

    async def run(self, stream: AsyncGenerator[ProviderEvent, None]) -> Terminal:
        """Raises OffsetConflict when somebody else writes this log, StorageUnavailable when it
        cannot be written. Either way the provider's stream is closed before it returns."""
        pump = asyncio.create_task(self._pump(stream), name=f"pump {self._id}")
        self._watch.start()
        try:
            while events := await self._inbox.take():
                joined = join_deltas(events)
                await self._log.append(self._id, joined, at=self.next)
                self.next += len(joined)
            return self._inbox.ending()
        finally:
            self._watch.cancel()
            await cancel(pump)

    def end(self, ending: Terminal) -> None:
        """Take nothing more from the provider; what it has already given is still stored."""
        self._inbox.close(ending)

    async def _pump(self, stream: AsyncGenerator[ProviderEvent, None]) -> None:
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        self.end(event)
                        return
                    self._take(event)
                    if self._inbox.full:
                        await self._inbox.room()
            error: LlmchatError = UpstreamTruncated("The provider ended without an end.")
        except ProviderError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - a third party's provider may raise anything
            _log.error("A provider raised what it must not", id=self._id, exc_info=raised)
            error = LlmchatError(f"The provider failed with {type(raised).__name__}.")
        self.end(Failed("failed", error.problem()))

    def _take(self, event: ProviderEvent) -> None:
        self._watch.tick()
        self._chars += len(getattr(event, "text", ""))
        if self._chars > _MOST_TEXT_CHARS:
            raise UpstreamTooLarge(
                f"The answer grew past {_MOST_TEXT_CHARS} characters. What came is kept."
            )
        self._inbox.put(event)

    def _time_out(self, error: UpstreamTimeout) -> None:
        self.end(Failed("failed", error.problem()))


class _Inbox:
    """What the provider gave and the log has not taken; at its end stands the ending."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._ending: Terminal | None = None
        self._taker: asyncio.Future[None] | None = None
        self._giver: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        return len(self._events) >= _MOST_WAITING_EVENTS

    def put(self, event: Event) -> None:
        if self._ending is None:
            self._events.append(event)
            _wake(self._taker)

    def close(self, ending: Terminal) -> None:
        if self._ending is None:
            self._ending = ending
            _wake(self._taker)

    async def take(self) -> list[Event]:
        """All there is, at least one event; none at all when the ending is next."""
        if not self._events and self._ending is None:
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        events, self._events = self._events, []
        _wake(self._giver)
        return events

    async def room(self) -> None:
        self._giver = asyncio.get_running_loop().create_future()
        await self._giver

    def ending(self) -> Terminal:
        if self._ending is None:
            raise RuntimeError("the inbox is still open")
        return self._ending


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class _Watch:
    """The three clocks on one timer, which is set anew when it rings and not at every token."""

    def __init__(self, clocks: Clocks, ring: Callable[[UpstreamTimeout], None]) -> None:
        self._clocks = clocks
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = self._last = self._loop.time()
        self.first_token_seconds: float | None = None

    def start(self) -> None:
        self._begun = self._last = self._loop.time()
        self._set()

    def tick(self) -> None:
        self._last = self._loop.time()
        if self.first_token_seconds is None:
            self.first_token_seconds = self._last - self._begun
            self.cancel()
            self._set()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        self._timer = self._loop.call_at(min(self._due()), self._look)

    def _due(self) -> tuple[float, float]:
        clocks = self._clocks
        waiting = self.first_token_seconds is None
        silence = clocks.first_token_seconds if waiting else clocks.token_gap_seconds
        return self._last + silence, self._begun + clocks.generation_seconds

    def _look(self) -> None:
        silent_at, over_at = self._due()
        now = self._loop.time()
        if now >= over_at:
            self._ring(_timeout("took longer than", self._clocks.generation_seconds))
        elif now < silent_at:
            self._set()
        elif self.first_token_seconds is not None:
            self._ring(_timeout("sent no token for", self._clocks.token_gap_seconds))
        else:
            self._ring(_timeout("sent no first token within", self._clocks.first_token_seconds))


def _timeout(what: str, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"The model {what} {seconds:g} seconds. What came is kept.")
