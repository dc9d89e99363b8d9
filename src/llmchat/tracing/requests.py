"""A span for each request. It ends when the answer begins to stream: an open stream holds none."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from llmchat.origin import ORIGIN
from llmchat.tracing import names
from llmchat.tracing.places import behind_door, read, trace_id, written
from llmchat.web.accesslog import is_probe, opens_stream, place_of, route_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BEGINNINGS = ("http.response.start", "websocket.http.response.start")
_SERVER_ERROR = 500
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The conventions' word for what any caller could make up.
_OTHER = "_OTHER"


@dataclass(slots=True)
class _Answering:
    span: Span
    scope: Scope

    def see(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            return  # Of a stream, each frame comes by.
        if message["type"] in _BEGINNINGS:
            self._begins(message["status"])
        if message["type"] == "websocket.accept" or opens_stream(message):
            self.end()

    def fail(self, error: BaseException) -> None:
        self.span.set_attribute(names.ERROR, type(error).__name__)
        self.span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        if not self.span.is_recording():
            return
        method, route = _method(self.scope), route_of(self.scope)
        if route is not None:
            self.span.update_name(f"{method} {route}")
            self.span.set_attribute(names.ROUTE, route)
        else:
            # Without what could be a secret: nobody knows what it was meant for.
            self.span.set_attribute(names.PATH, place_of(self.scope))
        self.span.set_attribute(names.REQUEST, self.scope.get("state", {}).get("request_id", ""))
        self.span.end()

    def _begins(self, status: int) -> None:
        self.span.set_attribute(names.STATUS_CODE, status)
        if status >= _SERVER_ERROR:
            self.span.set_attribute(names.ERROR, str(status))
            self.span.set_status(Status(StatusCode.ERROR))


class TracedRequests:
    """ASGI middleware, the outermost. Probes have no span. A caller's own trace is gone on with."""

    def __init__(self, app: App, tracer: Callable[[], Tracer]) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_probe(scope):
            await self._app(scope, receive, send)
            return
        answering = _Answering(self._begin(scope), scope)

        async def send_and_see(message: Message) -> None:
            answering.see(message)
            await send(message)

        place = _enter(scope, answering.span)
        try:
            await self._app(scope, receive, send_and_see)
        except BaseException as error:
            answering.fail(error)
            raise
        finally:
            answering.end()
            context.detach(place)

    def _begin(self, scope: Scope) -> Span:
        method = _method(scope)
        return self._tracer().start_span(
            method,
            context=_caller_of(scope),
            kind=SpanKind.SERVER,
            attributes={names.METHOD: method, names.SCHEME: scope.get("scheme", "http")},
        )


def _enter(scope: Scope, span: Span) -> Any:
    """What is done for the request is done within its span; what is asked over a socket is not."""
    structlog.contextvars.bind_contextvars(trace_id=trace_id(span))
    if scope["type"] == "websocket":
        return context.attach(behind_door(span))
    ORIGIN.set(replace(ORIGIN.get(), traceparent=written(span)))
    return context.attach(trace.set_span_in_context(span))


def _caller_of(scope: Scope) -> context.Context:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return read(headers.get(b"traceparent"), headers.get(b"tracestate"))


def _method(scope: Scope) -> str:
    method = scope.get("method", "GET")
    return method if method in _METHODS else _OTHER
