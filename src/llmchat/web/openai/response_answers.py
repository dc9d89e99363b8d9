"""From what is asked in OpenAI's newer dialect to its answer: whole, or as a stream of events."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import orjson
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from llmchat.access.base import Principal
from llmchat.chat.responses import Found, ResponseDraft, response_id
from llmchat.chat.service import Ask
from llmchat.domain import Generation, OnBusy, Role
from llmchat.errors import BadCursor, LogGone
from llmchat.events import Delta, Entry, Event, Started, is_terminal
from llmchat.ids import ConversationId, new_id
from llmchat.prompts import PromptMessage
from llmchat.store.drafts import IdempotencyKey
from llmchat.web.deps import Services
from llmchat.web.leaving import unless_gone
from llmchat.web.openai.errors import MEDIA_TYPE
from llmchat.web.openai.response_bodies import NewResponse
from llmchat.web.openai.response_frames import (
    HEARTBEAT,
    ResponseFrames,
    last_number,
    response_after,
)
from llmchat.web.openai.response_object import Json, begun, live_status
from llmchat.web.sse import EventStream

Batches = AsyncGenerator[Sequence[Entry], None]
EndedAt = Callable[[], Awaitable[datetime | None]]


async def stored(
    request: Request,
    use: Services,
    caller: Principal,
    body: NewResponse,
    idempotency: IdempotencyKey | None,
) -> Response:
    """A response that can be retrieved. Its caller is waited for: one who leaves before the end has
    cancelled it. Not in the background; nor with an idempotency key, by which they may come back.
    """
    id = body.conversation_id
    draft = ResponseDraft(
        body.asked, body.previous_response_id, None if id is None else ConversationId(id)
    )
    ask = Ask(body.model, body.params, OnBusy.QUEUE, idempotency)
    turn = await use.responses.create(caller.user, draft, ask)
    generation = turn.generation
    stays = body.background or idempotency is not None
    if body.stream:
        frames = ResponseFrames(_begun(generation, body.repeated))
        left = None if stays else _cancelling(use, caller, generation)
        return await _stream(request, use, caller, generation, frames, left)
    if not body.background:
        waiting = use.responses.wait(caller.user, turn, stays=stays)
        await unless_gone(request, waiting)
    return whole(await use.responses.get(caller.user, response_id(generation.id)))


async def retrieved(
    request: Request, use: Services, caller: Principal, id: str, after: int | None
) -> Response:
    """Its events behind the number `after`, and those that are still to come."""
    found = await use.responses.get(caller.user, id)
    if after is not None:
        _check(found, after)
    frames = ResponseFrames(
        _begun(found.generation, found.request), after=-1 if after is None else after
    )
    if found.retold:
        ended_at = found.generation.ended_at
        return _one_batch(frames.feed(found.entries, ended_at=ended_at))
    return await _stream(request, use, caller, found.generation, frames, None)


async def unstored(
    request: Request, use: Services, caller: Principal, body: NewResponse
) -> Response:
    """A response that nobody keeps; a caller who leaves ends it."""
    told = body.instructions
    system = [PromptMessage(Role.SYSTEM, told)] if told else []
    messages = [*system, *body.asked.messages]
    asked = (caller.user, messages, body.model, body.params)
    id = new_id("resp")
    if not body.stream:
        answer = await unless_gone(request, use.asking.answer(*asked))
        events: list[Event] = [Delta(answer.reasoning, "reasoning"), Delta(answer.text)]
        events += [*answer.tool_calls, answer.end]
        before = begun(id, answer.model, _now(), body.repeated)
        return _json(response_after(before, _entries(id, events), ended_at=_now()))
    with use.places.take(use.door.counted_as(request, caller), "openai") as place:
        asking = use.asking.stream(*asked, idle_seconds=use.heartbeat_seconds)
        stream = await unless_gone(request, asking)
        frames = ResponseFrames(begun(id, stream.model, _now(), body.repeated))
        reading = Reading(stream.batches(), frames, _at_once)
        return ResponseEvents(reading, place.keep(), closing=stream.aclose)


def whole(found: Found) -> Response:
    """The object as it is now."""
    generation = found.generation
    before = _begun(generation, found.request)
    response = response_after(before, found.entries, ended_at=generation.ended_at)
    if generation.status.live and not is_terminal(found.entries[-1].event):
        response = {**response, "status": live_status(generation.status)}
    return _json(response, _named(generation))


class Reading:
    """The frames of a log. It is `over` when the log has ended, or this process stops to read it:
    whoever waits for the end then comes back."""

    def __init__(self, batches: Batches, frames: ResponseFrames, ended_at: EndedAt) -> None:
        self.over = False
        self._batches = batches
        self._frames = frames
        self._ended_at = ended_at

    async def frames(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._batches):
            async for entries in self._batches:
                ends = bool(entries) and is_terminal(entries[-1].event)
                ended_at = await self._ended_at() if ends else None
                made = self._frames.feed(entries, ended_at=ended_at)
                if made or not entries:
                    yield made or HEARTBEAT
        self.over = True


class ResponseEvents(EventStream):
    """A stream of them. `left` is called when its reader went away before it was over, and
    `closing` awaited in any case."""

    def __init__(
        self,
        reading: Reading,
        over: Callable[[], None],
        *,
        left: Callable[[], None] | None = None,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(reading.frames(), over)
        self._reading = reading
        self._left = left
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._left is not None and not self._reading.over:
                self._left()
            if self._closing is not None:
                await self._closing()


async def _stream(
    request: Request,
    use: Services,
    caller: Principal,
    generation: Generation,
    frames: ResponseFrames,
    left: Callable[[], None] | None,
) -> Response:
    with use.places.take(use.door.counted_as(request, caller), "openai") as place:
        batches = await use.responses.follow(
            caller.user, response_id(generation.id), idle_seconds=use.heartbeat_seconds
        )

        async def ended_at() -> datetime | None:
            return await use.responses.ended_at(caller.user, generation.id)

        events = ResponseEvents(Reading(batches, frames, ended_at), place.keep(), left=left)
        events.headers.update(_named(generation))
        return events


def _one_batch(frames: bytes) -> Response:
    return Response(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _check(found: Found, after: int) -> None:
    """Raises LogGone, BadCursor: never silently less."""
    if found.retold:
        raise LogGone(
            "The log of this response is gone, so nothing can be sent from the middle of it. Leave "
            "starting_after out, or retrieve it without stream: its text is kept."
        )
    last = last_number(found.entries)
    if after > last:
        raise BadCursor(
            f"The events of this response go to {last} by now, and starting_after is {after}."
        )


def _cancelling(use: Services, caller: Principal, generation: Generation) -> Callable[[], None]:
    return lambda: use.responses.leave(caller.user, generation.id)


def _begun(generation: Generation, request: Json) -> Json:
    return begun(response_id(generation.id), generation.model, generation.created_at, request)


def _named(generation: Generation) -> dict[str, str]:
    """What it is on every other door."""
    return {
        "X-Conversation-Id": generation.conversation_id,
        "X-Generation-Id": generation.id,
    }


def _entries(id: str, events: Sequence[Event]) -> Sequence[Entry]:
    whole = [Started(id, "", "", 1), *events]
    return [Entry(offset, offset, event) for offset, event in enumerate(whole, 1)]


def _json(response: Json, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(response), media_type=MEDIA_TYPE, headers=headers)


def _now() -> datetime:
    return datetime.now(UTC)


async def _at_once() -> datetime:
    return _now()
