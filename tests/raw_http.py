"""A client down to the byte, for servers that misbehave there; HTTP is read by httptools."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools

PATIENCE_SECONDS = 30.0
"""Only a test that has already failed waits this long."""


@dataclass
class RawReply:
    """What came over the socket, as httptools reads HTTP; it is told of every chunk on its own."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    reads: int = 0
    complete: bool = False
    reset: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that is an object of JSON."""
        return [event for event in map(parsed, sse_data(self.body)) if event is not None]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line that is an object of JSON."""
        lines = self.body.decode().split("\n")
        return [line for line in map(parsed, lines) if line is not None]

    @property
    def choices(self) -> list[dict[str, Any]]:
        return [choice for event in self.events for choice in event.get("choices") or []]

    @property
    def text(self) -> str:
        content = "".join(choice["delta"].get("content") or "" for choice in self.choices)
        return content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    @property
    def finish_reason(self) -> str | None:
        return next((c["finish_reason"] for c in self.choices if c["finish_reason"]), None)

    @property
    def done(self) -> bool:
        return sse_data(self.body)[-1:] == ["[DONE]"]


def parsed(data: str) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def sse_data(body: bytes) -> list[str]:
    """The data of each event, read as the specification of server-sent events says."""
    text = body.decode().removeprefix("\ufeff")
    events, data = [], list[str]()
    for line in re.split("\r\n|\r|\n", text):
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            events.append("\n".join(data))
            data = []
    return events


@dataclass
class RawClient:
    """A connection on which a test writes and reads bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, base_url: str) -> "RawClient":
        url = urlsplit(base_url)
        return cls(*await asyncio.open_connection(url.hostname, url.port))

    async def __aenter__(self) -> "RawClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def ask(self, model: str, *, stream: bool = True, **more: object) -> None:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "hello there"}],
            "stream": stream,
            **more,
        }
        self.send("POST /v1/chat/completions HTTP/1.1", json.dumps(body).encode())

    def send(self, request_line: str, body: bytes = b"", *headers: str) -> None:
        lines = [request_line, "Host: mock", f"Content-Length: {len(body)}", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)

    async def reply(self) -> RawReply:
        """Everything up to the end of the response, or of the connection."""
        reply = RawReply()
        parser = httptools.HttpResponseParser(reply)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reply.complete:
                try:
                    data = await self.reader.read(1 << 16)
                except ConnectionResetError:
                    reply.reset = True
                    break
                if not data:
                    break
                reply.reads += 1
                parser.feed_data(data)
                reply.status = parser.get_status_code()
        return reply

    async def until(self, marker: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readuntil(marker)


async def ask(base_url: str, model: str, **body: Any) -> RawReply:
    async with await RawClient.connect(base_url) as client:
        client.ask(model, **body)
        return await client.reply()


async def post(base_url: str, path: str, body: object, *headers: str) -> RawReply:
    async with await RawClient.connect(base_url) as client:
        client.send(f"POST {path} HTTP/1.1", json.dumps(body).encode(), *headers)
        return await client.reply()


async def get(base_url: str, path: str) -> RawReply:
    async with await RawClient.connect(base_url) as client:
        client.send(f"GET {path} HTTP/1.1")
        return await client.reply()
