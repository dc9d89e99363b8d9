"""The bare relay: the least that Python can do between a model and a reader; nothing is kept."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
import uvloop

from bench.serving import HOST, ports, serve

RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
)
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


class Upstream(asyncio.Protocol):
    """One reader's connection to the model."""

    def __init__(self, reader: Reader, body: bytes) -> None:
        self._reader = reader
        self._request = REQUEST % (len(body), body)
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._reader.write(b"%x\r\n%s\r\n" % (len(body), body))

    def on_message_complete(self) -> None:
        self._reader.write(b"0\r\n\r\n")
        self.close()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def close(self) -> None:
        self._transport.close()


class Reader(asyncio.Protocol):
    """One client of the relay."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._upstream: Upstream | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._upstream is not None:
            self._upstream.close()

    def pause_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.pause_reading()

    def resume_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.resume_reading()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport.write(RESPONSE)
        _, self._upstream = await loop.create_connection(
            lambda: Upstream(self, self._body), HOST, self._upstream_port
        )
        if self._transport.is_closing():
            self._upstream.close()

    def write(self, data: bytes) -> None:
        self._transport.write(data)


async def main() -> None:
    """Serves until it is killed."""
    here = ports()
    await serve(lambda: Reader(here.upstream), here.own)


if __name__ == "__main__":
    uvloop.run(main())
