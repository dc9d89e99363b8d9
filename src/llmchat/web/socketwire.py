"""WebSockets as uvicorn speaks them, with bounds on what a client may send, or not read."""

import asyncio
import logging
import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

PATH = "/api/ws"
_READ_BYTES = 4096
_MOST_FRAGMENTS = 1024
_MOST_UNSENT_BYTES = 256 * 1024
_MOST_UNHEARD_PINGS = 1024
_CLOSE_SECONDS = 2.0
_KERNEL_BYTES = 64 * 1024
_REFUSED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
# The lines of uvicorn name the address with the ticket in it, those of its library every header.
_QUIET = logging.getLogger("websockets.server")


class BoundedSocket(WebSocketsSansIOProtocol):
    """A connection that has become a socket. uvicorn alone takes a whole packet of small messages
    at once, keeps fragments without end, answers pings to whoever reads none of the answers, takes
    for dead who sends faster than we take, and never lets go of a connection that is closed while
    its client has stopped reading."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = self.conn.logger = _QUIET
        self.conn.debug = False
        self._unread = bytearray()
        self._failed = False
        self._unheard_pings = 0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        # Else the kernel takes megabytes for a client that has stopped reading.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    def data_received(self, data: bytes) -> None:
        if not self._failed:
            self._unread += data
            self._read_on()

    def _read_on(self) -> None:
        """A little at a time: after a whole message, the rest waits until it has been taken."""
        while self._unread and not (self.read_paused or self._failed):
            data = bytes(self._unread[:_READ_BYTES])
            del self._unread[:_READ_BYTES]
            super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # More headers than its library takes: it says nothing, and would wait for ever.
            self.transport.write(_REFUSED)
            self.transport.close()

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        self._read_on()
        return message

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MOST_FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA)
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        # One long message may be more than that: who pings while it is on its way is no flood.
        unsent = self.transport.get_write_buffer_size() > _MOST_UNSENT_BYTES
        self._unheard_pings = self._unheard_pings + 1 if unsent else 0
        if self._unheard_pings > _MOST_UNHEARD_PINGS:
            self.transport.abort()
        else:
            super().handle_ping()

    def handle_parser_exception(self) -> None:
        """Says why, and reads on for a moment: what is closed with data unread is reset, and then
        nobody is told anything."""
        if self._failed:
            return
        self._failed = True
        close = self.conn.close_sent
        assert close is not None
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            # Also after a refusal, which uvicorn else takes for an application that said nothing.
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        if (self._unread or self.read_paused) and not self._failed:
            # Its answer may be behind what we have not taken yet: we are slow, and it is not dead.
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self._let_go()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._let_go()

    def _fail(self, code: CloseCode) -> None:
        self.frames = []
        self.conn.fail(code)
        self.handle_parser_exception()

    def _let_go(self) -> None:
        """A connection is closed when all was sent: not for as long as nobody reads it."""
        self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)
