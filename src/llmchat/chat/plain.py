"""Calls that nobody stores: the same flow as any generation, over a log in memory."""

from dataclasses import replace

from llmchat.chat.clocks import Clocks
from llmchat.chat.ending import Ending
from llmchat.chat.flow import Flow
from llmchat.chat.spending import RunningCall, Spending
from llmchat.chat.upstreams import Upstreams
from llmchat.domain import Prompt
from llmchat.events import Finished, Started, Terminal, Transcript, fold
from llmchat.ids import GenerationId, new_id
from llmchat.metering import AttemptStatus
from llmchat.providers.base import Provider
from llmchat.tokenlog.base import TokenLog


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
        async with self._spending.call(model, prompt) as call:
            return await self._answer(provider, replace(prompt, meter=call.meter), model, call)

    async def _answer(
        self, provider: Provider, prompt: Prompt, model: str, call: RunningCall
    ) -> Transcript:
        id = GenerationId(new_id("gen"))
        await self._scratch.append(id, [Started(id, "", model, 1)], at=1)
        flow = Flow(self._scratch, id, said=Transcript(last=1), clocks=self._clocks)
        self._flows.add(flow)
        terminal: Terminal | None = None
        try:
            terminal = await flow.run(provider.stream(prompt))
            assert terminal is not None
            transcript = fold(await self._scratch.snapshot(id))
            call.ended = AttemptStatus(terminal.status)
            attempts = call.meter.attempts(call.ended)
            ended = self._ending.metered(terminal, model, prompt, transcript, attempts)
            transcript.terminal = ended
            return transcript
        finally:
            self._flows.discard(flow)
            whole = isinstance(terminal, Finished) and terminal.status == "complete"
            if flow.mark is not None and not whole:
                self._upstreams.cancel(provider, flow.mark)
            await self._scratch.delete([id])

    def end(self, ending: Terminal) -> None:
        """All of them."""
        for flow in self._flows:
            flow.end(ending)
