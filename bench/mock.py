"""The mock upstream: an OpenAI server of numbered tokens on raw sockets, paced by one timer."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

from bench.chunks import OPENING, chunk, ending, stamped_chunk
from bench.script import Script
from bench.serving import ports, serve
from bench.ticker import Ticker
from bench.tokens import STAMPED

SLICE = 64
"""Fast tokens per write: enough to cost little, few enough to keep the paced streams on time."""


class Stream:
    """One generation on its way out."""

    def __init__(self, connection: Connection, script: Script, with_usage: bool) -> None:
        self._connection = connection
        self._script = script
        self._with_usage = with_usage
        self.sent = 0
        self.live = True

    def open(self) -> None:
        self._connection.write(OPENING + chunk(0))
        self.sent = 1
        self._go_on()

    def _go_on(self) -> None:
        """Chooses between ending, the fast path and the wheel."""
        script = self._script
        if script.tokens and self.sent >= script.tokens:
            self.end()
        elif script.fast_from <= self.sent < script.fast_to:
            self._connection.loop.call_soon(self._send_slice)
        elif script.rate:
            self._connection.mock.ticker.add(script.rate, self._tick)

    def _tick(self) -> bool:
        if not self.live:
            return False
        self._connection.write(self._next())
        script = self._script
        goes_on = self.sent not in (script.tokens, script.fast_from)
        if not goes_on:
            self._go_on()
        return goes_on

    def _next(self) -> bytes:
        number = self.sent
        self.sent = number + 1
        return stamped_chunk(time.monotonic_ns()) if number == STAMPED else chunk(number)

    def _send_slice(self) -> None:
        if not self.live:
            return
        if self._connection.paused:
            self._connection.when_writable(self._send_slice)
            return
        stop = min(self._script.fast_to, self.sent + SLICE)
        self._connection.write(b"".join([self._next() for _ in range(self.sent, stop)]))
        self._go_on()

    def end(self) -> None:
        self.live = False
        self._connection.write(ending(self.sent, self._with_usage))
        self._connection.stream_ended()


class Mock:
    """What all connections share."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.ticker = Ticker(loop)
        self.streams: set[Stream] = set()

    def end_all(self) -> dict[str, float]:
        """Ends every live stream; the bench compares the count with what its readers got."""
        streams = list(self.streams)
        for stream in streams:
            stream.end()
        lag_ms, self.ticker.worst_lag_ns = self.ticker.worst_lag_ns / 1e6, 0
        tokens = sum(stream.sent for stream in streams)
        return {"streams": len(streams), "tokens": tokens, "worst_lag_ms": lag_ms}


class Connection(asyncio.Protocol):
    """One client of the mock: requests one after the other."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.loop = mock.loop
        self.paused = False
        self._when_writable: Callable[[], None] | None = None
        self._stream: Stream | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.live = False
            self.stream_ended()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        resume, self._when_writable = self._when_writable, None
        if resume:
            resume()

    def when_writable(self, resume: Callable[[], None]) -> None:
        """Calls back once the client has taken what it was sent."""
        self._when_writable = resume

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        url, body = self._url, self._body
        self._url = self._body = b""
        if url.endswith(b"/chat/completions"):
            self._start(json.loads(body))
        elif url == b"/bench/end":
            self._answer(self.mock.end_all())
        else:
            self._answer({"object": "list", "data": []})

    def _start(self, request: dict[str, object]) -> None:
        options = cast(dict[str, object], request.get("stream_options") or {})
        with_usage = bool(options.get("include_usage"))
        self._stream = Stream(self, Script.parse(str(request["model"])), with_usage)
        self.mock.streams.add(self._stream)
        self._stream.open()

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.write(head % len(body) + body)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def stream_ended(self) -> None:
        if self._stream is not None:
            self.mock.streams.discard(self._stream)
            self._stream = None


async def main() -> None:
    """Serves until it is killed."""
    gc.disable()  # a collection would show as a gap in every stream
    mock = Mock(asyncio.get_running_loop())
    await serve(lambda: Connection(mock), ports().own)


if __name__ == "__main__":
    uvloop.run(main())
