"""From a provider to the log: what comes while one append is being stored goes into the next."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from llmchat.chat.patience import patiently
from llmchat.errors import (
    LlmchatError,
    ProviderError,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamTruncated,
)
from llmchat.events import (
    Channel,
    Delta,
    Event,
    Failed,
    Finished,
    Reset,
    Terminal,
    ToolCall,
    Transcript,
    join_deltas,
)
from llmchat.ids import GenerationId, WorkerId
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.store.base import Checkpoint
from llmchat.tokenlog.base import NOBODY, TokenLog

_log = structlog.get_logger(__name__)

_MOST_TEXT_CHARS = 4 * 1024 * 1024
_CANCEL_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Clocks:
    """The longest silences: before the first token, between two, and the whole."""

    first_token_seconds: float
    token_gap_seconds: float
    generation_seconds: float


class Flow:
    """The writing of one generation by `writer`, behind what was `said` so far, until there is an
    ending.

    The ending is not appended: whoever runs this settles first. The first ending wins, be it the
    provider's, a clock's or a `stop`.

    One task reads and appends in turn. While it waits for the store, the provider's bytes pile up
    in its socket, and the next append takes them all: nothing here needs a queue or its bounds.
    """

    def __init__(
        self,
        log: TokenLog,
        id: GenerationId,
        *,
        said: Transcript,
        clocks: Clocks,
        writer: WorkerId = NOBODY,
        keeps_text: bool = False,
        begun: str = "",
    ) -> None:
        """`begun` is what is there again after a reset: each attempt goes on with it."""
        self._log = log
        self._begun = begun
        self._id = id
        self._writer = writer
        self._text = _Text(said, keeps=keeps_text)
        self._watch = _Watch(clocks, self._time_out)
        self._ending: Terminal | None = None
        self._ended = asyncio.Event()
        self._appending = False

    @property
    def first_token_seconds(self) -> float | None:
        """How long the first token took; None when there was none."""
        return self._watch.first_token_seconds

    @property
    def mark(self) -> str | None:
        """Where in the upstream's own log the next delta begins, when the upstream keeps one."""
        return self._text.mark

    @property
    def last(self) -> int:
        """The offset of what was stored last."""
        return self._text.last

    def checkpoint(self) -> Checkpoint:
        """What is stored now, of a flow that keeps its text."""
        return Checkpoint(self._id, self.last, *self._text.joined())

    async def run(self, stream: AsyncGenerator[Sequence[ProviderEvent], None]) -> Terminal | None:
        """None after `leave`. Raises OffsetConflict when somebody else writes this log,
        StorageUnavailable when it cannot be written for long. In any case the provider's stream is
        closed before it returns."""
        pump = asyncio.create_task(self._pump(stream), name=f"pump {self._id}")
        pump.add_done_callback(lambda _: self._ended.set())
        self._watch.start()
        try:
            await self._ended.wait()
        finally:
            self._watch.cancel()
            await self._halt(pump)
        if not pump.cancelled():
            pump.result()
        return self._ending

    def end(self, ending: Terminal) -> None:
        """Take nothing more from the provider; what it has already given is still stored."""
        if self._ending is None:
            self._ending = ending
            self._ended.set()

    def leave(self) -> None:
        """The same without an ending: somebody else goes on."""
        self._ended.set()

    async def _pump(self, stream: AsyncGenerator[Sequence[ProviderEvent], None]) -> None:
        try:
            async with aclosing(stream) as batches:
                async for batch in batches:
                    await self._append(self._stored_of(batch))
                    if batch and isinstance(batch[-1], Finished):
                        self.end(batch[-1])
                    if self._ended.is_set():
                        return
            error: LlmchatError = UpstreamTruncated("The provider ended without an end.")
        except ProviderError as raised:
            error = raised
        except LlmchatError:
            raise
        except Exception as raised:  # noqa: BLE001 - a third party's provider may raise anything
            _log.error("A provider raised what it must not", id=self._id, exc_info=raised)
            error = LlmchatError(f"The provider failed with {type(raised).__name__}.")
        self.end(Failed("failed", error.problem()))

    async def _append(self, events: Sequence[Event]) -> None:
        if events:
            self._appending = True
            try:
                await patiently(lambda: self._store(events), hurry=self._ended.is_set)
            finally:
                self._appending = False
            self._text.add(events)

    async def _store(self, events: Sequence[Event]) -> None:
        await self._log.append(self._id, events, at=self.last + 1, writer=self._writer)

    def _stored_of(self, batch: Sequence[ProviderEvent]) -> Sequence[Event]:
        """What of a batch goes into the log. An empty one moves the clocks, and no more."""
        attempt, before = self._text.attempt, self._text.chars
        events: list[Event] = []
        for event in batch:
            match event:
                case Restarted(reason):
                    attempt += 1
                    events = [Reset(attempt, reason, self._begun)]
                    before = len(self._begun)
                    self._watch.restart()
                case Delta() | ToolCall():
                    events.append(event)
        chars = sum(map(_chars, events))
        if chars or not batch:
            self._watch.tick()
        if before + chars > _MOST_TEXT_CHARS:
            raise UpstreamTooLarge(
                f"The answer grew past {_MOST_TEXT_CHARS} characters. What came is kept."
            )
        return events if len(events) <= 1 else join_deltas(events)

    async def _halt(self, pump: asyncio.Task[None]) -> None:
        """An append is left to end by itself, or its offset would be anybody's guess; a read is
        cancelled, and again until it works: Python 3.11 can lose a cancellation."""
        while not pump.done():
            if not self._appending:
                pump.cancel()
            await asyncio.wait([pump], timeout=_CANCEL_AGAIN_SECONDS)

    def _time_out(self, error: UpstreamTimeout) -> None:
        self.end(Failed("failed", error.problem()))


def _chars(event: Event) -> int:
    match event:
        case Delta(text=text) | ToolCall(arguments=text):
            return len(text)
    return 0


class _Text:
    """How much is stored; and what, in pieces, which are joined only when somebody asks. `mark` is
    the last delta's."""

    def __init__(self, said: Transcript, *, keeps: bool) -> None:
        self._keeps = keeps
        self.last = said.last
        self.attempt = said.attempt
        self.mark = said.mark
        self.chars = len(said.answer) + len(said.reasoning)
        self._pieces: dict[Channel, list[str]] = {
            "answer": [said.answer],
            "reasoning": [said.reasoning],
        }

    def add(self, events: Sequence[Event]) -> None:
        self.last += len(events)
        for event in events:
            self.chars += _chars(event)
            match event:
                case Delta(text, channel, mark):
                    self.mark = mark
                    if self._keeps:
                        self._pieces[channel].append(text)
                case Reset(attempt=attempt, text=text):
                    self.attempt = attempt
                    self.chars = len(text)
                    self.mark = None
                    self._pieces = {"answer": [text], "reasoning": []}

    def joined(self) -> tuple[str, str]:
        """Answer and reasoning."""
        for channel, pieces in self._pieces.items():
            self._pieces[channel] = ["".join(pieces)]
        return self._pieces["answer"][0], self._pieces["reasoning"][0]


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

    def restart(self) -> None:
        """Another attempt: its first token may take as long as the first one's."""
        self._last = self._loop.time()
        self.first_token_seconds = None
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
