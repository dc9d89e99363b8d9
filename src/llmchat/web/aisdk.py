"""The AI SDK's door: what `useChat` and `DefaultChatTransport` of the npm package `ai` ask for."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request, Response

from llmchat.access.base import Principal
from llmchat.chat.clientchats import ClientChats, Reply
from llmchat.chat.service import Ask
from llmchat.store.drafts import ConversationDraft
from llmchat.web.aisdk_frames import HEADERS, Encoder, stored_frames, ui_frames
from llmchat.web.aisdk_messages import UIChat, UIHistory, ui_messages
from llmchat.web.auth import Guarded, Me
from llmchat.web.deps import Caller, Idempotency, Services, Use
from llmchat.web.openapi import UI_STREAM
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.web.sessions import SessionPath
from llmchat.web.sse import EventStream

router = Router(prefix="/api/chat", tags=["chats"], route_class=Guarded)


class UIStopped(Shape):
    stopped: list[str]
    """The generations that were live, oldest first; what they have written stays."""


async def _chats(use: Use) -> ClientChats:
    return ClientChats(use.chat, use.history, use.client_messages)


Chats = Annotated[ClientChats, Depends(_chats)]


@router.post(
    "",
    response_class=Response,
    responses={200: UI_STREAM, **documented(400, 404, 409, 413, 415, 422, 503)},
)
async def chat(
    request: Request, body: UIChat, use: Use, me: Me, chats: Chats, idempotency: Idempotency
) -> Response:
    """Chat as `useChat` does. Stores the last message of the list and answers it as a UI message
    stream. Who leaves, as `stop()` of the client does, changes nothing: the answer is written to
    its end, and `POST /api/chat/{id}/stop` stops it. The same request again gets the same answer.

    When the answer ends with calls of tools, the list that comes next ends with their outputs."""
    if body.model is not None:
        # Or a request that is refused leaves an empty conversation behind.
        use.models.resolve(body.model)
    draft = ConversationDraft(system_prompt=body.system_prompt, model=body.model)
    ask = Ask(body.model, body.domain_params, body.on_busy, idempotency)
    with use.places.take(use.door.counted_as(request, me), "ui") as place:
        conversation = await chats.open(me.user, body.id, draft)
        reply = await chats.answer(me.user, conversation.id, body.submission, ask)
        return EventStream(await _frames(use, me, reply), place.keep(), HEADERS)


@router.get(
    "/{id:name}/stream",
    response_class=Response,
    responses={
        200: UI_STREAM,
        204: {"description": "Nothing is being written in it, or there is no such chat."},
        **documented(410, 422, 503),
    },
)
async def resume(request: Request, id: SessionPath, use: Use, me: Me, chats: Chats) -> Response:
    """Resume a chat. Replays the answer that is being written, from its `start`, and goes on live:
    what `useChat({resume: true})` asks for when its page is loaded."""
    with use.places.take(use.door.counted_as(request, me), "ui") as place:
        reply = await chats.live(me.user, id)
        if reply is None:
            return Response(status_code=204)
        return EventStream(await _frames(use, me, reply), place.keep(), HEADERS)


@router.post("/{id:name}/stop", responses=documented(404, 422, 503))
async def stop(id: SessionPath, caller: Caller, chats: Chats) -> UIStopped:
    """Stop a chat's answer. What it has written stays; to stop what has ended changes nothing."""
    return UIStopped(stopped=list(await chats.stop(caller, id)))


@router.get("/{id:name}/messages", responses=documented(404, 422, 503))
async def history(id: SessionPath, use: Use, caller: Caller, chats: Chats) -> UIHistory:
    """Read a chat. Its newest 1000 messages, for the `messages` of `useChat`; with
    `generating`, there is an answer to resume behind them."""
    conversation = await chats.find(caller, id)
    live = await use.history.live(caller, conversation.id)
    messages = await chats.messages(caller, conversation.id)
    return UIHistory(
        id=id,
        conversation_id=conversation.id,
        generating=bool(live),
        messages=ui_messages(messages),
    )


async def _frames(use: Services, me: Principal, reply: Reply) -> AsyncGenerator[bytes, None]:
    encoder = Encoder(reply.id, {"conversationId": reply.conversation}, reply.before)
    if reply.generation is None:
        return stored_frames(encoder)
    batches = await use.chat.follow(
        me.user, reply.generation, after=0, idle_seconds=use.heartbeat_seconds
    )
    # From the start on there is always something: at least its end.
    assert batches is not None
    return ui_frames(encoder, batches)
