"""Settle first, then finish: how a generation's row and its last event come to say the same."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from llmchat.chat.observing import Answer, End, Observer
from llmchat.chat.patience import patiently
from llmchat.chat.spending import Spending
from llmchat.domain import Generation, Status, Timing
from llmchat.errors import Interrupted, LogGone, OffsetConflict
from llmchat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    Started,
    Terminal,
    Transcript,
    Usage,
    answerable_calls,
    fold,
)
from llmchat.ids import WorkerId
from llmchat.metering import NOTHING, Attempt, AttemptStatus
from llmchat.prompts import Prompt
from llmchat.providers.base import Tokens
from llmchat.store.base import GenerationStore, Settlement
from llmchat.tokenlog.base import TokenLog


class Ending:
    """Brings generations to their end: whoever sees the terminal event can read the message."""

    def __init__(
        self,
        log: TokenLog,
        generations: GenerationStore,
        worker: WorkerId,
        tokens: Tokens,
        spending: Spending,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._spending = spending
        self._log = log
        self._generations = generations
        self._worker = worker
        self._tokens = tokens
        # Not the worker's own name: what it has just claimed or taken over is not queued any more.
        self._canceller = WorkerId(f"{worker} cancels")

    async def finish(
        self,
        generation: Generation,
        terminal: Terminal,
        transcript: Transcript,
        *,
        prompt: Prompt | None = None,
        first_token_at: datetime | None = None,
        attempts: Sequence[Attempt] = (),
        timing: Timing | None = None,
    ) -> Terminal | None:
        """End a generation that this worker owns and writes. None when it has already ended, or
        belongs to another. The `prompt` is what was asked of the model, if anything was, in these
        `attempts`."""
        own = _without_begun(generation, transcript)
        terminal = self.metered(terminal, generation.model, prompt, own, attempts)
        if not await self._settle(
            generation, terminal, transcript, first_token_at, attempts=attempts, timing=timing
        ):
            return None
        await self.append(generation, terminal, at=transcript.last + 1)
        return terminal

    async def cancel(self, generation: Generation, terminal: Terminal) -> bool:
        """End a queued generation, which is nobody's. False when it is not queued any more."""
        transcript = await self.said(generation)
        if not await self._settle(generation, terminal, transcript, worker=self._canceller):
            return False
        await self._log.fence(generation.id, self._worker)
        await self.append(generation, terminal, at=transcript.last + 1)
        return True

    async def note(self, generation: Generation, transcript: Transcript) -> None:
        """The log has its end, and the store may not know."""
        assert transcript.terminal is not None
        await self._settle(generation, transcript.terminal, transcript)
        await self._generations.close(generation.id, transcript.last)

    async def append(self, generation: Generation, terminal: Terminal, *, at: int) -> None:
        """The last event of what is settled."""

        async def stored() -> None:
            await self._log.append(generation.id, [terminal], at=at, writer=self._worker)

        await patiently(stored)
        await patiently(lambda: self._generations.close(generation.id, at))

    async def said(self, generation: Generation) -> Transcript:
        """All that the log says. A log that was never begun is begun, unless its maker is about to
        do so: then what is appended comes behind that."""
        try:
            return fold(await patiently(lambda: self._log.snapshot(generation.id)))
        except LogGone:
            with suppress(OffsetConflict):
                begin = beginning(generation)
                await self._log.append(generation.id, begin, at=1, writer=self._worker)
            return opening(generation)

    def metered(
        self,
        terminal: Terminal,
        model: str,
        prompt: Prompt | None,
        transcript: Transcript,
        attempts: Sequence[Attempt] = (),
    ) -> Terminal:
        """With the usage that the server reported, or what can be told when it could not say: of
        the last of the attempts, which wrote what there is."""
        last = attempts[-1] if attempts else None
        if last is not None and last.status is not AttemptStatus.FALLEN_BACK:
            cost = None if last.cost is None else float(last.cost)
            return replace(terminal, usage=replace(last.usage, cost_usd=cost))
        if terminal.usage is not None:
            return terminal
        count, count_text = self._tokens.count, self._tokens.count_text
        said = count_text(model, transcript.answer) + count_text(model, transcript.reasoning)
        asked = count(model, prompt.messages, prompt.params).tokens if prompt else 0
        return replace(terminal, usage=Usage(asked, said, estimated=True))

    async def _settle(
        self,
        generation: Generation,
        terminal: Terminal,
        transcript: Transcript,
        first_token_at: datetime | None = None,
        worker: WorkerId | None = None,
        attempts: Sequence[Attempt] = (),
        timing: Timing | None = None,
    ) -> bool:
        attempts = attempts or self._nothing(generation, terminal)
        answer, end = Answer.of(generation), End(terminal, attempts, timing)
        settlement = Settlement(
            status=Status(terminal.status),
            content=transcript.answer,
            reasoning=transcript.reasoning,
            finish_reason=terminal.finish_reason if isinstance(terminal, Finished) else None,
            usage=terminal.usage,
            error=terminal.problem if isinstance(terminal, Failed) else None,
            first_token_at=first_token_at,
            attempt=transcript.attempt,
            model=terminal.model if isinstance(terminal, Finished) else None,
            tool_calls=answerable_calls(transcript.tool_calls),
            entries=self._spending.entries(generation, attempts),
            timing=timing,
            messages=self._observer.tells(answer, end),
        )
        by = worker or self._worker
        settled = await patiently(lambda: self._generations.settle(generation.id, by, settlement))
        if settled:
            self._spending.noted(settlement.entries)
            self._observer.ended(answer, end)
        return settled

    def _nothing(self, generation: Generation, terminal: Terminal) -> Sequence[Attempt]:
        """Of an answer that no model was asked for: it is counted all the same."""
        status, usage = AttemptStatus(terminal.status), terminal.usage or NOTHING
        return [self._spending.priced(generation.model, usage, status, generation.created_at)]


def started(generation: Generation) -> Started:
    return Started(generation.id, generation.message_id, generation.model, generation.attempt)


def beginning(generation: Generation) -> Sequence[Event]:
    """What its log has before anything of its own: the text that it goes on with is one delta."""
    text = generation.begun
    said = [Delta(text.reasoning, "reasoning"), Delta(text.answer)]
    return [started(generation), *(delta for delta in said if delta.text)]


def opening(generation: Generation) -> Transcript:
    """The same, as what was said."""
    text = generation.begun
    return Transcript(len(beginning(generation)), text.answer, text.reasoning)


def _without_begun(generation: Generation, transcript: Transcript) -> Transcript:
    text = generation.begun
    answer = transcript.answer.removeprefix(text.answer)
    reasoning = transcript.reasoning.removeprefix(text.reasoning)
    return replace(transcript, answer=answer, reasoning=reasoning)


def stopped() -> Finished:
    return Finished("stopped", "stopped")


def interrupted(why: str) -> Failed:
    return Failed("interrupted", Interrupted(f"{why} What came is kept.").problem())


def terminal_of(generation: Generation) -> Terminal:
    """The last event of a generation that is settled and whose log has no end yet."""
    if generation.error is not None:
        died = generation.status is Status.INTERRUPTED
        return Failed("interrupted" if died else "failed", generation.error, generation.usage)
    halted = generation.status is Status.STOPPED
    return Finished("stopped" if halted else "complete", generation.finish_reason, generation.usage)
