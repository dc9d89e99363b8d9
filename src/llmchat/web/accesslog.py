"""The access log: a line for each request, two for what stays open; no secret of an address."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmchat.web.requests import handshake_of

_log = structlog.get_logger(__name__)

EVENTS_SENT = "events_sent"
"""How many a stream has sent, in a scope's state: its frames pass no middleware."""
_OPENED = {"http": "A stream was opened", "websocket": "A socket was opened"}
_PROBES = ("/health", "/metrics")
# One visit of the page asks for dozens of them, and would bury the line that somebody looks for.
_FILES = "/static/"
_STREAM = b"text/event-stream"
_MOST_PATH_CHARS = 200
_FAILED = 500
_ID = re.compile(r"(conv|gen|msg|key)_[0-9A-Za-z_-]{1,60}")
# Whatever is longer than a word may be a secret that was put into the wrong place.
_WORD = re.compile(r"[0-9A-Za-z_.~-]{1,24}")
_IDS = {"conv": "conversation_id", "gen": "generation_id", "msg": "message_id"}


@dataclass(slots=True)
class _Seen:
    """What has been sent of an answer."""

    began_at: float = field(default_factory=time.perf_counter)
    status: int | None = None
    bytes: int = 0
    stays_open: bool = False
    frames_in: int = 0
    frames_out: int = 0


class AccessLog:
    """ASGI middleware, inside of what names the request. Also of what was refused or has failed;
    whoever left before an answer began has no status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        seen = _Seen()

        async def send_and_see(message: Message) -> None:
            was_open = seen.stays_open
            _see(seen, message)
            if seen.stays_open and not was_open:
                _log.info(_OPENED[scope["type"]], **_fields(scope, seen))
            await send(message)

        async def receive_and_see() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                seen.frames_in += 1
            return message

        try:
            await self._app(
                scope, receive_and_see if scope["type"] == "websocket" else receive, send_and_see
            )
        except Exception:
            # Answered further out, where nothing is seen of it.
            seen.status = seen.status or _FAILED
            raise
        finally:
            _tell(scope, seen)


def opens_stream(message: Message) -> bool:
    """Whether an answer begins with it that stays open."""
    headers = message.get("headers", ()) if message["type"] == "http.response.start" else ()
    return any(name == b"content-type" and value.startswith(_STREAM) for name, value in headers)


def is_probe(scope: Scope) -> bool:
    """What machines ask every few seconds, for ever."""
    path: str = scope["path"]
    return path.startswith(_PROBES)


def _see(seen: _Seen, message: Message) -> None:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            seen.status = message["status"]
            seen.stays_open = opens_stream(message)
        case "http.response.body" | "websocket.http.response.body":
            seen.bytes += len(message.get("body", b""))
        case "websocket.accept":
            seen.status, seen.stays_open = 101, True
        case "websocket.send":
            seen.frames_out += 1


def _tell(scope: Scope, seen: _Seen) -> None:
    fields = {**_fields(scope, seen), "seconds": round(time.perf_counter() - seen.began_at, 3)}
    if scope["type"] == "websocket" and seen.stays_open:
        told = {"frames_in": seen.frames_in, "frames_out": seen.frames_out}
        _log.info("A socket was closed", **fields, **told)
    elif seen.stays_open:
        _log.info("A stream has ended", **fields, events=scope["state"].get(EVENTS_SENT, 0))
    else:
        is_file: bool = scope["path"].startswith(_FILES)
        log = _log.debug if is_file or is_probe(scope) else _log.info
        log("A request was answered", **fields, bytes=seen.bytes)


def _fields(scope: Scope, seen: _Seen) -> Mapping[str, object]:
    return {
        "method": scope.get("method", "GET"),
        "path": place_of(scope),
        **_ids_of(scope),
        "status": seen.status,
        "client": _address_of(scope),
    }


def place_of(scope: Scope) -> str:
    """The route, which has no secret; else the path, without what could be one."""
    if (route := route_of(scope)) is not None:
        return route
    shown = (part if _is_harmless(part) else "…" for part in scope["path"].split("/"))
    return "/".join(shown)[:_MOST_PATH_CHARS]


def route_of(scope: Scope) -> str | None:
    """As it was written down, such as /api/generations/{id}; None for what is not there."""
    template = getattr(scope.get("route"), "path_format", None)
    if template:
        return str(template)
    # The framework does not name a route that it does not know the parameters of.
    named = {value: f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    if not named:
        return None
    return "/".join(named.get(part, part) for part in scope["path"].split("/"))


def _is_harmless(part: str) -> bool:
    return not part or bool(_WORD.fullmatch(part) or _ID.fullmatch(part))


def _ids_of(scope: Scope) -> Mapping[str, str]:
    given = scope.get("path_params", {}).values()
    found = (value for value in given if isinstance(value, str) and _ID.fullmatch(value))
    return {_IDS[kind]: id for id in found if (kind := id.partition("_")[0]) in _IDS}


def _address_of(scope: Scope) -> str | None:
    services = getattr(scope["app"].state, "services", None) if "app" in scope else None
    if services is None:
        return scope["client"][0] if scope.get("client") else None
    request = Request(scope) if scope["type"] == "http" else handshake_of(scope)
    address: str = services.door.address_of(request)
    return address
