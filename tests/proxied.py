"""One connection through a proxy: what is under way in it, and what faults do to that."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

Direction = Literal["to_server", "to_client"]
DIRECTIONS: tuple[Direction, ...] = ("to_server", "to_client")

_RESET_INSTEAD_OF_CLOSE = struct.pack("ii", 1, 0)
_END = b""


@dataclass(slots=True)
class Faults:
    """What is wrong now, by direction, with every connection."""

    latency_seconds: dict[Direction, float] = field(default_factory=dict)
    swallowed: set[Direction] = field(default_factory=set)


class Line:
    """One direction: the pieces that are under way, in order, and when each is due."""

    def __init__(
        self,
        direction: Direction,
        faults: Faults,
        source: "Side",
        sink: "Side",
        on_end: Callable[[], None],
    ) -> None:
        self.has_lost = False
        self.ended = False
        self._direction = direction
        self._faults = faults
        self._source = source
        self._sink = sink
        self._on_end = on_end
        self._under_way: deque[tuple[float, bytes]] = deque()

    @property
    def swallows(self) -> bool:
        return self._direction in self._faults.swallowed

    def put(self, data: bytes) -> None:
        """Take a piece; the empty one is the end."""
        now = asyncio.get_running_loop().time()
        due_at = now + self._faults.latency_seconds.get(self._direction, 0)
        self._under_way.append((due_at, data))
        if len(self._under_way) == 1:
            self._deliver()

    def hold(self, *, held: bool) -> None:
        """Read no more before its reader has caught up."""
        transport = self._source.transport
        if transport is not None and not transport.is_closing():
            (transport.pause_reading if held else transport.resume_reading)()

    def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        while self._under_way:
            due_at, data = self._under_way[0]
            if due_at > loop.time():
                loop.call_at(due_at, self._deliver)
                return
            self._under_way.popleft()
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        transport = self._sink.transport
        if self.swallows:
            self.has_lost = True
        elif transport is not None and not transport.is_closing():
            if data == _END:
                transport.write_eof()
                self.ended = True
                self._on_end()
            else:
                transport.write(data)


class Side(asyncio.Protocol):
    """One end: the client's socket, or the one to the server."""

    def __init__(self, connection: "Connection") -> None:
        self.transport: asyncio.Transport | None = None
        self.outgoing: Line
        self.incoming: Line
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._connection.opened(self)

    def data_received(self, data: bytes) -> None:
        self.outgoing.put(data)

    def eof_received(self) -> bool:
        self.outgoing.put(_END)
        # The other direction may still have something to say.
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            return
        if self.outgoing.swallows:
            self.outgoing.has_lost = True
        else:
            self._connection.reset()

    def pause_writing(self) -> None:
        self.incoming.hold(held=True)

    def resume_writing(self) -> None:
        self.incoming.hold(held=False)

    def reset(self) -> None:
        """RST, whatever was still to be sent."""
        if self.transport is not None and not self.transport.is_closing():
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_INSTEAD_OF_CLOSE)
            self.transport.abort()


class Connection:
    """A client's, and the one to the server that is made for it; without that it is silent."""

    def __init__(self, faults: Faults, on_end: Callable[["Connection"], None]) -> None:
        self.client, self.server = Side(self), Side(self)
        self._to_server = Line("to_server", faults, self.client, self.server, self._line_ended)
        self._to_client = Line("to_client", faults, self.server, self.client, self._line_ended)
        self.client.outgoing = self.server.incoming = self._to_server
        self.server.outgoing = self.client.incoming = self._to_client
        self._on_end = on_end
        self._is_reset = False

    @property
    def has_lost(self) -> bool:
        """Whether anything of it was swallowed."""
        return self._to_server.has_lost or self._to_client.has_lost

    async def connect(self, target_port: int) -> None:
        """Make the connection to the server, or reset the client's."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, "127.0.0.1", target_port)
        except OSError:
            self.reset()

    def be_silent(self) -> None:
        """Have no server: what was to begin it is lost."""
        self._to_server.has_lost = True

    def opened(self, side: Side) -> None:
        """A side has its socket; before both have, what the client sends stays with the kernel."""
        if self._is_reset:
            side.reset()
        elif side is self.server:
            self._to_server.hold(held=False)
        elif self.server.transport is None and not self.has_lost:
            self._to_server.hold(held=True)

    def reset(self) -> None:
        """RST to both sides."""
        self._is_reset = True
        self.client.reset()
        self.server.reset()
        self._on_end(self)

    def _line_ended(self) -> None:
        if self._to_server.ended and self._to_client.ended:
            for side in (self.client, self.server):
                assert side.transport is not None
                side.transport.close()
            self._on_end(self)
