"""From our errors, and the framework's, to problem details; the only exception handlers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from llmchat.errors import Invalid, LlmchatError, Malformed, Problem
from llmchat.web.schemas import ProblemShape

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 20

_FRAMEWORK: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "The body is not JSON, or the request is not HTTP as it should be."),
    404: ("not_found", "There is nothing here. GET /docs shows what there is."),
    405: ("method_not_allowed", "This path exists, but not for this method. See GET /docs."),
    413: ("too_large", "The body is larger than this server takes (LLMCHAT_MAX_BODY_BYTES)."),
    415: ("unsupported_media_type", "Send JSON, with the header Content-Type: application/json."),
}


def install(app: FastAPI) -> None:
    """Make every error of this app a problem."""
    app.add_exception_handler(LlmchatError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(Exception, _unexpected)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": ProblemShape.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def respond(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    request_id = request.scope.get("state", {}).get("request_id")
    members = {
        **problem.as_json(),
        "instance": request.url.path,
        "request_id": request_id,
    }
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if request_id is not None:
        all_headers["X-Request-ID"] = request_id
    if problem.retry_after_seconds is not None:
        all_headers["Retry-After"] = str(max(1, round(problem.retry_after_seconds)))
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers["Retry-After"] = "5"
    body = orjson.dumps(members)
    return Response(body, problem.status, all_headers, media_type=MEDIA_TYPE)


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, LlmchatError):
        raise error
    if error.problem().status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("A request failed", path=request.url.path, detail=error.detail)
    return respond(request, error.problem())


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return respond(request, _plain(400))
    in_body = any(item["loc"][:1] == ("body",) for item in found)
    if in_body and not _is_json(request):
        return respond(request, _plain(415))
    errors = [
        {"location": [str(part) for part in item["loc"]], "message": item["msg"]}
        for item in found[:_MOST_ERRORS]
    ]
    detail = "; ".join(f"{'.'.join(item['location'])}: {item['message']}" for item in errors)
    return respond(request, Problem(Invalid.type, Invalid.title, 422, detail, errors=errors))


async def _frameworks(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return respond(request, _plain(error.status_code, str(error.detail)), error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    return respond(
        request, LlmchatError("The error is in the server's log, by the request id.").problem()
    )


def _plain(status: int, detail: str = "") -> Problem:
    type_, explained = _FRAMEWORK.get(status, (Malformed.type, detail))
    return Problem(type_, HTTPStatus(status).phrase, status, explained)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
