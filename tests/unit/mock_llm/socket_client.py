"""A client of the mock's WebSocket, by the library `websockets`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.raw_http import PATIENCE_SECONDS
from tests.upstream import OptionValue, Upstream, mock_model


@dataclass
class Told:
    """All messages of one answer, and the close code when the connection has ended."""

    messages: list[str | bytes] = field(default_factory=list)
    code: int | None = None
    clean: bool = False

    @property
    def frames(self) -> list[dict[str, Any]]:
        found = []
        for message in self.messages:
            with suppress(ValueError):
                found.append(json.loads(message))
        return found

    def text(self, style: str = "delta") -> str:
        joined = "".join(frame.get(style, "") for frame in self.frames)
        return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@asynccontextmanager
async def connected(upstream: Upstream, query: str = "") -> AsyncIterator[ClientConnection]:
    url = upstream.websocket_url + (f"?fail={query}" if query else "")
    async with connect(url, proxy=None, max_size=None, ping_interval=None) as socket:
        yield socket


async def say(socket: ClientConnection, model: str | None, *, stream: bool = True) -> None:
    question: dict[str, Any] = {"message": "hello there", "settings": {"stream": stream}}
    await socket.send(json.dumps(question | ({} if model is None else {"model": model})))


async def hear(socket: ClientConnection, told: Told | None = None) -> Told:
    """Up to the last frame of an answer, or the end of the connection."""
    told = told or Told()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (told.frames and ends(told.frames[-1])):
                told.messages.append(await socket.recv())
    except ConnectionClosed as closed:
        told.code = None if closed.rcvd is None else closed.rcvd.code
        told.clean = closed.rcvd is not None
    return told


def ends(frame: dict[str, Any]) -> bool:
    return bool(frame.get("done") or frame.get("finish_reason"))


async def ask(upstream: Upstream, *, stream: bool = True, **options: OptionValue) -> Told:
    async with connected(upstream) as socket:
        await say(socket, mock_model("story", **options), stream=stream)
        return await hear(socket)


@asynccontextmanager
async def plain(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield reader, writer
    finally:
        writer.close()
