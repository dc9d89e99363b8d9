"""How /docs shows the routes of this dialect."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from llmchat.errors import (
    Busy,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    ShuttingDown,
    Unauthenticated,
    UpstreamTimeout,
)
from llmchat.problem import Problem
from llmchat.web.openai.errors import MEDIA_TYPE, error_of
from llmchat.web.openai.shapes import OpenAIFailure

_SCHEMA = {"$ref": "#/components/schemas/OpenAIFailure"}
_RETRY_AFTER = {
    "description": "In how many seconds another attempt may work.",
    "schema": {"type": "integer"},
}
_CHUNKS = """data: {"id":"chatcmpl-…","object":"chat.completion.chunk",…,"choices":[{"index":0,"delta":{"content":"You "},…}]}

data: {"id":"chatcmpl-…","object":"chat.completion.chunk",…,"choices":[{"index":0,"delta":{},"finish_reason":"stop",…}]}

data: [DONE]

"""  # noqa: E501
_TEXT_CHUNKS = """data: {"id":"cmpl-…","object":"text_completion",…,"choices":[{"index":0,"text":"You ",…}]}

data: {"id":"cmpl-…","object":"text_completion",…,"choices":[{"index":0,"text":"","finish_reason":"stop",…}]}

data: [DONE]

"""  # noqa: E501
STREAMED: dict[str, Any] = {"text/event-stream": {"schema": {}, "example": _CHUNKS}}
TEXT_STREAMED: dict[str, Any] = {"text/event-stream": {"schema": {}, "example": _TEXT_CHUNKS}}
_EXPLAINED: Mapping[int, tuple[str, Problem]] = {
    400: (
        "The request cannot be read, or is not what was asked for.",
        Problem(
            Invalid.type,
            Invalid.title,
            422,
            "messages: Field required",
            errors=[{"location": ["body", "messages"], "message": "Field required"}],
        ),
    ),
    401: (
        "No API key that this server knows.",
        Unauthenticated("The API key is not known, has expired or was revoked.").problem(),
    ),
    403: (
        "The key lacks the scope that this takes.",
        Forbidden("This takes the scope chat, and the key has read.").problem(),
    ),
    404: (
        "There is no such model, or no such object.",
        NotFound("There is no such object.").problem(),
    ),
    409: (
        "The conversation already has a live generation.",
        Busy("gen_8DmPJ3GkR5cV1wXyZ2aBcD4").problem(),
    ),
    413: ("The body is too large.", Problem("too_large", "", 413, "The body is too large.")),
    415: (
        "The body is not declared as JSON.",
        Problem("unsupported_media_type", "", 415, "Send JSON."),
    ),
    429: (
        "Too many requests: `Retry-After` says when to come back.",
        RateLimited(
            "You may send at most 60 times a minute. Try again in 12 s.",
            limit=60,
            remaining=0,
            retry_after_seconds=12,
            kind="requests",
        ).problem(),
    ),
    503: (
        "Not now: the server stops, its storage or the model's server fails.",
        ShuttingDown().problem(),
    ),
    504: (
        "The model's server was silent for too long.",
        UpstreamTimeout("No token came within 120 s.").problem(),
    ),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route of this dialect that may answer with these errors. With 422, which
    no route answers: the framework would put its own in that place, and `complete` takes it out."""
    return {
        422: {"description": ""},
        **{status: {**_documented(status), "model": OpenAIFailure} for status in statuses},
    }


def complete(operation: dict[str, Any]) -> None:
    """The document of a route that asks who calls."""
    operation["security"] = [{"key": []}, {"cookie": []}]
    operation["responses"].pop("422", None)
    for status in (401, 403, 429):
        found = _documented(status)
        found["content"][MEDIA_TYPE]["schema"] = _SCHEMA
        operation["responses"][str(status)] = found


def _documented(status: int) -> dict[str, Any]:
    description, problem = _EXPLAINED[status]
    content: dict[str, Any] = {MEDIA_TYPE: {"example": error_of(problem)}}
    found: dict[str, Any] = {"description": description, "content": content}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        found["headers"] = {"Retry-After": _RETRY_AFTER}
    return found
