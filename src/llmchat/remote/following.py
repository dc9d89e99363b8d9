"""The stream of a generation over any number of connections: each offset once, in order."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from operator import index
from typing import Any

import httpx2
import orjson

from llmchat.domain import Status
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
from llmchat.remote.reading import Broken, Line, read
from llmchat.remote.refusals import problem_of


def follow(
    connection: Connection, id: GenerationId, after: int
) -> AsyncGenerator[Sequence[Entry], None]:
    """What is behind the cursor, to the end. Each connection begins behind the last offset of the
    one before. Raises as `read` does."""
    path = f"/api/generations/{id}/stream"
    cursor = Cursor(after)

    async def entries(line: Line) -> AsyncGenerator[Sequence[Entry], None]:
        headers = {"Last-Event-ID": str(cursor.after)} if cursor.after else {}
        async with aclosing(line.events(path, headers)) as events:
            async for sent in events:
                entry = cursor.entry(sent.event, said_in(sent))
                if entry is not None:
                    line.over = is_terminal(entry.event)
                    yield [entry]

    return read(connection, entries)


class Cursor:
    """How far a log was read."""

    def __init__(self, after: int) -> None:
        self.after = after

    def entry(self, name: str, said: Mapping[str, Any]) -> Entry | None:
        """What comes next; None for an event that a newer service sends. Raises Broken."""
        try:
            first, last = map(index, said["offset"])
            event = event_of(name, said)
        except (ValueError, TypeError, KeyError) as error:
            raise Broken(f"{name} cannot be read: {error!r}") from None
        if first != self.after + 1 or last < first:
            raise Broken(f"behind {self.after} came {first} to {last}")
        self.after = last
        return None if event is None else Entry(first, last, event)


def said_in(sent: httpx2.ServerSentEvent) -> Mapping[str, Any]:
    """Raises Broken for what is no object."""
    try:
        said = orjson.loads(sent.data)
    except ValueError as error:
        raise Broken(f"{sent.event} cannot be read: {error}") from None
    if not isinstance(said, dict):
        raise Broken(f"{sent.event} is no object")
    return said


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
            event = tool_call_of(data)
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


def tool_call_of(members: Mapping[str, Any]) -> ToolCall:
    """A piece of a call, or all that there is of it."""
    arguments = str(members["arguments"])
    return ToolCall(int(members["index"]), members["id"], members["name"], arguments)


def usage_of(members: Any) -> Usage | None:
    """Raises TypeError and ValueError for what is none."""
    if members is None:
        return None
    names = Usage.__dataclass_fields__
    return Usage(**{name: value for name, value in dict(members).items() if name in names})
