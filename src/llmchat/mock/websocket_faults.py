"""What goes wrong in the middle of an answer over a WebSocket, and what is only spelt oddly."""

import asyncio
from functools import partial
from inspect import getdoc

from llmchat.mock.answer import Token
from llmchat.mock.exchange import Exchange
from llmchat.mock.faults import (
    MARK,
    MIDWAY,
    PING_SECONDS,
    Midway,
    blocks,
    error_object,
    forever,
)
from llmchat.mock.http1 import write
from llmchat.mock.websocket_session import Answer, frame_head

CLOSE_CODES = (1001, 1008, 1009, 1011, 1012, 1013, 4000, 4401, 4403, 4429)


async def close(exchange: Exchange, *, code: int) -> bool:
    await answer_of(exchange).close(code, "The mock was told to close with this code.")
    return False


async def no_pong(exchange: Exchange) -> bool:
    """nothing more is sent, not even an answer to a ping or to a goodbye"""
    answer_of(exchange).socket.protocol.mute = True
    await forever()


async def pings(exchange: Exchange) -> bool:
    """nothing more but a ping every 0.1 s, for ever"""
    while True:
        await answer_of(exchange).send_ping()
        await asyncio.sleep(PING_SECONDS)


async def giant_frame(exchange: Exchange) -> bool:
    """one more token of `size` bytes in a single frame; then the answer goes on"""
    head, _, tail = exchange.wire.piece(Token("answer", MARK)).rpartition(MARK.encode())
    size = exchange.options.size
    socket = answer_of(exchange).socket
    async with socket.writing:
        for data in (frame_head(len(head) + size + len(tail)), head, *blocks(size), tail):
            await write(socket.writer, data)
    exchange.count_token()
    return True


async def plain_text(exchange: Exchange) -> bool:
    """one more message, which is text and not JSON; then the answer goes on"""
    await exchange.response.send(b"just text")
    return True


async def junk(exchange: Exchange) -> bool:
    """bytes that are no frame; then the answer goes on"""
    await answer_of(exchange).socket.write([b"\xff\xff"])
    return True


def answer_of(exchange: Exchange) -> Answer:
    assert isinstance(exchange.response, Answer)
    return exchange.response


ONLY_HERE: dict[str, Midway] = {
    "no-pong": no_pong,
    "plain-text": plain_text,
    "junk": junk,
    **{f"close-{code}": partial(close, code=code) for code in CLOSE_CODES},
}
SOCKET_MIDWAY: dict[str, Midway] = MIDWAY | ONLY_HERE
SOCKET_MIDWAY |= {"pings": pings, "giant-line": giant_frame, "error-frame": error_object}

SOCKET_QUIRKS = {
    "binary": "binary frames",
    "fragments": "every message in fragments of three bytes",
    "summary": "the last frame repeats the whole text as its response",
}
# The others are about lines, which there are none of.
QUIRKS_OF_BOTH = frozenset(
    {
        "no-done",
        "done-only",
        "split-utf8",
        "surrogates",
        "u2028",
        "nul",
        "tool-calls",
    }
)


def described(fault: Midway) -> str:
    if isinstance(fault, partial):
        return f"the connection is closed with the code {fault.keywords['code']}"
    return getdoc(fault) or ""


SOCKET_KINDS: dict[str, str] = {
    **{kind: described(fault) for kind, fault in ONLY_HERE.items()},
    **SOCKET_QUIRKS,
}
