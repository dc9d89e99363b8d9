"""Which names of this server are its own: a page elsewhere can give its own name our address."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from llmchat.problem import Problem
from llmchat.web import problems
from llmchat.web.requests import handshake_of

LOCAL = ("localhost", ".localhost")
"""The names of a server that only this machine can reach."""


class AllowedHosts:
    """ASGI middleware: refuses a request whose `Host` is none of `names`; one that begins with a
    dot stands for all names that end in it, `*` for any. Addresses and names without a dot are
    taken as well: no stranger can have them in the world's name servers."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._any = "*" in names
        self._exact = {name.lower() for name in names if not name.startswith(".")}
        self._endings = tuple(name.lower() for name in names if name.startswith("."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] in ("http", "websocket") and not self._any
        if asks and not self._knows(Headers(scope=scope).get("host", "")):
            request = handshake_of(scope) if scope["type"] == "websocket" else Request(scope)
            await problems.respond(request, _foreign())(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        name = _without_port(host)
        known = name in self._exact or name.endswith(self._endings)
        return known or "." not in name or _is_address(name)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    bare = name if colon and port.isdigit() and not name.endswith(":") else host
    return bare.lower().removesuffix(".")


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _foreign() -> Problem:
    return Problem(
        "unknown_host",
        "This server does not go by that name",
        421,
        "The header Host names another server. The operator lists the names of this one in "
        "LLMCHAT_ALLOWED_HOSTS.",
    )
