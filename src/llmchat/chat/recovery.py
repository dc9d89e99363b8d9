"""What becomes of a generation whose owner died: `mark`, `continue` or `restart`; or it is read on,
where its upstream keeps it."""

from dataclasses import replace
from typing import Literal

import structlog

from llmchat.chat.ending import interrupted, started, stopped, terminal_of
from llmchat.chat.leftovers import Leftovers
from llmchat.chat.runner import Runner
from llmchat.domain import Generation, Status
from llmchat.errors import Invalid, LogGone, OffsetConflict
from llmchat.events import Reset, Terminal, Transcript, fold
from llmchat.ids import GenerationId
from llmchat.providers.base import Models, Provider
from llmchat.store.base import GenerationStore, Unfinished
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)

OnCrash = Literal["mark", "continue", "restart"]

_AGAIN = "The server died or was stopped; this is another attempt."

# A generation that kills whoever runs it must not kill them all.
_MOST_ATTEMPTS = 5
_MOST_FRUITLESS_ATTEMPTS = 2
# Beyond all that a reader may have seen of a lost log since its last checkpoint, and every id that
# one may hold: the offsets of a log may jump, never repeat.
_BEYOND = 1_000_000


class Recovery:
    """Takes over what others abandoned. `log_may_vanish`: the log is kept elsewhere than the rows,
    and one may be lost without the other."""

    def __init__(
        self,
        *,
        runner: Runner,
        log: TokenLog,
        generations: GenerationStore,
        models: Models,
        leftovers: Leftovers,
        on_crash: OnCrash,
        log_may_vanish: bool,
    ) -> None:
        self._runner = runner
        self._log = log
        self._generations = generations
        self._models = models
        self._on_crash = on_crash
        self._taking: set[GenerationId] = set()
        self._log_may_vanish = log_may_vanish
        self._spending = leftovers.spending
        self._leftovers = leftovers
        self._ending = runner.ending

    async def take_over(self, seen: Unfinished, ending: Terminal | None = None) -> bool:
        """Bring it to its end, to `ending` if there is one, or go on with it: wherever between its
        first token and its last its owner stopped. False when it moved since it was `seen`, or
        this process takes it over or runs it already: to the store, both would be one worker."""
        if seen.id in self._taking or seen.id in self._runner.running:
            return False
        self._taking.add(seen.id)
        try:
            return await self._take_over(seen, ending)
        finally:
            self._taking.discard(seen.id)

    async def _take_over(self, seen: Unfinished, ending: Terminal | None) -> bool:
        generation = await self._generations.take_over(seen, self._runner.worker)
        if generation is None:
            return False
        if generation.stop_requested:
            ending = stopped()  # Its owner died before it could.
        transcript = await self._claim(generation)
        if transcript.terminal is not None:
            await self._ending.note(generation, transcript)
        elif not generation.status.live:
            await self._ending.append(generation, terminal_of(generation), at=transcript.last + 1)
            self._end_upstream(generation, transcript)
        elif ending is None and self._may_go_on(generation, transcript):
            await self._go_on(generation, transcript)
        else:
            end = ending or interrupted("The server died or was stopped.")
            spent = await self._leftovers.attempts(generation, end.status)
            if await self._ending.finish(generation, end, transcript, attempts=spent) is not None:
                self._end_upstream(generation, transcript)
            _log.info("An abandoned generation was ended", generation_id=generation.id)
        return True

    async def _claim(self, generation: Generation) -> Transcript:
        """All that the log says, and from now on only this worker writes it."""
        try:
            await self._log.fence(generation.id, self._runner.worker)
            transcript = fold(await self._log.snapshot(generation.id))
        except LogGone:
            if not self._log_may_vanish:
                return await self._ending.said(generation)
            return await self._restored(generation)
        if self._log_may_vanish and await self._lost_its_tail(generation, transcript):
            # To go on would give offsets again that stood for something else.
            await self._log.delete([generation.id])
            return await self._restored(generation)
        return transcript

    async def _lost_its_tail(self, generation: Generation, transcript: Transcript) -> bool:
        if transcript.terminal is not None:
            return False
        kept = await self._generations.last_checkpoint(generation.id)
        return kept is not None and kept.last > transcript.last

    async def _restored(self, generation: Generation) -> Transcript:
        """A log that is gone with its owner: what the last checkpoint had, as a reset for all."""
        kept = await self._generations.last_checkpoint(generation.id)
        begun = generation.begun.answer
        answer, last = (begun, 0) if kept is None else (kept.answer, kept.last)
        if last < generation.attempt_began_at:
            # Of an attempt before: where that was begun anew, nobody was to go on with its text.
            last = generation.attempt_began_at
            answer = answer if self._on_crash == "continue" else begun
        reset = Reset(generation.attempt, "The log was lost, this much was kept.", answer)
        upto = last + _BEYOND
        begin = started(generation)
        try:
            await self._log.restore(
                generation.id, begin, reset, upto=upto, writer=self._runner.worker
            )
        except OffsetConflict:
            # Its maker begins it just now, or another restores it: what is there counts.
            await self._log.fence(generation.id, self._runner.worker)
            return fold(await self._log.snapshot(generation.id))
        _log.warning("A lost log was restored from its checkpoint", generation_id=generation.id)
        return Transcript(last=upto, answer=answer, attempt=generation.attempt)

    def _may_go_on(self, generation: Generation, transcript: Transcript) -> bool:
        provider = self._provider_of(generation)
        if self._runner.draining or provider is None:
            return False
        if generation.status is not Status.STREAMING:
            return False  # It waited for its turn, and whoever sent it never heard of it.
        if not _has_attempts_left(generation, transcript):
            return False
        if _can_read_on(provider, transcript) or self._on_crash == "restart":
            return True
        return self._on_crash == "continue" and _can_continue(provider, transcript)

    def _provider_of(self, generation: Generation) -> Provider | None:
        """None when it was taken out of the settings."""
        try:
            return self._models.resolve(generation.model)[0]
        except Invalid:
            return None

    def _end_upstream(self, generation: Generation, transcript: Transcript) -> None:
        provider = self._provider_of(generation)
        if provider is not None and transcript.mark is not None:
            self._runner.end_upstream(provider, transcript.mark)

    async def _go_on(self, generation: Generation, transcript: Transcript) -> None:
        provider = self._provider_of(generation)
        reads_on = provider is not None and _can_read_on(provider, transcript)
        begins_anew = not reads_on and (self._on_crash == "restart" or not transcript.answer)
        shown = bool(transcript.answer or transcript.reasoning or transcript.tool_calls)
        # The store counts what goes on, the log what begins anew.
        attempt = max(generation.attempt, transcript.attempt) + 1
        resets = begins_anew and shown
        at = transcript.last + 1
        if not reads_on:
            spent = await self._leftovers.attempts(generation, Status.INTERRUPTED)
            await self._spending.note(self._spending.entries(generation, spent))
        # Before anything is appended: another may have taken it over before the log was claimed.
        again = await self._generations.next_attempt(
            generation.id,
            self._runner.worker,
            attempt=attempt,
            began_at=at if resets else transcript.last,
        )
        if again is None:
            return
        if resets:
            begun = generation.begun.answer
            reset = Reset(attempt, _AGAIN, begun)
            await self._log.append(generation.id, [reset], at=at, writer=self._runner.worker)
            transcript = Transcript(last=at, answer=begun)
        _log.info("An abandoned generation goes on", generation_id=generation.id, attempt=attempt)
        said = replace(transcript, attempt=attempt)
        self._runner.resume(again, said)


def _has_attempts_left(generation: Generation, transcript: Transcript) -> bool:
    fruitless = transcript.last <= generation.attempt_began_at
    most = _MOST_FRUITLESS_ATTEMPTS if fruitless else _MOST_ATTEMPTS
    return generation.attempt < most


def _can_read_on(provider: Provider, transcript: Transcript) -> bool:
    """Whether its upstream keeps it. Then nothing of it was interrupted but our reading, and
    `on_crash` has nothing to choose."""
    return provider.resumes and transcript.mark is not None


def _can_continue(provider: Provider, transcript: Transcript) -> bool:
    """Whether its text can be gone on with. What was called or thought, no model goes on with:
    without an answer begun, it begins again."""
    if transcript.tool_calls:
        return False
    return provider.prefills or not (transcript.answer or transcript.reasoning)
