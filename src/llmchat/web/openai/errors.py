"""Our problems in the shape of OpenAI's errors: https://platform.openai.com/docs/guides/error-codes"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from llmchat.errors import (
    Busy,
    Invalid,
    Malformed,
    NotFound,
    PromptTooLong,
    RateLimited,
    Unauthenticated,
    UnknownModel,
    UpstreamMalformed,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamUnauthorized,
)
from llmchat.problem import Problem

PREFIX = "/v1"
MEDIA_TYPE = "application/json"

_REQUEST, _REQUESTS, _SERVER = "invalid_request_error", "requests", "server_error"


@dataclass(frozen=True, slots=True)
class _Kind:
    type: str
    code: str | None


# The codes that clients compare; of all others our own word is the code.
_KINDS: Mapping[str, _Kind] = {
    Malformed.type: _Kind(_REQUEST, None),
    Invalid.type: _Kind(_REQUEST, None),
    Unauthenticated.type: _Kind(_REQUEST, "invalid_api_key"),
    NotFound.type: _Kind(_REQUEST, "not_found"),
    Busy.type: _Kind(_REQUEST, "conversation_busy"),
    UnknownModel.type: _Kind(_REQUEST, "model_not_found"),
    PromptTooLong.type: _Kind(_REQUEST, "context_length_exceeded"),
    RateLimited.type: _Kind(_REQUESTS, "rate_limit_exceeded"),
}
_PARAMS = {UnknownModel.type: "model", PromptTooLong.type: "messages"}
# Their servers answer with these; the clients' own classes of errors follow the status.
_STATUSES: Mapping[str, int] = {UnknownModel.type: 404, UpstreamRejected.type: 400}
# Errors that clients try again by their status, and that are the same again.
_USELESS = frozenset({UpstreamUnauthorized.type, UpstreamMalformed.type, UpstreamTooLarge.type})


def speaks(path: str) -> bool:
    """Whether this dialect is spoken at the path."""
    return path == PREFIX or path.startswith(PREFIX + "/")


def status_of(problem: Problem) -> int:
    """What they answer with: 400 where we say 422, and 404 for a model that is not there."""
    status = _STATUSES.get(problem.type, problem.status)
    return 400 if status == HTTPStatus.UNPROCESSABLE_ENTITY else status


def error_of(problem: Problem) -> dict[str, Any]:
    """`{"error": {"message", "type", "param", "code"}}`: the body of an answer, and what stands in
    a stream in the place of a chunk."""
    usual = _REQUEST if status_of(problem) < HTTPStatus.INTERNAL_SERVER_ERROR else _SERVER
    kind = _KINDS.get(problem.type, _Kind(usual, problem.type))
    error = {
        "message": problem.detail,
        "type": kind.type,
        "param": _param(problem),
        "code": kind.code,
    }
    return {"error": error}


def encode(problem: Problem) -> bytes:
    return orjson.dumps(error_of(problem))


def headers_of(problem: Problem) -> dict[str, str]:
    """What the clients read before they try again, beside `Retry-After`, which counts seconds."""
    headers = {}
    if problem.retry_after_seconds is not None:
        headers["Retry-After-Ms"] = str(max(1, round(problem.retry_after_seconds * 1000)))
    if problem.type in _USELESS:
        headers["X-Should-Retry"] = "false"
    return headers


def _param(problem: Problem) -> str | None:
    if not problem.errors:
        return _PARAMS.get(problem.type)
    location = problem.errors[0]["location"]
    return ".".join(location[1:]) or None
