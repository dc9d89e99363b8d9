"""What every request gets: an id, and headers that keep its answer where it belongs."""

import re
from dataclasses import replace

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmchat.ids import new_id
from llmchat.origin import ORIGIN

_GIVEN_ID = re.compile(rb"[0-9A-Za-z_.:-]{1,128}")
RAW_SEND = "raw_send"
"""The server's own `send`, in a scope's state."""
_USER_DATA = ("/api/", "/v1/")
# The second one refuses a socket.
_BEGINNINGS = frozenset({"http.response.start", "websocket.http.response.start"})
# What a browser may do with an answer that says nothing of its own: nothing.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RequestContext:
    """ASGI middleware, the outermost: gives the request an id, the caller's own if it is a decent
    one, puts it into the log lines and the answer, and marks answers with user data as private.

    Leaves the server's own `send` in the scope's state: no middleware need see each frame."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {}).update({"request_id": request_id, RAW_SEND: send})
        ORIGIN.set(replace(ORIGIN.get(), request_id=request_id))
        private = scope["path"].startswith(_USER_DATA)

        async def send_with_headers(message: Message) -> None:
            if message["type"] in _BEGINNINGS:
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if private:
                    headers.setdefault("Cache-Control", "private, no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_headers)


def handshake_of(scope: Scope) -> Request:
    """The GET that asks for a socket, for whoever looks at its headers."""
    return Request({**scope, "type": "http", "method": "GET"})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value, "ascii")
    return new_id("req")
