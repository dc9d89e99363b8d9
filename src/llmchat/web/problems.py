"""From our errors, and the framework's, to problem details; the only exception handlers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from llmchat.errors import (
    Busy,
    Forbidden,
    GenerationFailed,
    Invalid,
    LlmchatError,
    LogGone,
    Malformed,
    NotFound,
    ProviderError,
    RateLimited,
    ShuttingDown,
    Unauthenticated,
    UpstreamTimeout,
)
from llmchat.problem import Problem
from llmchat.web.limits import headers_of_error
from llmchat.web.openai import errors as openai
from llmchat.web.watched import noted
from llmchat.wire.complaints import complaint_of

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 20
_RETRY_SECONDS = 5

_FRAMEWORK: Mapping[int, tuple[str, str, str]] = {
    400: (Malformed.type, Malformed.title, "The body is not JSON that can be read."),
    404: (NotFound.type, NotFound.title, "Nothing has this path. GET /docs shows what there is."),
    405: (
        "method_not_allowed",
        "The path does not know this method",
        "The header Allow names the methods that it knows. See GET /docs.",
    ),
    413: (
        "too_large",
        "The body is too large",
        (
            "The operator of this server sets how much it takes: LLMCHAT_MAX_BODY_BYTES, to be "
            "raised for larger images, which grow by a third as base64."
        ),
    ),
    426: (
        "upgrade_required",
        "This path is a WebSocket",
        "Open it as one: ws:// or wss://, with the subprotocol llmchat.v1. See docs/websocket.md.",
    ),
    415: (
        "unsupported_media_type",
        "The body is not declared as JSON",
        "Send JSON, with the header Content-Type: application/json.",
    ),
}
_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_REQUEST_ID = {
    "description": "Names the request in the server's log.",
    "schema": {"type": "string"},
}
_RETRY_AFTER = {
    "description": "In how many seconds another attempt may work.",
    "schema": {"type": "integer"},
}


def install(app: FastAPI) -> None:
    """Make every error of this app a problem."""
    app.add_exception_handler(LlmchatError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(Exception, _unexpected)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    return {status: _documented(status) for status in statuses}


def of_status(status: int, detail: str = "") -> Problem:
    """The problem of an error that has a status and no more."""
    type_, title, help_ = _FRAMEWORK.get(
        status, (Malformed.type, Malformed.title, detail or HTTPStatus(status).phrase)
    )
    return Problem(type_, title, status, help_)


def respond(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    request_id = request.scope.get("state", {}).get("request_id")
    all_headers = {"Cache-Control": "private, no-store", **(headers or {})}
    if request_id is not None:
        all_headers["X-Request-ID"] = request_id
    if problem.status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = 'Bearer realm="llmchat"'
    if problem.retry_after_seconds is not None:
        all_headers["Retry-After"] = str(max(1, round(problem.retry_after_seconds)))
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers["Retry-After"] = str(_RETRY_SECONDS)
    if openai.speaks(request.scope["path"]):
        all_headers |= openai.headers_of(problem)
        status = openai.status_of(problem)
        return Response(openai.encode(problem), status, all_headers, media_type=openai.MEDIA_TYPE)
    body = encode(problem, instance=_target(request), request_id=request_id)
    return Response(body, problem.status, all_headers, media_type=MEDIA_TYPE)


def encode(problem: Problem, *, instance: str | None, request_id: str | None) -> bytes:
    members = {**problem.as_json(), "instance": instance, "request_id": request_id}
    return orjson.dumps(members)


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, LlmchatError):
        raise error
    noted(request.app.state.onlooker, error)
    problem = error.problem()
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A model's server may quote the prompt in its errors: they are for who has written it.
        theirs = isinstance(error, ProviderError | GenerationFailed)
        said = {} if theirs else {"detail": error.detail}
        _log.warning("A request failed", path=_target(request), problem=problem.type, **said)
    headers = headers_of_error(error) if isinstance(error, RateLimited) else None
    return respond(request, problem, headers)


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return respond(request, of_status(400))
    in_body = any(item["loc"][:1] == ("body",) for item in found)
    if in_body and not _is_json(request):
        return respond(request, of_status(415))
    errors = [complaint_of(item) for item in found[:_MOST_ERRORS]]
    detail = "; ".join(f"{'.'.join(item['location'])}: {item['message']}" for item in errors)
    return respond(request, Problem(Invalid.type, Invalid.title, 422, detail, errors=errors))


async def _frameworks(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request)):
        headers["Allow"] = allowed
    return respond(request, of_status(error.status_code, str(error.detail)), headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    return respond(
        request, LlmchatError("The error is in the server's log, by the request id.").problem()
    )


def _target(request: Request) -> str:
    """The path as it was sent: decoded, it may hold what no URI may."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("ascii", "replace")


def _allowed(request: Request) -> str:
    """The framework names only the methods of the first route that has the path."""
    path = request.scope["path"]
    routes = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.methods and route.path_regex.match(path)
    ]
    # `/api/conversations/import` is no conversation of that name.
    routes = [route for route in routes if route.path == path] or routes
    return ", ".join(sorted({method for route in routes for method in route.methods or ()}))


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _documented(status: int) -> dict[str, Any]:
    description, problem = _EXPLAINED[status]
    example = {
        **problem.as_json(),
        "instance": "/api/…",
        "request_id": "req_8DmPJ2xkVq0a7BcD3eFgH1j",
    }
    found = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": _SCHEMA, "example": example}},
    }
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        found["headers"] = {"Retry-After": _RETRY_AFTER}
    return found


_EXPLAINED: Mapping[int, tuple[str, Problem]] = {
    400: ("The request cannot be read: no JSON, or no cursor of ours.", of_status(400)),
    401: (
        "No API key that this server knows.",
        Unauthenticated("The API key is not known, has expired or was revoked.").problem(),
    ),
    403: (
        "The key lacks the scope that this takes.",
        Forbidden("This takes the scope chat, and the key has read.").problem(),
    ),
    404: ("There is no such object.", NotFound("There is no such object.").problem()),
    409: (
        "The conversation already has a live generation; `generation_id` names it.",
        Busy("gen_8DmPJ3GkR5cV1wXyZ2aBcD4").problem(),
    ),
    410: (
        "The log is past its retention; the message is in the history.",
        LogGone("The log is kept for 24 hours.").problem(),
    ),
    413: ("The body is too large.", of_status(413)),
    415: ("The body is not declared as JSON.", of_status(415)),
    422: (
        "It can be read, but is not what was asked for; `errors` names each field that is wrong.",
        Problem(
            Invalid.type,
            Invalid.title,
            422,
            "body.content: Field required",
            errors=[{"location": ["body", "content"], "message": "Field required"}],
        ),
    ),
    429: (
        "Too many requests: `Retry-After` and `RateLimit-Reset` say when to come back.",
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
