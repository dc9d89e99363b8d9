"""The stream of a generation over any number of connections: each offset once, in order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from operator import index
from typing import Any

import httpx2
import orjson

from llmchat.domain import Status
from llmchat.errors import RateLimited, Unavailable
from llmchat.events import (
    Delta,
    Entry,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Usage,
    is_terminal,
)
from llmchat.ids import GenerationId
from llmchat.remote.connection import Connection
from llmchat.remote.refusals import problem_of

# An attempt that takes over may bring 4 MiB of text with it, in JSON.
_MOST_EVENT_BYTES = 32 * 1024 * 1024


class _Hole(Exception):
    """An event that does not follow the one before: something on the way has lost or doubled it."""


async def follow(
    connection: Connection, id: GenerationId, after: int
) -> AsyncGenerator[Sequence[Entry], None]:
    """What is behind the cursor, to the end. Comes back with the last offset after a connection
    that was lost, has a hole, or is silent for too long; after 429 and 503 when it may.

    Raises LlmchatError: what the service refuses, and Unavailable when it stays away for as long as
    the patience lasts.
    """
    path = f"/api/generations/{id}/stream"
    patience = connection.patience()
    while True:
        one = _Stream(connection, path, after)
        try:
            async with aclosing(one.entries()) as entries:
                async for entry in entries:
                    patience.renew()
                    yield [entry]
                    if is_terminal(entry.event):
                        return
            if one.nothing_to_come:
                return
            gone = Unavailable(f"{connection.url} ends the stream again and again.")
            await patience.outlast(gone, retry_after=one.hint_seconds)
        except (httpx2.RequestError, TimeoutError) as error:
            await connection.outlast(patience, error)
        except _Hole as hole:
            await patience.outlast(Unavailable(f"{connection.url} sends a broken stream: {hole}"))
        except (RateLimited, Unavailable) as error:
            await patience.outlast(error, retry_after=error.retry_after_seconds)
        after = one.after


class _Stream:
    """One connection, from a cursor on."""

    def __init__(self, connection: Connection, path: str, after: int) -> None:
        self._connection = connection
        self._path = path
        self.after = after
        self.nothing_to_come = False
        self.hint_seconds: float | None = None
        """When to come back, said by a service that sends its readers away."""

    async def entries(self) -> AsyncGenerator[Entry, None]:
        headers = {"Last-Event-ID": str(self.after)} if self.after else {}
        async with self._connection.stream(self._path, headers) as response:
            if response.status_code == 204:
                self.nothing_to_come = True
                return
            source = httpx2.EventSource(response, max_event_size=_MOST_EVENT_BYTES)
            events = aiter(source)
            while (event := await self._next(events)) is not None:
                if event.retry is not None:
                    self.hint_seconds = event.retry / 1000
                entry = self._entry(event)
                if entry is not None:
                    yield entry

    async def _next(
        self, events: AsyncIterator[httpx2.ServerSentEvent]
    ) -> httpx2.ServerSentEvent | None:
        """None at the end of the connection. Raises TimeoutError in a silence that a heartbeat
        should have ended: a network that is gone says nothing."""
        async with asyncio.timeout(self._connection.habits.silence_seconds):
            return await anext(events, None)

    def _entry(self, sent: httpx2.ServerSentEvent) -> Entry | None:
        if sent.event in ("heartbeat", "message"):
            return None
        try:
            data: dict[str, Any] = orjson.loads(sent.data)
            first, last = map(index, data["offset"])
            event = event_of(sent.event, data)
        except (ValueError, TypeError, KeyError) as error:
            raise _Hole(f"{sent.event} cannot be read: {error!r}") from None
        if first != self.after + 1 or last < first:
            raise _Hole(f"behind {self.after} came {first} to {last}")
        self.after = last
        return None if event is None else Entry(first, last, event)


def event_of(name: str, data: Mapping[str, Any]) -> Event | None:
    """None for one that a newer service sends. Raises KeyError, TypeError, ValueError."""
    event: Event | None = None
    match name:
        case "delta":
            event = Delta(str(data["text"]), data["channel"])
        case "started":
            ids = str(data["generation_id"]), str(data["message_id"])
            event = Started(*ids, str(data["model"]), int(data["attempt"]))
        case "tool_call":
            event = ToolCall(int(data["index"]), data["id"], data["name"], str(data["arguments"]))
        case "reset":
            event = Reset(int(data["attempt"]), str(data["reason"]), str(data["text"]))
        case "finished":
            usage = usage_of(data.get("usage"))
            event = Finished(_status_of(data), data.get("finish_reason"), usage, data.get("model"))
        case "failed":
            problem = problem_of(data["problem"])
            event = Failed(_status_of(data), problem, usage_of(data.get("usage")))
    return event


def _status_of(data: Mapping[str, Any]) -> Any:
    return Status(data["status"]).value


def usage_of(members: Any) -> Usage | None:
    """Raises TypeError and ValueError for what is none."""
    if members is None:
        return None
    names = Usage.__dataclass_fields__
    return Usage(**{name: value for name, value in dict(members).items() if name in names})
