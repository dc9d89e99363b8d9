"""Send, follow, stop, regenerate."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from llmchat.chat.service import Ask
from llmchat.domain import Params, Turn
from llmchat.errors import BadCursor
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.store.base import ACTIVE_LEAF, ActiveLeaf, IdempotencyKey
from llmchat.web import bodies, schemas
from llmchat.web.bounds import PathId
from llmchat.web.deps import Caller, Idempotency, Services, Use
from llmchat.web.openapi import ACCEPTED, GENERATION_STREAM, STREAM_INSTEAD
from llmchat.web.problems import documented
from llmchat.web.sse import EventStream, generation_frames

router = APIRouter(prefix="/api", tags=["generations"])


@router.post(
    "/conversations/{id}/messages",
    status_code=202,
    response_model=schemas.Accepted,
    responses={
        200: STREAM_INSTEAD,
        202: ACCEPTED,
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def send(
    request: Request,
    id: PathId,
    body: bodies.NewMessage,
    use: Use,
    caller: Caller,
    idempotency: Idempotency,
) -> Response:
    """Send a message. Answers before the first token: follow `stream_url`, from as many places as
    you like. With `Accept: text/event-stream` the answer is that stream itself."""
    parent = _parent(body)
    turn = await use.chat.send(
        caller, ConversationId(id), body.content, _ask(body, idempotency), parent_id=parent
    )
    return await _accepted(request, use, caller, turn)


@router.post(
    "/messages/{id}/regenerate",
    status_code=202,
    response_model=schemas.Accepted,
    responses={
        200: STREAM_INSTEAD,
        202: ACCEPTED,
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def regenerate(
    request: Request,
    id: PathId,
    body: bodies.Regenerate,
    use: Use,
    caller: Caller,
    idempotency: Idempotency,
) -> Response:
    """Answer again. The new answer to the same question is a sibling of this one, which stays."""
    turn = await use.chat.regenerate(caller, MessageId(id), _ask(body, idempotency))
    return await _accepted(request, use, caller, turn)


@router.get("/generations/{id}", responses=documented(404, 422, 503))
async def progress(id: PathId, use: Use, caller: Caller) -> schemas.GenerationDetail:
    """Look at a generation. How it stands, with its text so far."""
    found = await use.chat.progress(caller, GenerationId(id))
    return schemas.generation_detail(
        found.generation, found.answer, found.reasoning, found.last_event_id
    )


@router.get(
    "/generations/{id}/stream",
    response_class=Response,
    responses={
        200: GENERATION_STREAM,
        204: {"description": "The cursor is at the end: there is nothing more to come."},
        **documented(400, 404, 410, 422, 503),
    },
)
async def follow(
    id: PathId,
    use: Use,
    caller: Caller,
    last_event_id: Annotated[
        str | None,
        Query(max_length=64, description="The cursor of a first connection; the header wins."),
    ] = None,
    last_event_id_header: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Send what follows this event.")
    ] = None,
) -> Response:
    """Follow a generation. Replays from the cursor, or the start, goes on live, and ends with it. A
    reader that leaves changes nothing, and comes back with the last `id` that it saw."""
    cursor = _cursor(last_event_id_header or last_event_id)
    return await _stream(use, caller, GenerationId(id), cursor)


@router.post("/generations/{id}/stop", responses=documented(404, 422, 503))
async def stop(id: PathId, use: Use, caller: Caller) -> schemas.Stopped:
    """Stop a generation. What it has written stays; to stop what has ended changes nothing."""
    found = await use.chat.stop(caller, GenerationId(id))
    return schemas.Stopped(status=found.generation.status, last_event_id=found.last_event_id)


async def _accepted(request: Request, use: Services, caller: Caller, turn: Turn) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        return await _stream(use, caller, turn.generation.id, 0)
    location = f"/api/generations/{turn.generation.id}"
    accepted = schemas.Accepted(
        message=schemas.message_of(turn.message),
        reply=schemas.message_of(turn.reply),
        generation=schemas.generation_of(turn.generation),
        stream_url=f"{location}/stream",
    )
    return JSONResponse(accepted.model_dump(mode="json"), 202, {"Location": location})


async def _stream(use: Services, caller: Caller, id: GenerationId, cursor: int) -> Response:
    batches = await use.chat.follow(caller, id, after=cursor, idle_seconds=use.heartbeat_seconds)
    return Response(status_code=204) if batches is None else EventStream(generation_frames(batches))


def _ask(body: bodies.Ask, idempotency: IdempotencyKey | None) -> Ask:
    params = body.params.to_domain() if body.params else Params()
    return Ask(body.model, params, body.on_busy, idempotency)


def _parent(body: bodies.NewMessage) -> MessageId | ActiveLeaf | None:
    if "parent_id" not in body.model_fields_set:
        return ACTIVE_LEAF
    return None if body.parent_id is None else MessageId(body.parent_id)


def _cursor(given: str | None) -> int:
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise BadCursor("A cursor is the `id` of the last event seen: a number such as 42.")
    return int(given)
