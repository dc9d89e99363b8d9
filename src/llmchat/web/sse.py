"""From events to server-sent event frames; the only importer of sse_starlette."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from llmchat.chat.feed import (
    Announcement,
    ConversationChanged,
    ConversationDeleted,
    GenerationStarted,
    MemberChanged,
    MemberRemoved,
    MessageAdded,
    Passing,
    PresenceChanged,
    TypingChanged,
)
from llmchat.chat.watching import GenerationEvents, Idle, Sight, Snapshot
from llmchat.domain import Conversation
from llmchat.events import Delta, Entry, Failed, Finished, Reset, Started, ToolCall, name_of
from llmchat.tasks import cancel
from llmchat.web.accesslog import EVENTS_SENT
from llmchat.web.lines import line_json
from llmchat.web.once import Once
from llmchat.web.requests import RAW_SEND
from llmchat.web.schemas import conversation_of, message_of, usage_of

_END_OF_EVENT = b"\n\n"
_RETRY = b"retry: 1000\n\n"
# Like all others, but made without a dictionary: most frames are these.
_DELTA = b'id: %d\nevent: delta\ndata: {"offset":[%d,%d],"channel":"%b","text":%b}\n\n'
_HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"
_LARGE_CHARS = 2048
_announced: Once[bytes] = Once(64)
_HINT_MILLISECONDS = (500, 3000)
# Made once: for each response the library builds these, a lock and more.
_HEADERS = EventSourceResponse(iter(()), headers={"Cache-Control": "no-store"}).raw_headers


class EventStream(Response):
    """An answer that goes on. Heartbeats, and the end at a shutdown, are in the frames already, so
    one task is enough: the library's five, and its timer and middleware for each frame, would cost
    as much as all else that is done for a token."""

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        over: Callable[[], None],
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """`over` is called when it has ended, however it did."""
        self.raw_headers = [*_HEADERS, *headers]
        self.status_code = 200
        self.background = None
        self._frames = frames
        self._over = over
        self._events = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send_frame = scope.get("state", {}).get(RAW_SEND, send)
        streaming = asyncio.create_task(self._stream(send, send_frame), name="event stream")
        try:
            # The server also says this when the answer is complete.
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._over()
            await cancel(streaming)
            scope.setdefault("state", {})[EVENTS_SENT] = self._events
        if not streaming.cancelled():
            streaming.result()

    async def _stream(self, send: Send, send_frame: Send) -> None:
        """Only the headers, and the end, pass the middleware."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        async with aclosing(self._frames):
            async for frame in self._frames:
                self._events += frame.count(_END_OF_EVENT)
                await send_frame({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def generation_frames(
    batches: AsyncGenerator[Sequence[Entry], None],
) -> AsyncGenerator[bytes, None]:
    """One generation: `id` is the offset to come back with."""
    before = _RETRY
    ended = False
    async with aclosing(batches):
        async for entries in batches:
            yield before + (b"".join([_frame(entry) for entry in entries]) or _HEARTBEAT)
            before = b""
            ended = bool(entries) and isinstance(entries[-1].event, Finished | Failed)
    if not ended:
        yield _reconnect_hint()


async def conversation_frames(
    sights: AsyncGenerator[Sight, None],
) -> AsyncGenerator[bytes, None]:
    """A whole conversation: no ids, for whoever comes back begins with a new snapshot."""
    yield _RETRY
    async with aclosing(sights):
        async for sight in sights:
            yield _sight(sight)
            if isinstance(sight, ConversationDeleted):
                return
    yield _reconnect_hint()


def _sight(sight: Sight) -> bytes:
    match sight:
        case Snapshot(conversation, generations):
            data = {"conversation": _conversation(conversation), "generations": generations}
            return _event("snapshot", data)
        case GenerationEvents(id, entries):
            return b"".join(
                [
                    _event(name_of(e.event), {"generation_id": id, **event_members(e)})
                    for e in entries
                ]
            )
        case Idle():
            return _HEARTBEAT
        case _:
            return _announced(sight, lambda: _announcement(sight))


def _announcement(announcement: Announcement | Passing) -> bytes:
    match announcement:
        case MessageAdded(message):
            return _event("message", message_of(message).model_dump(mode="json"))
        case ConversationChanged(conversation):
            return _event("conversation", _conversation(conversation))
        case ConversationDeleted():
            return _event("conversation", {"deleted": True})
        case TypingChanged(user, typing):
            return _event("typing", {"user": user, "typing": typing})
        case GenerationStarted():
            return b""  # Its log begins with a frame of its own.
        case PresenceChanged() | MemberChanged() | MemberRemoved():
            return b""  # Only sockets are in a room, and who watches it sees the role.


def _conversation(conversation: Conversation) -> dict[str, Any]:
    return conversation_of(conversation).model_dump(mode="json")


def _frame(entry: Entry) -> bytes:
    event = entry.event
    if isinstance(event, Delta) and len(event.text) > _LARGE_CHARS:
        return _remembered_large(entry)
    return _remembered(entry)


def _encode(entry: Entry) -> bytes:
    first, last, event = entry.first, entry.last, entry.event
    if isinstance(event, Delta):
        return _DELTA % (last, first, last, event.channel.encode(), line_json(event.text))
    return b"id: %d\n%b" % (last, _event(name_of(event), event_members(entry)))


# Readers at one place share their entries, so each frame is made once for all of them.
_remembered = lru_cache(maxsize=512)(_encode)
_remembered_large = lru_cache(maxsize=16)(_encode)


def _event(name: str, data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), line_json(data))


def event_members(entry: Entry) -> dict[str, Any]:
    """What every dialect of ours says of it."""
    return {"offset": (entry.first, entry.last), **_members(entry.event)}


def _members(event: Any) -> dict[str, Any]:
    match event:
        case Delta(text, channel):
            return {"channel": channel, "text": text}
        case Started(generation_id, message_id, model, attempt):
            return {
                "generation_id": generation_id,
                "message_id": message_id,
                "model": model,
                "attempt": attempt,
            }
        case ToolCall(index, id, name, arguments):
            return {"index": index, "id": id, "name": name, "arguments": arguments}
        case Reset(attempt, reason, text):
            return {"attempt": attempt, "reason": reason, "text": text}
        case Finished(status, finish_reason, usage, model):
            members = {"status": status, "finish_reason": finish_reason, "usage": _usage(usage)}
            return members | ({"model": model} if model else {})
        case Failed(status, problem, usage):
            return {"status": status, "problem": problem.as_json(), "usage": _usage(usage)}
    raise TypeError(f"{type(event).__name__} is no event")


def _usage(usage: Any) -> Any:
    shape = usage_of(usage)
    return None if shape is None else shape.model_dump()


def _reconnect_hint() -> bytes:
    # Spread out, so that a server that comes back is not met by all of them at once.
    return b"retry: %d\n\n" % random.randint(*_HINT_MILLISECONDS)  # noqa: S311
