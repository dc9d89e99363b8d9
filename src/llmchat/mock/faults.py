"""What goes wrong instead of an answer, or in the middle of one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http import HTTPStatus
from inspect import getdoc
from typing import NoReturn

from llmchat.mock.answer import Token
from llmchat.mock.exchange import Exchange
from llmchat.mock.quirks import QUIRKS

PING_SECONDS = 0.1
HTTP_STATUSES = (400, 401, 403, 404, 429, 500, 503)
BLOCK_BYTES = 64 << 10
PAGE = b"<!doctype html><title>Sign in</title><h1>Please sign in to this network</h1>\n"
MARK = "giant"

Instead = Callable[[Exchange], Awaitable[None]]
Midway = Callable[[Exchange], Awaitable[bool]]
"""Returns whether the answer goes on; if not, a response that has not ended is cut off."""


async def forever() -> NoReturn:
    """Until the client leaves or the server closes: both cancel this task."""
    while True:
        await asyncio.get_running_loop().create_future()


async def refuse(exchange: Exchange) -> None:
    """the connection is closed before any response"""


async def no_headers(exchange: Exchange) -> None:
    """the request is read, and nothing is ever sent"""
    await forever()


async def silence_before(exchange: Exchange) -> None:
    """headers, and then nothing, not even a first token"""
    await exchange.response.start(exchange.wire.content_type)
    await forever()


async def http_error(exchange: Exchange, *, status: int) -> None:
    await exchange.response.send_whole(
        status,
        "application/json",
        exchange.wire.error_body(status),
        retry_headers(status, exchange.options.retry_after),
    )


def retry_headers(status: int, retry_after: str | None) -> dict[str, str]:
    if status == HTTPStatus.TOO_MANY_REQUESTS and retry_after is None:
        return {"retry-after": "1"}
    may_retry = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return {"retry-after": retry_after} if may_retry and retry_after else {}


async def error_200(exchange: Exchange) -> None:
    """status 200 and application/json with an error in it, instead of a stream"""
    body = exchange.wire.error_body(HTTPStatus.INTERNAL_SERVER_ERROR)
    await exchange.response.send_whole(200, "application/json", body)


async def html(exchange: Exchange) -> None:
    """status 200 and a web page"""
    await exchange.response.send_whole(200, "text/html; charset=utf-8", PAGE)


async def truncate(exchange: Exchange) -> bool:
    """a clean end of the response, but no finish_reason and no [DONE]"""
    await exchange.response.end()
    return False


async def cut(exchange: Exchange) -> bool:
    """the connection is closed in mid chunk"""
    await exchange.response.send_half_a_chunk(exchange.wire.empty())
    return False


async def reset(exchange: Exchange) -> bool:
    """the connection is reset (RST) in mid chunk"""
    await cut(exchange)
    exchange.response.reset()
    return False


async def silence(exchange: Exchange) -> bool:
    """the connection stays open, and nothing more is ever sent"""
    await forever()


async def pings(exchange: Exchange) -> bool:
    """nothing more but a comment line every 0.1 s, for ever"""
    await repeat(exchange, exchange.wire.comment())


async def keepalive_chunks(exchange: Exchange) -> bool:
    """nothing more but a valid chunk without a token every 0.1 s, for ever"""
    await repeat(exchange, exchange.wire.empty())


async def repeat(exchange: Exchange, frame: bytes) -> NoReturn:
    while True:
        await exchange.response.send(frame)
        await asyncio.sleep(PING_SECONDS)


async def error_frame(exchange: Exchange) -> bool:
    """an SSE event named error with an error object, then the end"""
    await exchange.response.send(exchange.wire.error_event())
    await exchange.response.end()
    return False


async def error_object(exchange: Exchange) -> bool:
    """an error object as data, then the end"""
    await exchange.response.send(exchange.wire.error())
    await exchange.response.end()
    return False


async def error_then_done(exchange: Exchange) -> bool:
    """an error object as data, then [DONE]"""
    await exchange.response.send(exchange.wire.error())
    await exchange.response.send(exchange.wire.done())
    await exchange.response.end()
    return False


async def bad_json(exchange: Exchange) -> bool:
    """one more data line, which is not JSON; then the answer goes on"""
    frame = exchange.wire.empty()
    await exchange.response.send(frame[: len(frame) // 2] + b"\n\n")
    return True


async def bad_json_end(exchange: Exchange) -> bool:
    """a data line that is not JSON, then the end"""
    await bad_json(exchange)
    await exchange.response.end()
    return False


async def giant_line(exchange: Exchange) -> bool:
    """one more token of `size` bytes in a single line; then the answer goes on"""
    head, _, tail = exchange.wire.piece(Token("answer", MARK)).rpartition(MARK.encode())
    await exchange.response.send(head)
    for block in blocks(exchange.options.size):
        await exchange.response.send(block)
    await exchange.response.send(tail)
    exchange.count_token()
    return True


def blocks(size: int) -> Iterator[bytes]:
    block = b"x" * BLOCK_BYTES
    for start in range(0, size, BLOCK_BYTES):
        yield block[: size - start]


async def part_of_body(exchange: Exchange) -> None:
    body = exchange.wire.error_body(HTTPStatus.INTERNAL_SERVER_ERROR)
    await exchange.response.send_part("application/json", body[: len(body) // 2], len(body))


async def reset_in_body(exchange: Exchange) -> None:
    await part_of_body(exchange)
    exchange.response.reset()


INSTEAD: dict[str, Instead] = {
    "refuse": refuse,
    "no-headers": no_headers,
    "silence-before": silence_before,
    "error-200": error_200,
    "html": html,
}
INSTEAD |= {f"http-{status}": partial(http_error, status=status) for status in HTTP_STATUSES}

MIDWAY: dict[str, Midway] = {
    "truncate": truncate,
    "cut": cut,
    "reset": reset,
    "silence": silence,
    "pings": pings,
    "keepalive-chunks": keepalive_chunks,
    "error-frame": error_frame,
    "error-object": error_object,
    "error-then-done": error_then_done,
    "bad-json": bad_json,
    "bad-json-end": bad_json_end,
    "giant-line": giant_line,
}

# What has no middle fails at once: the nearest thing to the same fault of a stream.
UNSTREAMED: dict[str, Instead] = INSTEAD | {
    "cut": part_of_body,
    "reset": reset_in_body,
    "silence": no_headers,
    "pings": no_headers,
    "keepalive-chunks": no_headers,
    "error-frame": error_200,
    "error-object": error_200,
    "error-then-done": error_200,
}


def described(fault: Instead | Midway) -> str:
    if isinstance(fault, partial):
        return f"status {fault.keywords['status']} and an error body"
    return getdoc(fault) or ""


KINDS: dict[str, str] = {
    **{kind: described(fault) for kind, fault in INSTEAD.items()},
    **{kind: described(fault) for kind, fault in MIDWAY.items()},
    **{kind: quirk.description for kind, quirk in QUIRKS.items()},
}
