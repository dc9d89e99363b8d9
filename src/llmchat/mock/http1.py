"""HTTP/1.1 by hand, so that a response can be wrong at any byte."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

JSON = "application/json"
BODY_BYTES_MAX = 64 << 20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was sent is not a request that this server reads."""

    status: int
    reason: str


async def read_request(reader: asyncio.StreamReader) -> Request | Refusal | None:
    """The next request of a connection, or None when the client has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        request = parse_head(head)
        if isinstance(request, Refusal):
            return request
        return await read_body(reader, request)
    except asyncio.LimitOverrunError:
        return Refusal(431, "the head of the request is too long")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def parse_head(head: bytes) -> Request | Refusal:
    request_line, *header_lines = head.decode("latin-1").split("\r\n")[:-2]
    match request_line.split(" "):
        case [method, target, "HTTP/1.1"]:
            path, _, query = target.partition("?")
        case _:
            return Refusal(400, "only HTTP/1.1 is spoken here")
    headers: dict[str, str] = {}
    for line in header_lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(method, path, headers, b"", query)


async def read_body(reader: asyncio.StreamReader, request: Request) -> Request | Refusal:
    if "transfer-encoding" in request.headers:
        return Refusal(411, "a request body needs a Content-Length")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return Refusal(400, "Content-Length is not a number")
    if int(length) > BODY_BYTES_MAX:
        return Refusal(413, "the body of the request is too long")
    body = await reader.readexactly(int(length))
    return replace(request, body=body)


def whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def pieces_of(size: int) -> Callable[[bytes], Iterable[bytes]]:
    def cut(data: bytes) -> Iterable[bytes]:
        return (data[start : start + size] for start in range(0, len(data), size))

    return cut


async def write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Raises ConnectionError when the client has left."""
    try:
        writer.write(data)
    except RuntimeError as error:
        # uvloop's word for a connection that was closed before anybody noticed.
        raise ConnectionResetError(str(error)) from error
    await writer.drain()


@dataclass(slots=True)
class Response:
    """One response; if it has not ended when its route returns, the connection is closed."""

    writer: asyncio.StreamWriter
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every response, whatever it is."""
    cut: Callable[[bytes], Iterable[bytes]] = field(default=whole)
    ended: bool = False
    switched: bool = False
    """What follows on this connection is another protocol."""

    async def switch(self, head: bytes) -> None:
        """Sends a response that says so."""
        await write(self.writer, head)
        self.ended = self.switched = True

    async def send_whole(
        self, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        length = {"content-length": str(len(body))}
        head = self._head(status, {"content-type": content_type} | length | dict(headers or {}))
        await write(self.writer, head + body)
        self.ended = True

    async def send_part(self, content_type: str, body: bytes, length: int) -> None:
        """Announces `length` bytes and sends only these."""
        head = self._head(200, {"content-type": content_type, "content-length": str(length)})
        await write(self.writer, head + body)

    async def start(self, content_type: str) -> None:
        """Opens a chunked response: `send` as often as wanted, then `end`."""
        head = self._head(200, {"content-type": content_type, "transfer-encoding": "chunked"})
        await write(self.writer, head)

    async def send(self, data: bytes) -> None:
        """One chunk for each piece that `cut` makes of the data."""
        # A chunk of no bytes would be the end of the response.
        for number, piece in enumerate(filter(None, self.cut(data))):
            if number:
                # Without a turn for the reader between them, pieces would reach it joined again.
                await asyncio.sleep(0)
            await write(self.writer, b"%x\r\n%b\r\n" % (len(piece), piece))

    async def send_half_a_chunk(self, data: bytes) -> None:
        await write(self.writer, b"%x\r\n%b" % (len(data), data[: len(data) // 2]))

    async def end(self) -> None:
        await write(self.writer, b"0\r\n\r\n")
        self.ended = True

    def reset(self) -> None:
        """Closes the connection with RST instead of FIN."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.writer.transport.abort()

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
