"""Conversations and their messages."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from llmchat.access.base import Action
from llmchat.domain import MessageOrder, Wanted
from llmchat.ids import ConversationId, MessageId
from llmchat.web import bodies, listed, schemas
from llmchat.web.audit import noting
from llmchat.web.auth import Guarded, Me
from llmchat.web.deps import Caller, Use
from llmchat.web.new_conversation import NewConversation
from llmchat.web.openapi import CONVERSATION_STREAM
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.sse import EventStream, conversation_frames
from llmchat.web.template_bodies import use_of
from llmchat.wire.bounds import CleanText

router = Router(prefix="/api/conversations", tags=["conversations"], route_class=Guarded)

Limit = Annotated[int, Query(ge=1, le=1000, description="The most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=96, description="`next_cursor` of the last page.")]


@router.post("", status_code=201, responses=documented(400, 413, 415, 422, 503))
async def create(body: NewConversation, use: Use, caller: Caller) -> schemas.ConversationDetail:
    """Begin a conversation. All of it may be left out. With a `session_id`, the conversation of
    that name, which is made from the rest when it is new."""
    made = await use.templating.begin(caller, body.to_draft(), use_of(body.template))
    live = [] if body.session_id is None else await use.history.live(caller, made.id)
    return schemas.conversation_detail(made, live)


@router.get("", responses=documented(400, 422, 503))
async def index(
    use: Use,
    caller: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    q: Annotated[
        CleanText | None,
        Query(
            max_length=512,
            description="Looked for in titles and messages: all of its words, of which the last "
            "may be a beginning. Case and accents do not count.",
        ),
    ] = None,
    archived: Annotated[
        Literal["false", "true", "all"], Query(description="Which ones, by that mark.")
    ] = "false",
    pinned: Annotated[
        bool | None, Query(description="Only those that are pinned, or those that are not.")
    ] = None,
) -> listed.ConversationPage:
    """List conversations. That with the newest message first, a page at a time: the pages show the
    list as it was when you got the first one."""
    wanted = Wanted(q, {"false": False, "true": True, "all": None}[archived], pinned)
    page = await use.history.list(caller, wanted, limit=limit, cursor=cursor)
    items = [listed.listed(found) for found in page.items]
    return listed.ConversationPage(items=items, next_cursor=page.next_cursor)


@router.get("/{id}", responses=documented(404, 422, 503))
async def show(id: PathId, use: Use, caller: Caller) -> schemas.ConversationDetail:
    """Get a conversation. It names the answers that are being written now."""
    return await _detail(use, caller, ConversationId(id))


@router.patch("/{id}", responses=documented(400, 404, 413, 415, 422, 503))
async def change(
    id: PathId, body: bodies.ConversationChange, use: Use, caller: Caller
) -> schemas.ConversationDetail:
    """Change a conversation. What is not named stays as it is; null unsets."""
    await use.history.update(caller, ConversationId(id), body.to_changes())
    return await _detail(use, caller, ConversationId(id))


@router.delete(
    "/{id}", status_code=204, response_class=Response, responses=documented(404, 422, 503)
)
async def delete(request: Request, id: PathId, use: Use, caller: Caller) -> None:
    """Delete a conversation. Stops what is live; messages and logs go with it."""
    async with noting(request, Action.CONVERSATION_DELETE, id):
        await use.history.delete(caller, ConversationId(id))


@router.get("/{id}/messages", responses=documented(400, 404, 422, 503))
async def messages(
    id: PathId,
    use: Use,
    caller: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    leaf: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9A-Za-z_-]+$",
            max_length=64,
            description="Show the branch that ends here instead of the active one.",
        ),
    ] = None,
    order: Annotated[
        MessageOrder, Query(description="`desc` begins at the end of the branch.")
    ] = "asc",
) -> schemas.MessagePage:
    """Read the messages. The active branch, or another one, the oldest message first."""
    page = await use.history.messages(
        caller,
        ConversationId(id),
        limit=limit,
        cursor=cursor,
        leaf=None if leaf is None else MessageId(leaf),
        order=order,
    )
    items = [schemas.message_of(found) for found in page.items]
    return schemas.MessagePage(items=items, next_cursor=page.next_cursor)


@router.delete(
    "/{id}/messages",
    status_code=204,
    response_class=Response,
    responses=documented(404, 422, 503),
)
async def clear(request: Request, id: PathId, use: Use, caller: Caller) -> None:
    """Clear the messages. The conversation and its settings stay."""
    async with noting(request, Action.CONVERSATION_CLEAR, id):
        await use.history.clear(caller, ConversationId(id))


@router.get(
    "/{id}/stream",
    response_class=Response,
    responses={
        200: CONVERSATION_STREAM,
        **documented(404, 422, 503),
    },
)
async def watch(request: Request, id: PathId, use: Use, me: Me) -> Response:
    """Follow a conversation. All that happens in it, whoever writes: one connection for a page. It
    goes on until you leave, so open it with `curl -N` or an `EventSource`."""
    with use.places.take(use.door.counted_as(request, me), "conversation") as place:
        idle_seconds = use.heartbeat_seconds
        sights = await use.watch.open(me.user, ConversationId(id), idle_seconds=idle_seconds)
        sights = use.door.while_good(me, sights)
        return EventStream(conversation_frames(sights), place.keep())


async def _detail(use: Use, caller: Caller, id: ConversationId) -> schemas.ConversationDetail:
    found = await use.history.get(caller, id)
    return schemas.conversation_detail(found, await use.history.live(caller, id))
