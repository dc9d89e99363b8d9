"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before the body and on slow senders."""

import asyncio
from collections.abc import Sequence

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from llmchat.errors import Malformed
from llmchat.ids import new_id
from llmchat.problem import Problem
from llmchat.web import problems
from llmchat.web.socketwire import PATH

_SOCKETS = PATH.encode()
_MOST_HEADER_BYTES = 64 * 1024
_VERSIONS = frozenset({"1.0", "1.1"})

_MALFORMED = Problem(Malformed.type, Malformed.title, 400, "This is not HTTP/1.1 as it should be.")
_TOO_LARGE = Problem(
    "header_too_large",
    "The header of the request is too large",
    431,
    f"This server takes {_MOST_HEADER_BYTES} bytes.",
)
_TOO_SLOW = Problem(
    "header_timeout",
    "The header of the request took too long",
    408,
    "This server waits some seconds for it.",
)
_BODY_TOO_SLOW = Problem(
    "body_timeout",
    "The body of the request stopped before its end",
    408,
    "Nothing of it came for as long as this server waits. Send it again on a new connection; the "
    "operator sets how long that is: LLMCHAT_BODY_SECONDS.",
)


class BoundedHttp(HttpToolsProtocol):
    """A connection. uvicorn alone keeps a header in memory however long it gets, waits for its end
    and for that of a body for ever, takes what stands behind a body for headers, and answers what
    it cannot read as plain text without a request id."""

    header_seconds = 15.0
    body_seconds = 30.0
    """How long a sender may pause within a body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_header = self._in_body = self._asked = False
        self._answered: RequestResponseCycle | None = None
        self._header_bytes = 0
        self._patience = self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        if self._answered is not None and not self._answered.response_complete:
            # uvicorn tells only the last request, and this one's answer would go on for nobody.
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        super().data_received(data)
        # In a body: what is none of it, extensions of a chunk or headers behind the last one.
        if (self._in_header or self._in_body) and self._header_bytes > _MOST_HEADER_BYTES:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._header_bytes = 0
        self._patience.cancel()
        self._patience = self._be_patient()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What was let in or refused by its headers gets no other ones behind its body.
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() not in _VERSIONS:
            raise httptools.HttpParserError("The parser takes HTTP/0.9 and 2.0 for 1.1.")
        self._in_header = False
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        self._asked = self._in_body = True
        self._wait_for_body()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._header_bytes = 0
        if not (self._is_free() or self.parser.should_upgrade()):
            self._wait_for_body()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        self._in_body = False
        self._patience.cancel()
        if self.cycle.response_complete:
            self._patience = self._be_patient()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not (self._in_header or self._in_body):
            # uvicorn's own patience with an idle connection ends at the first byte of anything.
            self._patience = self._be_patient()

    def _should_upgrade(self) -> bool:
        """Only where there are sockets, and not in mid-answer: any other request that says so is
        one like all, as RFC 9110 has it."""
        path = self.url.split(b"?")[0]
        asks = self.scope["method"] == "GET" and path == _SOCKETS and self.url.isascii()
        return asks and self._is_free() and bool(super()._should_upgrade())

    def _is_free(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def handle_websocket_upgrade(self) -> None:
        self._patience.cancel()
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        self._refuse(_MALFORMED)

    def _be_patient(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.header_seconds, self._give_up)

    def _wait_for_body(self) -> None:
        self._patience.cancel()
        self._patience = self.loop.call_later(self.body_seconds, self._give_up)

    def _refuse(self, problem: Problem) -> None:
        self._patience.cancel()
        # In mid-answer, this would be taken for a part of it.
        if not self._in_answer() and not self.transport.is_closing():
            self.transport.write(_answer(problem, self.server_state.default_headers))
        self._in_header = self._in_body = False
        self.transport.close()

    def _give_up(self) -> None:
        if self._in_header:
            self._refuse(_TOO_SLOW)
        elif self._in_body and self.flow.read_paused:
            # The one who waits is the sender.
            self._wait_for_body()
        elif self._in_body:
            self._refuse(_BODY_TOO_SLOW)
        else:
            self.transport.close()

    def _in_answer(self) -> bool:
        if not self._asked:
            return False
        # An answer may be complete before the body is: then it was the only one to this request.
        complete = self.cycle.response_complete and not self._in_body
        return (self.cycle.response_started and not complete) or bool(self.pipeline)


def patient_http(body_seconds: float) -> type[BoundedHttp]:
    """Connections that wait so long for more of a body; uvicorn wants to make them itself."""
    return type("PatientHttp", (BoundedHttp,), {"body_seconds": body_seconds})


def _answer(problem: Problem, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    request_id = new_id("req")
    body = problems.encode(problem, instance=None, request_id=request_id)
    headers = [
        *default_headers,
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body])
