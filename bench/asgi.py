"""Bare ASGI on uvicorn: a static body, and one upstream's events to any number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from bench.serving import BACKLOG, HOST, ports

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Broadcast:
    """One generation's frames as they come, and who waits for the next."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended = False
        self._more = asyncio.Event()

    async def more(self) -> None:
        await self._more.wait()

    def notify(self) -> None:
        self._more.set()
        self._more.clear()

    async def follow(self, upstream_port: int, body: bytes) -> None:
        """Reads the upstream to its end; every line that is an event becomes one frame."""
        reader, writer = await asyncio.open_connection(HOST, upstream_port)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        while not self.ended:
            line = await reader.readline()
            if line.startswith(b"data: "):
                self.frames.append(line + b"\n")
                self.ended = line.startswith(b"data: [DONE]")
                self.notify()
            self.ended = self.ended or not line
        self.notify()
        writer.close()


class Application:
    """`PUT /static` and `GET /static`; `POST /broadcast` and `GET /broadcast`."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._static = b""
        self._broadcast = Broadcast()
        self._following: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        match scope["method"], scope["path"]:
            case "PUT", "/static":
                self._static = await read_body(receive)
                await answer(send, b"{}")
            case "GET", "/static":
                await answer(send, self._static)
            case "POST", "/broadcast":
                await self._start(await read_body(receive))
                await answer(send, b"{}")
            case "GET", "/broadcast":
                await self._stream(send)

    async def _start(self, body: bytes) -> None:
        self._broadcast = Broadcast()
        self._following = asyncio.create_task(self._broadcast.follow(self._upstream_port, body))

    async def _stream(self, send: Send) -> None:
        broadcast, at = self._broadcast, 0
        await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
        while not broadcast.ended or at < len(broadcast.frames):
            if at == len(broadcast.frames):
                await broadcast.more()
            body = b"".join(broadcast.frames[at:])
            at = len(broadcast.frames)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def answer(send: Send, body: bytes) -> None:
    """One response in one piece."""
    headers = [(b"content-type", b"text/event-stream"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serves until it is killed."""
    here = ports()
    uvicorn.run(
        Application(here.upstream),
        host=HOST,
        port=here.own,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
    )


if __name__ == "__main__":
    main()
