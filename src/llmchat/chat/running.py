"""One generation that runs in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from llmchat.chat.flow import Flow
from llmchat.chat.observing import Answer
from llmchat.domain import Generation, Timing
from llmchat.events import Terminal
from llmchat.metering import Attempt, Meter
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider

Prepare = Callable[[Generation], Awaitable[tuple[Provider, Prompt]]]
"""From a generation to what it asks of whom. Raises LlmchatError when that cannot be told."""


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Running:
    """`prefill` is what is there of the answer already; `ended` is set when nothing
    more is done for it here, and it was `finished` unless it is another's by then. `provider` is
    who writes it, and `terminal` what that came to."""

    generation: Generation
    flow: Flow
    prefill: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    begun_at: float = field(default_factory=_now)
    finished: bool = False
    provider: Provider | None = None
    terminal: Terminal | None = None
    meter: Meter | None = None

    def asks(self, provider: Provider, prompt: Prompt, meter: Meter) -> Prompt:
        """The prompt, for what is still to come of its answer."""
        self.provider = provider
        self.meter = meter
        prompt = replace(prompt, meter=meter)
        if provider.resumes and self.flow.mark is not None:
            # One answer of its server's: what came of it before is part of what it takes.
            meter.begun = self.prefill
            return replace(prompt, mark=self.flow.mark)
        if provider.prefills:
            return prompt.prefilled(self.prefill)
        return prompt.asked_to_go_on(self.prefill)

    def attempts(self, ended: str) -> Sequence[Attempt]:
        """What it took, of an answer that `ended` so."""
        return [] if self.meter is None else self.meter.attempts(ended)

    @property
    def answer(self) -> Answer:
        return Answer.of(self.generation)

    @property
    def timing(self) -> Timing:
        flow = self.flow
        return Timing(flow.first_token_seconds, flow.reasoning_seconds, round(self._age(), 3))

    @property
    def unread(self) -> tuple[Provider, str] | None:
        """Who goes on with the answer without a reader, and the mark of what was read of it."""
        whole = self.terminal is not None and self.terminal.status == "complete"
        if self.provider is None or self.flow.mark is None or whole:
            return None
        return self.provider, self.flow.mark

    def first_token_at(self, now: datetime) -> datetime | None:
        waited = self.flow.first_token_seconds
        return None if waited is None else now - timedelta(seconds=self._age() - waited)

    def _age(self) -> float:
        return _now() - self.begun_at
