"""The readers of the load client: one verifies every token as it comes, one only fetches."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import cast

import httptools

from bench.calls import Endpoint
from bench.serving import HOST
from bench.tokens import Sequence, TokenError

CONNECT_SECONDS = 20.0
NEVER = sys.maxsize
SHOWN_BYTES = 200
"""As much of a failed stream's end as an error quotes."""


class ReadError(Exception):
    """A stream ended early, with a failure, or with a status that is not 200."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a frame has its text, and how a stream says that it is complete."""

    text: bytes
    complete: bytes


OPENAI = Dialect(text=b'"content":"', complete=b"data: [DONE]")
LLMCHAT = Dialect(text=b'"text":"', complete=b'"status":"complete"')


class Frames:
    """Takes a stream's body piece by piece; looks only for text and the end, in whole lines."""

    __slots__ = ("_dialect", "_rest", "complete", "data_lines", "sequence")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._rest = b""
        self.sequence = Sequence()
        self.complete = False
        self.data_lines = 0

    def feed(self, body: bytes) -> None:
        data = self._rest + body if self._rest else body
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        at = 0
        marker = self._dialect.text
        while (found := data.find(marker, at, end)) >= 0:
            start = found + len(marker)
            at = data.index(b'"', start)
            self.data_lines += 1
            if at > start:
                self.sequence.feed(data[start:at])
        if data.find(self._dialect.complete, at, end) >= 0:
            self.complete = True


class Reader(asyncio.Protocol):
    """Follows one generation to its end."""

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self.endpoint = endpoint
        self._parser = httptools.HttpResponseParser(self)
        self.frames = Frames(dialect)
        self.sequence = self.frames.sequence
        self.error: Exception | None = None
        self.asked_ns = 0
        self.ended = asyncio.get_running_loop().create_future()
        self._last_body = b""
        self._milestone = NEVER
        self._at_milestone = self.ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.asked_ns = time.monotonic_ns()
        self._transport.write(self.endpoint.request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as failed:
            self._finish(cast(Exception, failed.__context__ or failed))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            raise ReadError(f"status {self._parser.get_status_code()}")

    def on_body(self, body: bytes) -> None:
        self._last_body = body
        self.frames.feed(body)
        if self.sequence.count >= self._milestone:
            self._pass_milestone()

    def on_message_complete(self) -> None:
        last = self._last_body[-SHOWN_BYTES:].decode(errors="replace")
        self._finish(None if self.frames.complete else ReadError(f"ended incomplete: {last}"))

    def connection_lost(self, _exc: Exception | None) -> None:
        self._finish(ReadError(f"connection lost after {self.sequence.count} tokens"))

    def _finish(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.error = error
            self.ended.set_result(None)
            self._pass_milestone()
            self._transport.close()

    def _pass_milestone(self) -> None:
        self._milestone = NEVER
        if not self._at_milestone.done():
            self._at_milestone.set_result(None)

    async def reaches(self, tokens: int) -> None:
        """Waits until so many tokens have come; raises ReadError when the stream ends before."""
        if self.sequence.count < tokens and not self.ended.done():
            self._milestone = tokens
            self._at_milestone = asyncio.get_running_loop().create_future()
            await self._at_milestone
        if self.sequence.count < tokens:
            raise self.error or ReadError(f"ended after {self.sequence.count} tokens")

    def leave(self) -> None:
        """Closes without an error: the bench has seen enough."""
        self._finish(None)


async def follow(endpoint: Endpoint, dialect: Dialect) -> Reader:
    """Opens a reader; its tokens come while the caller does something else."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        _, reader = await loop.create_connection(
            lambda: Reader(endpoint, dialect), HOST, endpoint.port
        )
    return reader


class Fetch(asyncio.Protocol):
    """Takes raw bytes until a marker has come; whatever they mean is looked at afterwards."""

    def __init__(self, endpoint: Endpoint, until: bytes) -> None:
        self._request = endpoint.request
        self._until = until
        self._pieces: list[bytes] = []
        self._tail = b""
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        seen = self._tail + data[-2 * len(self._until) :]
        if self._until in seen or self._until in data:
            if not self.done.done():
                self.done.set_result(time.monotonic_ns())
            self._transport.close()
        self._tail = seen[-len(self._until) :]

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ReadError("closed before the end"))

    @property
    def raw(self) -> bytes:
        return b"".join(self._pieces)


class Body:
    """The body inside a raw response."""

    def __init__(self, raw: bytes) -> None:
        self._pieces: list[bytes] = []
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(raw)
        self.status: int = parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    @property
    def data(self) -> bytes:
        return b"".join(self._pieces)


def verified(body: bytes, dialect: Dialect, tokens: int) -> Frames:
    """The frames of a body, once it has proved to hold so many tokens in order."""
    frames = Frames(dialect)
    frames.feed(body)
    if frames.sequence.count < tokens:
        raise TokenError(f"{frames.sequence.count} of {tokens} tokens")
    return frames
