"""An upstream that answers every request with the same bytes, for what no HTTP server would do."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from llmchat.mock.http1 import Request, read_request
from llmchat.tasks import TaskSet

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
WRITE_BYTES = 256 * 1024


@dataclass(slots=True)
class Wire:
    """`requests` are those that came so far, in order."""

    base_url: str
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def wire(*answers: bytes | Sequence[bytes], then_close: bool = True) -> AsyncIterator[Wire]:
    """Sends the next of `answers` to each request, the last one again and again, and closes the
    connection or leaves it open for ever. Pieces of an answer are sent one by one, and whoever
    reads has a turn between them."""
    tasks = TaskSet()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            request = await read_request(reader)
            assert isinstance(request, Request)
            upstream.requests.append(request)
            answer = answers[min(len(upstream.requests), len(answers)) - 1]
            for piece in _at_once(answer) if isinstance(answer, bytes) else answer:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if not then_close:
                await reader.read()
            writer.close()
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = tasks.start(converse(reader, writer), name="wire connection")
        # A task that was cancelled, perhaps before its first line, has left the socket open.
        connection.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    upstream = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    try:
        yield upstream
    finally:
        server.close()
        await tasks.cancel_all()
        await server.wait_closed()
        # The aborted sockets are closed a turn later.
        await asyncio.sleep(0)


def _at_once(answer: bytes) -> Iterator[bytes]:
    for start in range(0, len(answer), WRITE_BYTES):
        yield answer[start : start + WRITE_BYTES]


def http(
    body: bytes | str, *, content_type: str = EVENT_STREAM, status: str = "200 OK", **more: str
) -> bytes:
    """A response that ends with its connection."""
    headers = {"content-type": content_type, "connection": "close"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    payload = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + payload


def delta(**members: Any) -> str:
    """One event of a stream with these members of the delta."""
    return data({"choices": [{"index": 0, "delta": members, "finish_reason": None}]})


def finish(reason: str = "stop", **more: Any) -> str:
    return data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more})


def data(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


DONE = "data: [DONE]\n\n"
