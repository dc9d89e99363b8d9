"""Calls that nobody stores: the same flow as any generation, over a log in memory."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import structlog

from llmchat.chat.clocks import Clocks
from llmchat.chat.ending import Ending, stopped
from llmchat.chat.flow import Flow
from llmchat.chat.observing import Answer, End, Observer
from llmchat.chat.spending import RunningCall, Spending
from llmchat.chat.upstreams import Upstreams
from llmchat.domain import Timing
from llmchat.errors import LlmchatError
from llmchat.events import Entry, Failed, Started, Terminal, Transcript, fold
from llmchat.ids import GenerationId, new_id
from llmchat.metering import AttemptStatus
from llmchat.origin import ORIGIN
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider
from llmchat.tasks import cancel
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Call:
    id: GenerationId
    provider: Provider
    prompt: Prompt
    model: str
    flow: Flow
    bill: RunningCall
    answer: Answer
    terminal: Terminal | None = None


class PlainCalls:
    """Those that run in this process; `scratch` holds their logs for as long."""

    def __init__(
        self,
        scratch: TokenLog,
        clocks: Clocks,
        upstreams: Upstreams,
        ending: Ending,
        spending: Spending,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._spending = spending
        self._scratch = scratch
        self._clocks = clocks
        self._ending = ending
        self._upstreams = upstreams
        self._flows: set[Flow] = set()

    def __len__(self) -> int:
        return len(self._flows)

    async def answer(self, provider: Provider, prompt: Prompt, model: str) -> Transcript:
        """Generate, and wait for it. A caller who leaves ends it, at its upstream as well."""
        async with self._begun(provider, prompt, model) as call:
            return await self._write(call)

    async def stream(
        self, provider: Provider, prompt: Prompt, model: str, *, idle_seconds: float
    ) -> AsyncGenerator[Sequence[Entry], None]:
        """Generate, and read the log of it to its end (see TokenLog.read). Closing this ends it, at
        its upstream as well."""
        async with self._begun(provider, prompt, model) as call:
            writing = asyncio.create_task(self._write_to_end(call), name=f"write {call.id}")
            try:
                async for entries in self._scratch.read(call.id, idle_seconds=idle_seconds):
                    yield entries
            finally:
                await cancel(writing)

    def end(self, ending: Terminal) -> None:
        """All of them."""
        for flow in self._flows:
            flow.end(ending)

    @asynccontextmanager
    async def _begun(
        self, provider: Provider, prompt: Prompt, model: str
    ) -> AsyncGenerator[_Call, None]:
        async with self._spending.call(model, prompt) as bill:
            id = GenerationId(new_id("gen"))
            await self._scratch.append(id, [Started(id, "", model, 1)], at=1)
            spender = bill.spender
            answer = Answer(
                id, model, user=spender.user, key_id=spender.key_id, origin=ORIGIN.get()
            )
            wrote = partial(self._observer.wrote, answer)
            said = Transcript(last=1)
            flow = Flow(self._scratch, id, said=said, clocks=self._clocks, wrote=wrote)
            self._flows.add(flow)
            metered = replace(prompt, meter=bill.meter)
            call = _Call(id, provider, metered, model, flow, bill, answer)
            self._observer.began(answer)
            try:
                yield call
            finally:
                self._flows.discard(flow)
                self._observer.ended(answer, self._end_of(call))
                self._observer.left(answer)
                whole = call.terminal is not None and call.terminal.status == "complete"
                if flow.mark is not None and not whole:
                    self._upstreams.cancel(provider, flow.mark)
                await self._scratch.delete([id])

    async def _write(self, call: _Call) -> Transcript:
        self._observer.writing(call.answer)
        terminal = await call.flow.run(call.provider.stream(call.prompt))
        assert terminal is not None
        transcript = fold(await self._scratch.snapshot(call.id))
        call.bill.ended = AttemptStatus(terminal.status)
        attempts = call.bill.attempts()
        metered = self._ending.metered(terminal, call.model, call.prompt, transcript, attempts)
        call.terminal = transcript.terminal = metered
        return transcript

    def _end_of(self, call: _Call) -> End:
        """Of one whose caller left, too."""
        attempts, flow = call.bill.attempts(), call.flow
        usage = attempts[-1].usage if attempts else None
        terminal = call.terminal or replace(stopped(), usage=usage)
        return End(
            terminal,
            attempts,
            Timing(flow.first_token_seconds, flow.reasoning_seconds, flow.seconds),
        )

    async def _write_to_end(self, call: _Call) -> None:
        try:
            terminal = (await self._write(call)).terminal
            assert terminal is not None
        except Exception as error:  # noqa: BLE001 - or its reader waits for ever
            _log.error("A call that nobody stores failed", id=call.id, exc_info=error)
            terminal = Failed("failed", LlmchatError("The error is in the log.").problem())
        await self._scratch.append(call.id, [terminal], at=call.flow.last + 1)
