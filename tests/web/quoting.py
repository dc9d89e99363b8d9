"""A model server that refuses every request, and quotes all of it in its error, keys included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

FORGED = "2026-11-21T08:00:00Z [info     ] FORGED"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\x00\u2028"


@asynccontextmanager
async def quoting_server() -> AsyncIterator[str]:
    """Its root URL."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.splitlines()
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        # The body first: of a long error only the beginning is read.
        sent = (await reader.readexactly(length) + head).decode("latin-1")
        quoted = f"{ESCAPES}\n{FORGED} You sent: {sent}"
        body = orjson.dumps({"error": {"message": quoted, "type": "invalid_request_error"}})
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n")
        writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
