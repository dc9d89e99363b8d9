"""One log line at the end of each answer, with all its figures and none of its text."""

from collections.abc import Mapping
from typing import Any

import structlog

from llmchat.chat.labels import labels_of
from llmchat.chat.observing import Answer, End, Observer
from llmchat.domain import Timing
from llmchat.events import Failed, Usage

_log = structlog.get_logger(__name__)


class EndLines(Observer):
    def ended(self, answer: Answer, end: End) -> None:
        terminal, timing = end.terminal, end.timing or Timing()
        _log.info(
            "A generation ended" if answer.conversation_id else "A call ended",
            **labels_of(answer),
            key_id=answer.key_id,
            model=answer.model,
            status=terminal.status,
            finish_reason=None if isinstance(terminal, Failed) else terminal.finish_reason,
            problem=terminal.problem.type if isinstance(terminal, Failed) else None,
            attempt=answer.attempt,
            requests=len(end.attempts),
            answered_by=end.attempts[-1].model if end.attempts else None,
            **_tokens(terminal.usage),
            first_token_seconds=_rounded(timing.first_token_seconds),
            seconds=_rounded(timing.total_seconds),
        )


def _tokens(usage: Usage | None) -> Mapping[str, Any]:
    if usage is None:
        return {}
    return {
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated": usage.estimated,
        "cost_usd": usage.cost_usd,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
