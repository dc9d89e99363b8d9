"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before the body."""

import asyncio
from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from llmchat.errors import Malformed, Problem
from llmchat.ids import new_id
from llmchat.web import problems

_MOST_HEADER_BYTES = 64 * 1024

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


class BoundedHttp(HttpToolsProtocol):
    """A connection. uvicorn alone keeps a header in memory however long it gets, waits for its end
    for ever, and answers what it cannot read as plain text without a request id."""

    header_seconds = 15.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_header = self._asked = False
        self._header_bytes = 0
        self._patience = self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        super().data_received(data)
        if self._in_header and self._header_bytes > _MOST_HEADER_BYTES:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._header_bytes = 0
        self._patience.cancel()
        self._patience = self._be_patient()

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._patience.cancel()
        super().on_headers_complete()
        self._asked = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self._in_header:
            # uvicorn's own patience with an idle connection ends at the first byte of anything.
            self._patience = self._be_patient()

    def send_400_response(self, msg: str) -> None:
        self._refuse(_MALFORMED)

    def _be_patient(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.header_seconds, self._give_up)

    def _refuse(self, problem: Problem) -> None:
        self._patience.cancel()
        # In mid-answer, this would be taken for a part of it.
        if not self._in_answer() and not self.transport.is_closing():
            self.transport.write(_answer(problem, self.server_state.default_headers))
        self._in_header = False
        self.transport.close()

    def _give_up(self) -> None:
        if self._in_header:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _in_answer(self) -> bool:
        if not self._asked:
            return False
        begun = self.cycle.response_started and not self.cycle.response_complete
        return begun or bool(self.pipeline)


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
