"""A server's refusal as one of our errors, in a sentence that says what to do about it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from llmchat.errors import (
    ProviderError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)

# What servers write into `type` and `code`, when they do not put the HTTP status there.
_STATUS_OF_WORDS = {
    "rate_limit": 429,
    "insufficient_quota": 429,
    "api_key": 401,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "invalid_request": 400,
    "server_error": 500,
    "api_error": 500,
    "overloaded": 503,
    "unavailable": 503,
    "timeout": 503,
}
_PLACES_OF_A_MESSAGE = ("error", "message", "detail", "msg")
_MOST_FIELD_CHARS = 100
_PASSING_STATUSES = frozenset({408, 409, 425})


class Refused(UpstreamRejected):
    """The request itself is refused: `said` is why, in the server's words, of whatever length."""

    said = ""
    http_status = 400


class NotThere(Refused):
    """What was named is unknown to the server, or not any more."""


def refusal(
    where: str,
    status: int,
    said: str,
    *,
    headers: Mapping[str, str] | None = None,
    has_key: bool = True,
) -> ProviderError:
    """The error for a status that is no success. What the server itself said comes last: it may be
    long, and is cut there."""
    headers = headers or {}
    if status == 429 or status >= 500 or status in _PASSING_STATUSES:
        return _not_now(where, status, said, retry_after_seconds(headers))
    if status in (401, 403):
        return _unauthorized(where, status, said, has_key=has_key)
    if status < 400:
        place = headers.get("location", "another place")
        return UpstreamRejected(
            f"{where} sends its callers to {place} ({status}), and following would take the API "
            "key there. If that is right, make it the base URL."
        )
    if status == 404:
        advice = (
            "does not know the model or the path (404): GET /api/llm/models lists the models, and "
            "a base URL usually ends in /v1."
        )
    else:
        advice = f"refused the request ({status}) and will refuse it again: change it."
    refused = (NotThere if status == 404 else Refused)(f"{where} {advice} It said: {said}")
    refused.said, refused.http_status = said, status
    return refused


def _not_now(where: str, status: int, said: str, wait_seconds: float | None) -> ProviderError:
    if status == 429:
        return UpstreamRateLimited(
            f"{where} asks to slow down (429): wait, or raise the account's limit. It said: {said}",
            retry_after_seconds=wait_seconds,
        )
    return UpstreamUnavailable(
        f"{where} failed with {status}; try again in a moment. It said: {said}",
        retry_after_seconds=wait_seconds,
    )


def _unauthorized(where: str, status: int, said: str, *, has_key: bool) -> ProviderError:
    if status == 403:
        return UpstreamUnauthorized(
            f"{where} forbids this (403): check what the API key may do. It said: {said}"
        )
    # Its text is left out: it often quotes a part of the key.
    return UpstreamUnauthorized(
        f"{where} refused the API key (401): check the key."
        if has_key
        else f"{where} wants an API key (401), and the settings have none for it."
    )


def error_in(body: Mapping[str, Any]) -> ProviderError:
    """The error that a frame or a 200 body carries: `{"error": {message, type, code}}`, or less."""
    error = body.get("error") or body
    if not isinstance(error, Mapping):
        error = {"message": error}
    return refusal("The model's server", status_in(error) or 400, said_in(body))


def said_by(body: bytes) -> str:
    """The sentence for people in the body of an error."""
    try:
        return said_in(orjson.loads(body))
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def said_in(body: object) -> str:
    """The same, wherever servers put it in their JSON, with the field that it is about."""
    field = ""
    while isinstance(body, Mapping | list):
        if isinstance(body, Mapping):
            field = _field_in(body) or field
        parts = body if isinstance(body, list) else map(body.get, _PLACES_OF_A_MESSAGE)
        body = next(filter(None, parts), "nothing that can be read")
    return str(body) if field in str(body) else f"{body} ({field})"


def _field_in(error: Mapping[str, Any]) -> str:
    """OpenAI names it in `param`, those who check requests by Pydantic in `loc`."""
    if isinstance(param := error.get("param"), str):
        return param[:_MOST_FIELD_CHARS]
    loc = error.get("loc")
    steps = [str(step) for step in loc if step != "body"] if isinstance(loc, list) else []
    return ".".join(steps)[:_MOST_FIELD_CHARS]


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to be left alone: as milliseconds, as seconds or as a date."""
    for name, unit_seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if name in headers:
            seconds = _seconds(headers[name], unit_seconds)
            if seconds is not None and math.isfinite(seconds):
                return max(0.0, seconds)
    return None


def _seconds(value: str, unit_seconds: float) -> float | None:
    try:
        return float(value) * unit_seconds
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # A date that names no zone is in GMT, as all dates of HTTP.
    zoned = date if date.tzinfo else date.replace(tzinfo=UTC)
    return (zoned - datetime.now(UTC)).total_seconds()


def status_in(error: Mapping[str, Any]) -> int | None:
    """The HTTP status in what a server writes into the fields of an error, if there is one."""
    found = (error.get(name) for name in ("code", "status", "type"))
    words = [str(word).lower() for word in found if isinstance(word, int | str)]
    for word in words:
        if len(word) == 3 and word.isdecimal() and 400 <= int(word) < 600:
            return int(word)
    kind = " ".join(words)
    return next((status for part, status in _STATUS_OF_WORDS.items() if part in kind), None)
