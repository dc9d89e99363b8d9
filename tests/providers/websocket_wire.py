"""A WebSocket that answers with the same bytes whatever it is asked."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from llmchat.mock.http1 import Request, read_request
from llmchat.tasks import TaskSet

# https://www.rfc-editor.org/rfc/rfc6455#section-1.3
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_READ_BYTES = 65_536

Split = Callable[[bytes], Iterable[bytes]]


@asynccontextmanager
async def websocket_wire(handshake: bytes, frames: bytes, split: Split) -> AsyncIterator[str]:
    """The URL. `frames` are sent when the client has asked, and then the connection ends. All is
    sent in the pieces that `split` makes of it."""
    tasks = TaskSet()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            request = await read_request(reader)
            assert isinstance(request, Request)
            accepted = _accepting(handshake, request.headers["sec-websocket-key"])
            await _send(writer, split(accepted))
            if frames and await reader.read(_READ_BYTES):
                await _send(writer, split(frames))
            writer.write_eof()
            # Closed with something unread, it would be reset, and what was sent might be lost.
            await reader.read()
            writer.close()
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = tasks.start(converse(reader, writer), name="websocket wire connection")
        connection.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/chat"
    finally:
        server.close()
        await tasks.cancel_all()
        await server.wait_closed()
        # The aborted sockets are closed a turn later.
        await asyncio.sleep(0)


def _accepting(handshake: bytes, key: str) -> bytes:
    if not handshake.startswith(b"HTTP/1.1 101"):
        return handshake
    digest = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest())
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + digest
    return handshake.removesuffix(b"\r\n") + upgrade + b"\r\n\r\n"


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
