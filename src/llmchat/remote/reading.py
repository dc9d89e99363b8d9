"""A stream over any number of connections: one at a time, with patience between them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar

import httpx2

from llmchat.errors import RateLimited, Unavailable
from llmchat.remote.connection import Connection
from llmchat.remote.patience import Patience

T = TypeVar("T")

# An attempt that takes over may bring 4 MiB of text with it, in JSON.
_MOST_EVENT_BYTES = 32 * 1024 * 1024


class Broken(Exception):
    """What came is not what had to come: something on the way has lost, doubled or spoilt it."""


class Line:
    """One connection. Whoever reads it sets `over` when all has come."""

    def __init__(self, connection: Connection, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience
        self.over = False
        self.hint_seconds: float | None = None
        """When to come back, said by a service that sends its readers away."""

    async def events(
        self, path: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[httpx2.ServerSentEvent, None]:
        """What has data in it, until the connection ends."""
        async with self._connection.stream(path, headers) as response:
            if response.status_code == 204:
                self.over = True
                return
            events = aiter(httpx2.EventSource(response, max_event_size=_MOST_EVENT_BYTES))
            while (event := await self._next(events)) is not None:
                if event.retry is not None:
                    self.hint_seconds = event.retry / 1000
                if not event.data:
                    continue
                if event.event != "heartbeat":
                    yield event  # Whoever finds a fault in it does not come back here.
                if event.event != "snapshot":
                    # That one begins each connection, also where all behind it breaks.
                    self._patience.renew()

    async def _next(
        self, events: AsyncIterator[httpx2.ServerSentEvent]
    ) -> httpx2.ServerSentEvent | None:
        """None at the end of the connection. Raises TimeoutError in a silence that a heartbeat
        should have ended: a network that is gone says nothing."""
        async with asyncio.timeout(self._connection.habits.silence_seconds):
            return await anext(events, None)


async def read(
    connection: Connection, items_of: Callable[[Line], AsyncGenerator[T, None]]
) -> AsyncGenerator[T, None]:
    """What `items_of` makes of one connection after the other, until that is over. It may raise
    Broken. Comes back after a connection that was lost, is broken, or is silent for too long; after
    429 and 503 when it may.

    Raises LlmchatError: what the service refuses, and Unavailable when it stays away for as long as
    the patience lasts.
    """
    patience = connection.patience()
    while True:
        line = Line(connection, patience)
        try:
            async with aclosing(items_of(line)) as items:
                async for item in items:
                    yield item
                    if line.over:
                        return
            if line.over:
                return
            gone = Unavailable(f"{connection.url} ends the stream again and again.")
            await patience.outlast(gone, retry_after=line.hint_seconds)
        except (httpx2.RequestError, TimeoutError) as error:
            await connection.outlast(patience, error)
        except Broken as broken:
            await patience.outlast(Unavailable(f"{connection.url} sends a broken stream: {broken}"))
        except (RateLimited, Unavailable) as error:
            await patience.outlast(error, retry_after=error.retry_after_seconds)
