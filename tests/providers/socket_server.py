"""A WebSocket that answers every request with the same messages, for what the mock does not say."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.server import ServerProtocol

from llmchat.prompts import Prompt
from llmchat.providers.websocket import WebSocketProvider
from llmchat.providers.websocket_dialect import Dialect
from llmchat.tasks import TaskSet
from tests.providers.asking import KEY, Heard, listen, prompt

Message = dict[str, Any] | str | bytes | Sequence[str]
"""An object is sent as JSON, a list of texts as the fragments of one message."""
READ_BYTES = 65_536
DONE: dict[str, Any] = {"done": True}


@dataclass(slots=True)
class Served:
    """`requests` are the frames that came so far, `handshakes` the headers of each connection."""

    url: str
    requests: list[Any] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    said: asyncio.Event = field(default_factory=asyncio.Event)
    """All messages of the first answer were sent."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has gone."""
    codes: list[int | None] = field(default_factory=list)
    """How it said goodbye, once for each connection."""


@asynccontextmanager
async def serving(
    *messages: Message, code: int | None = 1000, reason: str = ""
) -> AsyncIterator[Served]:
    """Closes with `code` behind the messages; without one, it waits until the client leaves."""

    async def converse(socket: ServerConnection) -> None:
        assert socket.request is not None
        served.handshakes.append(dict(socket.request.headers.raw_items()))
        with suppress(ConnectionClosed):
            served.requests.append(json.loads(await socket.recv()))
            for message in messages:
                await socket.send(json.dumps(message) if isinstance(message, dict) else message)
            served.said.set()
            if code is not None:
                await socket.close(code, reason)
        await socket.wait_closed()
        served.codes.append(socket.close_code)
        served.left.set()

    async with serve(converse, "127.0.0.1", 0, compression=None) as server:
        (listening,) = server.sockets
        served = Served(f"ws://127.0.0.1:{listening.getsockname()[1]}/chat")
        yield served


def socket_at(
    url: str,
    *,
    api_key: str | None = KEY,
    headers: dict[str, str] | None = None,
    models: Sequence[str] = (),
    dialect: Dialect | None = None,
    metadata: dict[str, Any] | None = None,
    streams: bool = True,
    ping_seconds: float = 20,
) -> WebSocketProvider:
    """A provider called `mine` at this address."""
    return WebSocketProvider(
        "mine",
        url=url,
        api_key=api_key,
        headers=headers or {},
        models=models,
        dialect=dialect,
        metadata=metadata,
        streams=streams,
        ping_seconds=ping_seconds,
    )


async def hear(
    *messages: Message,
    to: Prompt | None = None,
    code: int | None = 1000,
    reason: str = "",
    **settings: Any,
) -> tuple[Heard, Served]:
    """The answer of such a server, and what it was asked."""
    async with serving(*messages, code=code, reason=reason) as served:
        heard = await listen(socket_at(served.url, **settings), to or prompt("m"))
    return heard, served


@asynccontextmanager
async def staying(
    answer: bytes, *, reads: bool = True, waits: bool = True
) -> AsyncIterator[Served]:
    """Sends these bytes behind a handshake, or waits for the request before, and stays until the
    client has cut the connection."""
    tasks = TaskSet()
    served = Served("")

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        served.handshakes.append(dict(request.headers.raw_items()))
        protocol.send_response(protocol.accept(request))
        writer.write(b"".join(protocol.data_to_send()) + (b"" if waits else answer))
        if not reads:
            await asyncio.get_running_loop().create_future()
        with suppress(ConnectionError):
            if waits:
                await reader.read(READ_BYTES)
                writer.write(answer)
            while await reader.read(READ_BYTES):
                pass
        served.left.set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = tasks.start(converse(reader, writer), name="staying")
        connection.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    served.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/chat"
    try:
        yield served
    finally:
        server.close()
        await tasks.cancel_all()
        await server.wait_closed()
