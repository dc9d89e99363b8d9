"""Settle first, then finish: how a generation's row and its last event come to say the same."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from llmchat.domain import Generation, Status
from llmchat.errors import Interrupted, LogGone, OffsetConflict
from llmchat.events import Failed, Finished, Started, Terminal, Transcript, Usage, fold
from llmchat.ids import WorkerId
from llmchat.store.base import GenerationStore, Settlement, Unfinished
from llmchat.tokenlog.base import TokenLog

_CHARS_PER_TOKEN = 4


class Ending:
    """Brings generations to their end: whoever sees the terminal event can read the message."""

    def __init__(self, log: TokenLog, generations: GenerationStore, worker: WorkerId) -> None:
        self._log = log
        self._generations = generations
        self._worker = worker

    async def finish(
        self,
        generation: Generation,
        terminal: Terminal,
        *,
        prompt_chars: int = 0,
        first_token_at: datetime | None = None,
    ) -> Terminal | None:
        """End a generation that this worker owns, or that nobody does. None when it has already
        ended, or belongs to another."""
        transcript = await self._transcript(generation)
        terminal = metered(terminal, prompt_chars, transcript)
        if not await self._settle(generation, terminal, transcript, first_token_at):
            return None
        await self._append(generation, terminal, at=transcript.last + 1)
        return terminal

    async def take_over(self, seen: Unfinished) -> bool:
        """End what its owner left behind, wherever between first token and last it stopped."""
        generation = await self._generations.take_over(seen, self._worker)
        if generation is None:
            return False
        transcript = await self._transcript(generation)
        if transcript.terminal is not None:
            await self._settle(generation, transcript.terminal, transcript, None)
            await self._generations.close(generation.id, transcript.last)
        elif generation.status.live:
            await self.finish(generation, interrupted("The server died or was stopped."))
        else:
            await self._append(generation, _terminal_of(generation), at=transcript.last + 1)
        return True

    async def _transcript(self, generation: Generation) -> Transcript:
        """All that the log says. A log that was never begun is begun, unless its maker is about
        to do so: then what is appended comes behind that."""
        try:
            return fold(await self._log.snapshot(generation.id))
        except LogGone:
            with suppress(OffsetConflict):
                await self._log.append(generation.id, [started(generation)], at=1)
            return Transcript(last=1)

    async def _settle(
        self,
        generation: Generation,
        terminal: Terminal,
        transcript: Transcript,
        first_token_at: datetime | None,
    ) -> bool:
        end = Settlement(
            status=Status(terminal.status),
            content=transcript.answer,
            reasoning=transcript.reasoning,
            finish_reason=terminal.finish_reason if isinstance(terminal, Finished) else None,
            usage=terminal.usage,
            error=terminal.problem if isinstance(terminal, Failed) else None,
            first_token_at=first_token_at,
        )
        return await self._generations.settle(generation.id, self._worker, end)

    async def _append(self, generation: Generation, terminal: Terminal, *, at: int) -> None:
        await self._log.append(generation.id, [terminal], at=at)
        await self._generations.close(generation.id, at)


def started(generation: Generation) -> Started:
    return Started(generation.id, generation.message_id, generation.model, generation.attempt)


def stopped() -> Finished:
    return Finished("stopped", "stopped")


def interrupted(why: str) -> Failed:
    return Failed("interrupted", Interrupted(f"{why} What came is kept.").problem())


def metered(terminal: Terminal, prompt_chars: int, transcript: Transcript) -> Terminal:
    """With the usage that the server reported, or what can be told when it could not say."""
    if terminal.usage is not None:
        return terminal
    output_chars = len(transcript.answer) + len(transcript.reasoning)
    usage = Usage(
        input_tokens=-(-prompt_chars // _CHARS_PER_TOKEN),
        output_tokens=-(-output_chars // _CHARS_PER_TOKEN),
        estimated=True,
    )
    return replace(terminal, usage=usage)


def _terminal_of(generation: Generation) -> Terminal:
    """The last event of a generation that is settled and whose log has no end yet."""
    if generation.error is not None:
        died = generation.status is Status.INTERRUPTED
        return Failed("interrupted" if died else "failed", generation.error, generation.usage)
    halted = generation.status is Status.STOPPED
    return Finished("stopped" if halted else "complete", generation.finish_reason, generation.usage)
