"""From what a service answers when it refuses, to our errors: the way back of web/problems.py."""

from collections.abc import Iterator
from dataclasses import fields
from math import inf
from typing import Any

import httpx2

from llmchat.errors import (
    Busy,
    Forbidden,
    Invalid,
    LlmchatError,
    LogGone,
    Malformed,
    NotFound,
    RateLimited,
    ShuttingDown,
    Unauthenticated,
    Unavailable,
)
from llmchat.problem import Problem

_MOST_RETRY_SECONDS = 86_400.0
_KNOWN = {field.name for field in fields(Problem)}
_KINDS = {"type": str, "title": str, "detail": str, "status": int}
_BY_STATUS: dict[int, type[LlmchatError]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    410: LogGone,
    429: Unavailable,
}


def refusal(response: httpx2.Response, where: str) -> LlmchatError:
    """The error of an answer that is no success; its body was read."""
    problem = _problem(response)
    retry_after = _retry_after(response)
    if problem is None:
        # Something between us and the service, or no service of ours at all.
        return _foreign(response.status_code, where, retry_after)
    if problem.retry_after_seconds is not None:
        retry_after = problem.retry_after_seconds
    return _error(problem, response.headers, retry_after)


def problem_of(members: Any) -> Problem:
    """A problem out of JSON; what a newer service adds to it is left out. Raises TypeError and
    ValueError for what is none."""
    known = {name: value for name, value in dict(members).items() if name in _KNOWN}
    if not all(isinstance(known.get(name), kind) for name, kind in _KINDS.items()):
        raise ValueError("its members are of other kinds")
    if not 0 <= (known.get("retry_after_seconds") or 0) < inf:
        raise ValueError("nobody can wait for so long")
    return Problem.from_json(known)


def _problem(response: httpx2.Response) -> Problem | None:
    try:
        return problem_of(response.json())
    except (ValueError, TypeError, RecursionError):
        return None


def _error(
    problem: Problem, headers: httpx2.Headers, retry_after: float | None
) -> LlmchatError:  # fmt: skip
    if problem.type == Busy.type:
        return Busy(problem.generation_id or "")
    if problem.type == ShuttingDown.type:
        return ShuttingDown()
    if problem.status == 429:
        limit, remaining = _number(headers, "limit"), _number(headers, "remaining")
        return RateLimited(
            problem.detail,
            limit=limit,
            remaining=remaining,
            retry_after_seconds=retry_after or 1,
            kind="requests",
        )
    return _kind(problem)(problem.detail, retry_after_seconds=retry_after)


def _kind(problem: Problem) -> type[LlmchatError]:
    for kind in _kinds(LlmchatError):
        if kind.type == problem.type and kind.__init__ is LlmchatError.__init__:
            return kind
    return _by_status(problem.status)


def _by_status(status: int) -> type[LlmchatError]:
    return _BY_STATUS.get(status, Unavailable if status >= 500 else Invalid)


def _kinds(root: type[LlmchatError]) -> Iterator[type[LlmchatError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _foreign(status: int, where: str, retry_after: float | None) -> LlmchatError:
    if 300 <= status < 400:
        return Invalid(f"{where} sends elsewhere ({status}). Give the address that it leads to.")
    sentence = f"{where} answered {status}, and not as llmchat does. Check the address."
    return _by_status(status)(sentence, retry_after_seconds=retry_after)


def _retry_after(response: httpx2.Response) -> float | None:
    said = response.headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit() and len(said) < 9):
        return None
    return min(float(said), _MOST_RETRY_SECONDS)


def _number(headers: httpx2.Headers, name: str) -> int:
    said = headers.get(f"ratelimit-{name}", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else 0
