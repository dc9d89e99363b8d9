"""Just enough HTTP/1.1 for the load client: requests as bytes, and calls that answer with JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httptools

from bench.serving import HOST

CALL_SECONDS = 20.0
EVENT_STREAM = {"Accept": "text/event-stream"}


class CallError(Exception):
    """An answer that is not a success."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server of the bench, and a request to it that has been made ready."""

    port: int
    request: bytes


def request(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """One request, JSON where it has a body; bytes go as they are."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    payload = b"" if body is None else payload
    fields = {"Host": HOST, "Content-Length": str(len(payload)), **(headers or {})}
    if payload:
        fields["Content-Type"] = "application/json"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + payload


class Caller(asyncio.Protocol):
    """A kept connection for calls one after the other."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._renew()

    def _renew(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc or CallError("connection closed"))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 400:
            self._answer.set_result(self._body)
        else:
            problem = self._body[:200].decode(errors="replace")
            self._answer.set_exception(CallError(f"{self._parser.get_status_code()} {problem}"))

    async def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        """Sends one request and waits for its JSON; raises CallError unless it is a success."""
        self._answer = asyncio.get_running_loop().create_future()
        self._renew()
        self._transport.write(request(method, path, body, headers))
        async with asyncio.timeout(CALL_SECONDS):
            answer = await self._answer
        return cast(dict[str, object], json.loads(answer)) if answer else {}

    def close(self) -> None:
        self._answer.cancel()
        self._transport.close()


async def connect(port: int) -> Caller:
    """Opens a connection for calls."""
    _, caller = await asyncio.get_running_loop().create_connection(Caller, HOST, port)
    return caller


async def call(port: int, method: str, path: str, body: object = None) -> dict[str, object]:
    """One call on a connection of its own."""
    caller = await connect(port)
    try:
        return await caller.call(method, path, body)
    finally:
        caller.close()
