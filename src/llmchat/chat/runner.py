"""Owner of every live generation of this process: starts them, stops them, sees each to its end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from llmchat.chat.checkpoints import Checkpoints
from llmchat.chat.clocks import Clocks
from llmchat.chat.ending import Ending, beginning, interrupted, opening, stopped
from llmchat.chat.flow import Flow
from llmchat.chat.leases import Leases
from llmchat.chat.observing import Answer, Observer
from llmchat.chat.patience import patiently
from llmchat.chat.plain import PlainCalls
from llmchat.chat.running import Prepare, Running
from llmchat.chat.spending import Spending
from llmchat.chat.upstreams import Upstreams
from llmchat.domain import Generation, Status
from llmchat.errors import LlmchatError, LogGone, OffsetConflict, StorageUnavailable
from llmchat.events import Failed, Terminal, Transcript
from llmchat.ids import ConversationId, GenerationId, WorkerId
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, Tokens
from llmchat.signals.base import Abandoned, Alone, Signals, StopWanted
from llmchat.store.base import GenerationStore
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)

_DRAIN_LOOK_SECONDS = 0.05
# How long an owner elsewhere may take to stop before it is taken for dead.
_ANSWER_SECONDS = 1.5


class Runner:
    """One per process. `worker` is its name in the leases; `scratch` holds the logs of what is not
    stored, which is `plain`'s work; `now` gives the time for what is shown. With `checkpoints` the
    store is given the text of what runs now and then. With `hands_over` a shutdown leaves what
    still runs to another; what its upstream keeps, it leaves in any case."""

    def __init__(
        self,
        *,
        worker: WorkerId,
        log: TokenLog,
        scratch: TokenLog,
        generations: GenerationStore,
        prepare: Prepare,
        tokens: Tokens,
        spending: Spending,
        clocks: Clocks,
        lease_seconds: float,
        now: Callable[[], datetime],
        signals: Signals | None = None,
        hands_over: bool = False,
        checkpoints: bool = False,
        observer: Observer = Observer(),  # noqa: B008 - it has no state
    ) -> None:
        self.worker = worker
        self.draining = False
        self._log = log
        self._generations = generations
        self._spending = spending
        self._observer = observer
        self.ending = Ending(log, generations, worker, tokens, spending, observer)
        self._prepare = prepare
        self._clocks = clocks
        self._leases = Leases(generations, worker, lease_seconds=lease_seconds)
        self._now = now
        self._signals = signals or Alone()
        self.hands_over = hands_over
        self._checkpoints = Checkpoints(generations, worker) if checkpoints else None
        self._running: dict[GenerationId, Running] = {}
        self._upstreams = Upstreams()
        self.plain = PlainCalls(scratch, clocks, self._upstreams, self.ending, spending, observer)
        self._tasks = TaskSet()

    @property
    def running(self) -> Mapping[GenerationId, Running]:
        return self._running

    async def __aenter__(self) -> "Runner":
        self._tasks.spawn(self._leases.renew_for_ever(lambda: self._running), name="lease renewal")
        if self._checkpoints is not None:
            self._tasks.spawn(self._checkpoints.keep_for_ever(self._flows), name="checkpoints")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain(grace_seconds=0)
        await self._upstreams.aclose()
        await self._tasks.cancel_all()

    async def begin(self, generation: Generation, *, claimed: bool) -> None:
        """Begin the log, and the work when it is `claimed`. After this it can be followed. Raises
        StorageUnavailable; what is claimed begins all the same if the storage is soon back."""
        # Known before its log is: a stop in between would otherwise find nobody to tell.
        running = self._enter(generation, opening(generation)) if claimed else None
        begun = False
        try:
            begun = await self._begin_log(generation)
        except StorageUnavailable:
            if running is not None:
                self._tasks.spawn(self._begin_later(running), name=f"begin {generation.id}")
            running = None
            raise
        finally:
            if running is not None:
                self._spawn(running) if begun else self._leave(running)

    async def _begin_log(self, generation: Generation) -> bool:
        """False when whoever was quicker to stop it has begun its log, and ended it."""
        begin = beginning(generation)
        with suppress(OffsetConflict):
            await self._log.append(generation.id, begin, at=1, writer=self.worker)
            return True
        return False

    async def _begin_later(self, running: Running) -> None:
        generation = running.generation
        try:
            if not await patiently(lambda: self._begin_log(generation)):
                # Perhaps it was begun by the attempt whose answer was lost.
                head = await self._log.fence(generation.id, self.worker)
                if head.last != running.flow.last:
                    raise OffsetConflict(f"{generation.id} is another's.")
        except LlmchatError as error:
            _log.error("It cannot begin", generation_id=generation.id, error=error.detail)
            self._leave(running)
        else:
            await self._run(running)

    async def advance(self, conversation: ConversationId) -> None:
        """Run the conversation's next queued generation, unless one is running."""
        if not self.draining:
            queued = await self._generations.next_queued(conversation)
            if queued is not None:
                # Without a log it is just being made: whoever makes it advances, too.
                with suppress(LogGone):
                    await self.start_queued(queued)

    async def start_queued(self, id: GenerationId) -> None:
        """Run it if it is its turn: the store knows. Raises LogGone before its log has begun."""
        await self._log.head(id)
        generation = await self._generations.claim(id, self.worker)
        if generation is not None:
            head = await self._log.fence(id, self.worker)
            self._spawn(self._enter(generation, replace(opening(generation), last=head.last)))

    def resume(self, generation: Generation, said: Transcript) -> None:
        """Go on with what this worker took over, behind what was `said`."""
        self._spawn(self._enter(generation, said))

    async def stop(self, generation: Generation) -> bool:
        """When this returns True, the generation has ended, with the text that it had. False: its
        owner is elsewhere, was asked, and has not answered for a while; it may be dead."""
        running = self._running.get(generation.id)
        if running is not None:
            running.flow.end(stopped())
            await running.ended.wait()
            if running.finished:
                return True
        if await self.ending.cancel(generation, stopped()):
            return True
        await self._generations.request_stop(generation.id)
        self._signals.tell(StopWanted(generation.id))
        return await self._ends_soon(generation.id)

    def stop_here(self, id: GenerationId) -> None:
        """Another process was asked to stop it."""
        if (running := self._running.get(id)) is not None:
            running.flow.end(stopped())

    def end_upstream(self, provider: Provider, mark: str) -> None:
        """Nobody reads on the answer that this mark is of. Returns at once."""
        self._upstreams.cancel(provider, mark)

    async def drain(self, *, grace_seconds: float) -> None:
        """Start nothing more; let what runs end by itself for so long; interrupt the rest."""
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._idle()
        ending = interrupted("The server was stopped.")
        self.plain.end(ending)
        for running in self._running.values():
            if self.hands_over or running.flow.mark is not None:
                running.flow.leave()
            else:
                running.flow.end(ending)
        for running in list(self._running.values()):
            await running.ended.wait()

    async def _ends_soon(self, id: GenerationId) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                async for _ in self._log.read(id):
                    pass
                return True
        return False

    def _flows(self) -> Sequence[Flow]:
        return [running.flow for running in self._running.values()]

    def _enter(self, generation: Generation, said: Transcript) -> Running:
        flow = Flow(
            self._log,
            generation.id,
            said=said,
            clocks=self._clocks,
            writer=self.worker,
            keeps_text=self._checkpoints is not None,
            begun=generation.begun.answer,
            wrote=partial(self._observer.wrote, Answer.of(generation)),
        )
        running = Running(generation, flow, prefill=said.answer)
        self._running[generation.id] = running
        self._observer.began(running.answer)
        return running

    def _leave(self, running: Running) -> None:
        del self._running[running.generation.id]
        running.ended.set()
        self._observer.left(running.answer)

    def _spawn(self, running: Running) -> None:
        self._tasks.spawn(self._run(running), name=f"run {running.generation.id}")

    async def _idle(self) -> None:
        while self._running or self.plain:  # noqa: ASYNC110 - two sets, once in a lifetime
            await asyncio.sleep(_DRAIN_LOOK_SECONDS)

    async def _run(self, running: Running) -> None:
        id = running.generation.id
        self._observer.writing(running.answer)
        try:
            terminal, prompt = await self._write(running)
            if terminal is None:
                await self._hand_over(running)
            else:
                await self._finish(running, terminal, prompt)
        except OffsetConflict:
            _log.warning("Another owner writes this log", generation_id=id)
        except StorageUnavailable as error:
            # The sweep ends it when the storage is back.
            _log.error("A log cannot be written", generation_id=id, error=error.detail)
        finally:
            self._leave(running)
        with suppress(StorageUnavailable):
            await self._end_unread(running)
        with suppress(StorageUnavailable):
            await self.advance(running.generation.conversation_id)

    async def _write(self, running: Running) -> tuple[Terminal | None, Prompt | None]:
        try:
            provider, prompt = await patiently(lambda: self._prepare(running.generation))
        except StorageUnavailable:
            raise
        except LlmchatError as error:
            return Failed("failed", error.problem()), None
        prompt = running.asks(provider, prompt, self._spending.meter())
        running.terminal = await running.flow.run(provider.stream(prompt))
        return running.terminal, prompt

    async def _finish(self, running: Running, terminal: Terminal, prompt: Prompt | None) -> None:
        ended = await self.ending.finish(
            running.generation,
            terminal,
            await self.ending.said(running.generation),
            prompt=prompt,
            first_token_at=running.first_token_at(self._now()),
            attempts=running.attempts(terminal.status),
            timing=running.timing,
        )
        if ended is not None:
            running.finished = True

    async def _end_unread(self, running: Running) -> None:
        """What has ended, or was deleted, nobody reads on; what is another's by now, that one does
        or ends."""
        unread = running.unread
        if unread is not None and (
            running.finished or await self._generations.seen(running.generation.id) is None
        ):
            self.end_upstream(*unread)

    async def _hand_over(self, running: Running) -> None:
        id = running.generation.id
        if running.flow.mark is None:
            # Before it is left; what an upstream keeps, whoever reads on counts whole.
            spent = running.attempts(Status.INTERRUPTED)
            await self._spending.note(self._spending.entries(running.generation, spent))
        await self._generations.release(self.worker, id)
        self._signals.tell(Abandoned())
        _log.info("A generation was left to another process", generation_id=id)
