"""A whole text completion: https://platform.openai.com/docs/api-reference/completions"""

from typing import Any

from llmchat.events import Usage
from llmchat.web.openai.completion import finish_reason_of, usage_json

KIND = "text_completion"


def text_completion_json(
    *,
    id: str,
    model: str,
    created: int,
    text: str,
    finish_reason: str | None,
    usage: Usage | None,
) -> dict[str, Any]:
    """The body of an answer. `created` is in seconds since the epoch."""
    reason = text_reason_of(finish_reason)
    choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
    members = {"id": id, "object": KIND, "created": created, "model": model}
    counted = {} if usage is None else {"usage": usage_json(usage)}
    return {**members, "choices": [choice], **counted}


def text_reason_of(reason: str | None) -> str:
    """Of their words, those that an answer without tools can end with."""
    known = finish_reason_of(reason, calls=False)
    return known if known in ("length", "content_filter") else "stop"
