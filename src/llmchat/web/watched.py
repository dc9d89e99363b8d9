"""Who watches what the doors do: each answer as it begins, and each refusal."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmchat.errors import RateLimited


class Onlooker(Protocol):
    """Is told on the event loop. No method waits."""

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """An answer begins, so many seconds behind its request. `route` is the template of its
        path; None where no route was found. A socket that is opened has the status 101."""
        ...

    def refused(self, limit: str) -> None:
        """A limit keeps a caller from something; which, as in RateLimited."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What `text` gives for an Accept header, and its media type. Who may read it: an `admin`, or
    with `open` anybody; with the token, whoever has that."""

    text: Callable[[str], Awaitable[tuple[bytes, str]]]
    shown_to: Literal["admin", "open", "off"]
    token: SecretStr | None


class Watched:
    """ASGI middleware: times each request until its answer begins. A stream goes on for as long as
    its reader stays, which says nothing about the service."""

    def __init__(self, app: ASGIApp, onlooker: Onlooker) -> None:
        self._app = app
        self._onlooker = onlooker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        told = False

        def tell(status: int) -> None:
            nonlocal told
            if not told:
                told = True
                seconds = time.perf_counter() - began
                self._onlooker.answered(scope.get("method", "GET"), _route(scope), status, seconds)

        async def send_and_tell(message: Message) -> None:
            status = _status(message)
            if status is not None:
                tell(status)
            await send(message)

        try:
            await self._app(scope, receive, send_and_tell)
        except Exception:
            # Whoever answers this stands further out.
            tell(500)
            raise


def noted(onlooker: Onlooker, error: Exception) -> None:
    """An error that is on its way to a caller: refusals are counted, whichever door it is."""
    if isinstance(error, RateLimited):
        onlooker.refused(error.kind)


def _status(message: Message) -> int | None:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return 101
    return None


def _route(scope: Scope) -> str | None:
    route = scope.get("route")
    found: str | None = getattr(route, "path_format", None) or getattr(route, "path", None)
    # What is mounted has no route, and begins there.
    return found or scope.get("root_path") or None
