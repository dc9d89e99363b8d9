"""The walk of a streamed answer over HTTP, whatever its dialect: from the request to its end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress

import httpx2

from llmchat.errors import UpstreamTruncated, UpstreamUnavailable
from llmchat.providers.answer_reader import AnswerReader
from llmchat.providers.base import ProviderEvent
from llmchat.providers.http_client import HttpClient
from llmchat.providers.transport import body_of

# Some servers name a finish reason and then keep the connection open: usage may follow, and that is
# worth a moment, not a minute.
_AFTER_FINISH_SECONDS = 2.0
# Behind the end marker comes only the end of the response. A connection that has not seen it cannot
# be used again, and the next answer would begin with another TLS handshake.
_AFTER_DONE_SECONDS = 0.1


async def answer(
    client: HttpClient,
    request: AbstractAsyncContextManager[httpx2.Response],
    reader: AnswerReader,
) -> AsyncGenerator[Sequence[ProviderEvent], None]:
    """As Provider.stream wants it, from the bytes that come back for a request."""
    try:
        with client.translated():
            async with request as response, aclosing(body_of(response)) as chunks:
                async for chunk in chunks:
                    events = reader.feed(chunk)
                    if events or reader.thought:
                        yield events
                    if reader.over:
                        break
                if events := await _epilogue(chunks, reader):
                    yield events
    except UpstreamUnavailable as error:
        if reader.begun and not reader.complete:
            raise _in_mid_answer(error) from None
        if not reader.complete:
            raise
    if events := reader.end():
        yield events
    if reader.error is not None:
        raise client.quiet(reader.error)


async def _epilogue(
    chunks: AsyncGenerator[bytes, None], reader: AnswerReader
) -> list[ProviderEvent]:
    """What comes for a moment behind the evidence that the answer is whole.

    Not a part of the generator above: a timeout that is open over a `yield` strikes whoever runs
    when it expires.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _AFTER_FINISH_SECONDS
    events: list[ProviderEvent] = []
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline) as patience:
            while reader.error is None:
                if reader.done:
                    patience.reschedule(min(deadline, loop.time() + _AFTER_DONE_SECONDS))
                if not (chunk := await anext(chunks, b"")):
                    break
                events += reader.feed(chunk)
    return events


def _in_mid_answer(error: UpstreamUnavailable) -> UpstreamTruncated:
    return UpstreamTruncated(
        f"The answer broke off; what came is kept, ask again for a whole one. {error.detail}"
    )
