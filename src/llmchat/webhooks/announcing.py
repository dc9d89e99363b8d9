"""From what happened to the messages that tell of it. None holds any text of a conversation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from llmchat.access.usage import AllowanceUsedUp, Spender
from llmchat.domain import Generation, Timing
from llmchat.events import Failed, Terminal, Usage
from llmchat.webhooks.base import Endpoint, EventType, Message


class Announcer:
    """Writes a message for each endpoint that wants it. An id is made of what happened, so that
    whoever tells of it again tells of the same."""

    def __init__(self, endpoints: Sequence[Endpoint] = ()) -> None:
        self._endpoints = endpoints

    def end(
        self, generation: Generation, terminal: Terminal, timing: Timing | None, at: datetime
    ) -> Sequence[Message]:
        """Of a generation that ends so."""
        type = EventType.FAILED if isinstance(terminal, Failed) else EventType.FINISHED
        if not self._wanted(type):
            return ()
        return self._messages(
            type,
            f"evt_{generation.id.removeprefix('gen_')}",
            at,
            {
                "generation_id": generation.id,
                "conversation_id": generation.conversation_id,
                "message_id": generation.message_id,
                "user": generation.asked_by or generation.owner,
                "key_id": generation.key_id,
                "model": generation.model,
                "status": terminal.status,
                "finish_reason": None if isinstance(terminal, Failed) else terminal.finish_reason,
                "error": _problem(terminal) if isinstance(terminal, Failed) else None,
                "usage": None if terminal.usage is None else _usage(terminal.usage),
                "created_at": _time(generation.created_at),
                "ended_at": _time(at),
                "first_token_seconds": timing.first_token_seconds if timing else None,
                "total_seconds": timing.total_seconds if timing else None,
            },
        )

    def budget(self, spender: Spender, refused: AllowanceUsedUp, at: datetime) -> Sequence[Message]:
        """Of an allowance that is used up: one for its whole period."""
        key_id = spender.key_id if refused.of_key else None
        whose = key_id or f"user_{spender.user.encode().hex()}"
        since = refused.since.replace("-", "")
        return self._messages(
            EventType.BUDGET,
            f"evt_budget_{whose}_{refused.what}_{refused.period}_{since}",
            at,
            {
                "user": spender.user,
                "key_id": key_id,
                "limit": refused.what,
                "period": refused.period,
                "since": refused.since,
                "resets_at": _time(refused.resets_at),
                "detail": refused.detail,
            },
        )

    def _wanted(self, type: EventType) -> Sequence[Endpoint]:
        return [endpoint for endpoint in self._endpoints if type in endpoint.events]

    def _messages(
        self, type: EventType, id: str, at: datetime, data: Mapping[str, Any]
    ) -> Sequence[Message]:
        body = orjson.dumps({"type": type, "timestamp": _time(at), "data": data}).decode()
        return [Message(id, endpoint.name, type, body) for endpoint in self._wanted(type)]


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _problem(failed: Failed) -> Mapping[str, Any]:
    # Not its detail: a model's server may quote the prompt in it.
    return {"type": failed.problem.type, "title": failed.problem.title}


def _usage(usage: Usage) -> Mapping[str, Any]:
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    return {
        **{name: getattr(usage, name) for name in names},
        "estimated": usage.estimated,
        "cost_usd": usage.cost_usd,
    }
