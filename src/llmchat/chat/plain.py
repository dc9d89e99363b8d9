"""Calls that nobody stores: the same flow as any generation, over a log in memory."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from llmchat.chat.clocks import Clocks
from llmchat.chat.ending import Ending
from llmchat.chat.flow import Flow
from llmchat.chat.spending import RunningCall, Spending
from llmchat.chat.upstreams import Upstreams
from llmchat.errors import LlmchatError
from llmchat.events import Entry, Failed, Started, Terminal, Transcript, fold
from llmchat.ids import GenerationId, new_id
from llmchat.metering import AttemptStatus
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
    ) -> None:
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
            flow = Flow(self._scratch, id, said=Transcript(last=1), clocks=self._clocks)
            self._flows.add(flow)
            call = _Call(id, provider, replace(prompt, meter=bill.meter), model, flow, bill)
            try:
                yield call
            finally:
                self._flows.discard(flow)
                whole = call.terminal is not None and call.terminal.status == "complete"
                if flow.mark is not None and not whole:
                    self._upstreams.cancel(provider, flow.mark)
                await self._scratch.delete([id])

    async def _write(self, call: _Call) -> Transcript:
        call.terminal = await call.flow.run(call.provider.stream(call.prompt))
        assert call.terminal is not None
        transcript = fold(await self._scratch.snapshot(call.id))
        call.bill.ended = AttemptStatus(call.terminal.status)
        attempts = call.bill.meter.attempts(call.bill.ended)
        transcript.terminal = self._ending.metered(
            call.terminal, call.model, call.prompt, transcript, attempts
        )
        return transcript

    async def _write_to_end(self, call: _Call) -> None:
        try:
            terminal = (await self._write(call)).terminal
            assert terminal is not None
        except Exception as error:  # noqa: BLE001 - or its reader waits for ever
            _log.error("A call that nobody stores failed", id=call.id, exc_info=error)
            terminal = Failed("failed", LlmchatError("The error is in the log.").problem())
        await self._scratch.append(call.id, [terminal], at=call.flow.last + 1)
