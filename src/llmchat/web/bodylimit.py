"""How large the body of a request may be, whether or not it says so beforehand."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmchat.web import problems

_TOO_LARGE = 413


class BodyLimit:
    """ASGI middleware: refuses a larger body, before it is read when its length is declared.

    The framework's own limit answers as plain text, before a request has its id."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_bytes(scope) > self._max_bytes:
            refusal = problems.respond(Request(scope), problems.of_status(_TOO_LARGE))
            await refusal(scope, receive, send)
            return
        taken = 0

        async def receive_within_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(_TOO_LARGE)
            return message

        await self._app(scope, receive_within_limit, send)


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0
