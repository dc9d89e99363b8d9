"""A Response as OpenAI's clients know it: https://platform.openai.com/docs/api-reference/responses/object"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from llmchat.domain import Status
from llmchat.errors import RateLimited, UpstreamRateLimited
from llmchat.events import Failed, Finished, Terminal, Usage
from llmchat.problem import Problem

Json = Mapping[str, Any]

# What a request may say, and its answer repeats: null or the default where it did not.
ECHOED: Json = {
    "background": False,
    "conversation": None,
    "frequency_penalty": 0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_STATUSES: Mapping[Status, str] = {
    Status.QUEUED: "queued",
    Status.STREAMING: "in_progress",
    Status.COMPLETE: "completed",
    Status.STOPPED: "cancelled",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "failed",
}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_RATES = frozenset({RateLimited.type, UpstreamRateLimited.type})


def begun(id: str, model: str, created_at: datetime, request: Json) -> dict[str, Any]:
    """The response as long as nothing is said. `request` is what it repeats."""
    return {
        "id": id,
        "object": "response",
        "created_at": seconds(created_at),
        "completed_at": None,
        "status": "queued" if request.get("background") else "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        **ECHOED,
        **{name: value for name, value in request.items() if name in ECHOED},
    }


def ended(
    response: Json, end: Terminal, output: Sequence[Json], *, at: datetime | None
) -> dict[str, Any]:
    """The same with its end. `at` is when that was."""
    status, reason = status_of(end)
    failed = isinstance(end, Failed)
    model = (isinstance(end, Finished) and end.model) or response["model"]
    return {
        **response,
        "status": status,
        "completed_at": None if at is None or status != "completed" else seconds(at),
        "error": error_of(end.problem) if isinstance(end, Failed) else None,
        "incomplete_details": {"reason": reason} if reason and not failed else None,
        "model": model,
        "output": output,
        "usage": usage_json(end.usage),
    }


def status_of(end: Terminal) -> tuple[str, str | None]:
    """The status of a response that ended so, and why when it is incomplete."""
    match end:
        case Finished("complete", finish_reason) if finish_reason in _INCOMPLETE:
            return "incomplete", _INCOMPLETE[finish_reason]
        case Finished(status) | Failed(status):
            return _STATUSES[Status(status)], None


def live_status(status: Status) -> str:
    """Of a response that has not ended."""
    return _STATUSES[status]


def error_of(problem: Problem) -> dict[str, Any]:
    """Their clients know few codes, and compare them."""
    code = "rate_limit_exceeded" if problem.type in _RATES else "server_error"
    return {"code": code, "message": problem.detail}


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """With all members that strict clients want."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def seconds(at: datetime) -> int:
    return int(at.timestamp())
