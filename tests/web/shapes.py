"""The shapes of the contract, as sets of names: one more or one less breaks a client."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx2

CONVERSATION = {
    "id",
    "title",
    "opening",
    "system_prompt",
    "model",
    "params",
    "metadata",
    "archived",
    "pinned",
    "active_leaf",
    "role",
    "generating",
    "created_at",
    "updated_at",
    "reply_mode",
    "template",
}
CONVERSATION_DETAIL = CONVERSATION | {"active_generations"}
MESSAGE = {
    "id",
    "conversation_id",
    "parent_id",
    "role",
    "content",
    "reasoning",
    "tool_calls",
    "tool_call_id",
    "status",
    "model",
    "generation_id",
    "usage",
    "timing",
    "error",
    "siblings",
    "feedback",
    "created_at",
    "author",
}
GENERATION = {
    "id",
    "conversation_id",
    "message_id",
    "status",
    "model",
    "attempt",
    "finish_reason",
    "usage",
    "error",
    "created_at",
    "started_at",
    "first_token_at",
    "ended_at",
    "timing",
}
GENERATION_DETAIL = GENERATION | {"text", "reasoning", "tool_calls", "last_event_id"}
USAGE = {
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost_usd",
    "estimated",
}
PROBLEM = {"type", "title", "status", "detail", "instance", "request_id"}
PROBLEM_MORE = {"errors", "generation_id", "retry_after_seconds"}
_ID = re.compile(r"(conv|msg|gen)_[0-9A-Za-z_-]{20,}")


def problem_of(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The body of an error, which is a problem in every respect."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert "no-store" in response.headers["cache-control"]
    problem: dict[str, Any] = response.json()
    assert PROBLEM <= set(problem) <= PROBLEM | PROBLEM_MORE
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"], problem
    assert problem["title"], problem
    assert problem["detail"], problem
    return problem


def is_private(response: httpx2.Response) -> bool:
    return response.headers.get("cache-control") == "private, no-store"


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def utc(text: str) -> datetime:
    """A time of RFC 3339 that says UTC."""
    time = datetime.fromisoformat(text)
    assert time.utcoffset() == UTC.utcoffset(None)
    return time
