"""Send, follow, stop, regenerate, go on."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from llmchat.domain import Note, Turn
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.web import bodies, schemas
from llmchat.web.auth import Guarded, principal_of
from llmchat.web.deps import Caller, Idempotency, Services, Use
from llmchat.web.following import stream
from llmchat.web.openapi import ACCEPTED, STREAM_INSTEAD
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.wire.contents import parts_of, text_of

router = Router(prefix="/api", tags=["generations"], route_class=Guarded)


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
    you like. With `Accept: text/event-stream` the answer is that stream itself.

    When an answer ended with `tool_calls`, run them, and send what came of them as `tool_results`:
    the next answer goes on from there.

    In a conversation with the `reply_mode` `addressed`, only a message with `@model`, or `@` and
    the model's name, is answered; another one is stored and shown, with no reply."""
    said = await use.speaking.say(
        caller,
        ConversationId(id),
        text_of(body.content or ""),
        body.to_ask(idempotency),
        parts=parts_of(body.content or ""),
        tool_results=body.results,
        parent_id=body.parent,
    )
    return _noted(said) if isinstance(said, Note) else await _accepted(request, use, said)


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
    body: bodies.MaybeRegenerate,
    use: Use,
    caller: Caller,
    idempotency: Idempotency,
) -> Response:
    """Answer again. The new answer to the same question is a sibling of this one, which stays."""
    turn = await use.chat.regenerate(caller, MessageId(id), body.to_ask(idempotency))
    return await _accepted(request, use, turn)


@router.post(
    "/messages/{id}/continue",
    status_code=202,
    response_model=schemas.Accepted,
    responses={
        200: STREAM_INSTEAD,
        202: ACCEPTED,
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def go_on(
    request: Request,
    id: PathId,
    body: bodies.MaybeContinue,
    use: Use,
    caller: Caller,
    idempotency: Idempotency,
) -> Response:
    """Go on with an answer. One that was stopped, interrupted or cut by its length: the new answer
    is a sibling of it that begins with all that it says, in the stream as the first delta. Model
    and parameters are those of the answer, as far as you name no others."""
    turn = await use.chat.go_on(caller, MessageId(id), body.to_ask(idempotency))
    return await _accepted(request, use, turn)


@router.get("/generations/{id}", responses=documented(404, 422, 503))
async def progress(id: PathId, use: Use, caller: Caller) -> schemas.GenerationDetail:
    """Look at a generation. How it stands, with its text so far."""
    found = await use.chat.progress(caller, GenerationId(id))
    return schemas.generation_detail(
        found.generation, found.answer, found.reasoning, found.tool_calls, found.last_event_id
    )


@router.post("/generations/{id}/stop", responses=documented(404, 422, 503))
async def stop(id: PathId, use: Use, caller: Caller) -> schemas.Stopped:
    """Stop a generation. What it has written stays; to stop what has ended changes nothing."""
    found = await use.chat.stop(caller, GenerationId(id))
    return schemas.Stopped(status=found.generation.status, last_event_id=found.last_event_id)


def _noted(note: Note) -> Response:
    message = schemas.message_of(note.message)
    accepted = schemas.Accepted(message=message, reply=None, generation=None, stream_url=None)
    return JSONResponse(accepted.model_dump(mode="json"), 202)


async def _accepted(request: Request, use: Services, turn: Turn) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        return await stream(request, use, await principal_of(request), turn.generation.id, 0)
    location = f"/api/generations/{turn.generation.id}"
    accepted = schemas.Accepted(
        message=schemas.message_of(turn.message),
        reply=schemas.message_of(turn.reply),
        generation=schemas.generation_of(turn.generation),
        stream_url=f"{location}/stream",
    )
    return JSONResponse(accepted.model_dump(mode="json"), 202, {"Location": location})
