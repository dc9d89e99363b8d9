"""A whole chat completion, and its parts that a streamed one has as well."""

from collections.abc import Sequence
from typing import Any

import orjson

from llmchat.events import ToolCall, Usage

_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


def completion_json(
    *,
    id: str,
    model: str,
    created: int,
    text: str,
    reasoning: str,
    tool_calls: Sequence[ToolCall],
    finish_reason: str | None,
    usage: Usage | None,
    logprobs: str | None = None,
) -> dict[str, Any]:
    """The body of an answer, for orjson. `created` is in seconds since the epoch; the calls are
    whole."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if tool_calls:
        message["content"] = text or None
        message["tool_calls"] = [_call(call) for call in tool_calls]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason_of(finish_reason, calls=bool(tool_calls)),
        "logprobs": None if logprobs is None else orjson.Fragment(logprobs_json(logprobs)),
    }
    members = {"id": id, "object": "chat.completion", "created": created, "model": model}
    counted = {} if usage is None else {"usage": usage_json(usage)}
    return {**members, "choices": [choice], **counted}


def finish_reason_of(reason: str | None, *, calls: bool) -> str:
    """In their words, which some clients check: Ollama says `stop` behind calls of tools, and an
    answer that somebody else stopped has no word at all."""
    if calls and reason in ("stop", None):
        return "tool_calls"
    return reason if reason in _REASONS else "stop"


def logprobs_json(logprobs: str) -> bytes:
    """Those of a Delta, as they stand in a choice."""
    return b'{"content":[' + logprobs.encode() + b'],"refusal":null}'


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name or "", "arguments": call.arguments}
    return {"id": call.id or "", "type": "function", "function": function}
