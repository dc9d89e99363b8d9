"""One generation that runs in this process."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from llmchat.chat.flow import Flow
from llmchat.domain import Generation
from llmchat.events import Failed, Terminal

_log = structlog.get_logger(__name__)


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Running:
    """`prefill` is what an earlier attempt has written of the answer; `ended` is set when nothing
    more is done for it here, and it was `finished` unless it is another's by then."""

    generation: Generation
    flow: Flow
    prefill: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    begun_at: float = field(default_factory=_now)
    finished: bool = False

    def first_token_at(self, now: datetime) -> datetime | None:
        waited = self.flow.first_token_seconds
        return None if waited is None else now - timedelta(seconds=self._age() - waited)

    def log_end(self, terminal: Terminal) -> None:
        generation, usage = self.generation, terminal.usage
        _log.info(
            "A generation ended",
            generation_id=generation.id,
            conversation_id=generation.conversation_id,
            model=generation.model,
            status=terminal.status,
            problem=terminal.problem.type if isinstance(terminal, Failed) else None,
            output_tokens=None if usage is None else usage.output_tokens,
            seconds=round(self._age(), 3),
        )

    def _age(self) -> float:
        return _now() - self.begun_at
