"""What a request is known by in log lines and traces, also when its work outlives it or goes on
elsewhere."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """`request_id` stands in the log lines of the request; `traceparent` is its span, as W3C Trace
    Context writes one. None where there is none."""

    request_id: str | None = None
    traceparent: str | None = None


NO_REQUEST = Origin()

ORIGIN: ContextVar[Origin] = ContextVar("origin", default=NO_REQUEST)
"""Of the request that is being answered. Work that it begins is stored with it."""

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""Goes as a header with every request to a model's server, which then knows its place in the trace.
"""
