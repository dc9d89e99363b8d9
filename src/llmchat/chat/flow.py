"""From a provider to the log: what comes while one append is being stored goes into the next."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import structlog

from llmchat.chat.clocks import Clocks, Watch
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
# Twenty alternatives take two thousand characters for a token.
_LOGPROBS_PER_CHAR = 16
_CANCEL_AGAIN_SECONDS = 0.2


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
        wrote: Callable[[Sequence[Event]], None] = lambda _events: None,
    ) -> None:
        """`begun` is what is there again after a reset: each attempt goes on with it. `wrote` is
        told what was stored."""
        self._wrote = wrote
        self._log = log
        self._begun = begun
        self._id = id
        self._writer = writer
        self._text = _Text(said, keeps=keeps_text)
        self._watch = Watch(clocks, self._time_out)
        self._ending: Terminal | None = None
        self._ended = asyncio.Event()
        self._appending = False

    @property
    def first_token_seconds(self) -> float | None:
        """How long the first token took; None when there was none."""
        return self._watch.first_token_seconds

    @property
    def reasoning_seconds(self) -> float | None:
        """From the first thought to the first word of the answer; None when it did not think."""
        return self._watch.reasoning_seconds

    @property
    def seconds(self) -> float:
        """How long it took until now."""
        return self._watch.seconds

    @property
    def mark(self) -> str | None:
        """Where in the upstream's own log the next delta begins, when the upstream keeps one."""
        return self._text.mark

    @property
    def chars(self) -> int:
        """How much of the answer is stored, thoughts and calls included."""
        return self._text.chars

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
            self._wrote(events)

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
            self._watch.hear(events)
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
        case Delta(text=text, logprobs=str() as logprobs):
            return len(text) + len(logprobs) // _LOGPROBS_PER_CHAR
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
