"""Members of a conversation, and the link that shows it without a key."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import ConfigDict, Field

from llmchat.access.base import Action
from llmchat.access.members import Member, MemberRole
from llmchat.ids import ConversationId, OwnerId
from llmchat.web import schemas
from llmchat.web.audit import note
from llmchat.web.auth import Guarded, TheDoor
from llmchat.web.deps import Caller, Use
from llmchat.web.history import Cursor, Limit
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import USER
from llmchat.wire.params import Body

router = Router(prefix="/api/conversations", tags=["sharing"], route_class=Guarded)
links = Router(prefix="/api/shared", tags=["sharing"])

PathUser = Annotated[
    str, Path(pattern=USER, max_length=128, description="The name of a user, as keys have it.")
]


class NewMember(Body):
    user: Annotated[str, Field(pattern=USER)]
    """The user of somebody's API key. Nobody checks that there is one."""
    role: Annotated[MemberRole, Field(strict=False)]
    """A `viewer` reads; an `editor` also sends, regenerates, stops and changes the settings."""
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user": "bob", "role": "viewer"}]},
    )


class ConversationMember(Shape):
    user: str
    role: MemberRole
    created_at: datetime
    """When they became a member."""


class MemberList(Shape):
    items: list[ConversationMember]


class CreatedLink(Shape):
    id: str
    url: str
    """A path of this server, with the secret in it."""
    secret: str
    """It is shown this once, and not kept."""


class SharedConversation(Shape):
    title: str | None
    messages: list[schemas.Message]
    """The active branch, the oldest first."""
    next_cursor: str | None
    """The `cursor` of the next page; null on the last one."""


@router.post("/{id}/members", status_code=201, responses=documented(400, 404, 413, 415, 422, 503))
async def add(
    request: Request, id: PathId, body: NewMember, use: Use, caller: Caller
) -> ConversationMember:
    """Share with somebody. Or give a member another role: the same call again changes nothing. Only
    the owner shares."""
    member = await use.sharing.add(caller, ConversationId(id), OwnerId(body.user), body.role)
    await note(request, Action.MEMBER_ADD, f"{id}/{member.user}")
    return _shown(member)


@router.get("/{id}/members", responses=documented(404, 422, 503))
async def members(id: PathId, use: Use, caller: Caller) -> MemberList:
    """List the members. For the owner, who is none of them, and for every member."""
    found = await use.sharing.members(caller, ConversationId(id))
    return MemberList(items=[_shown(member) for member in found])


@router.delete(
    "/{id}/members/{user}",
    status_code=204,
    response_class=Response,
    responses=documented(404, 422, 503),
)
async def remove(request: Request, id: PathId, user: PathUser, use: Use, caller: Caller) -> None:
    """Remove a member. What they still read ends within seconds. The owner removes anybody, and
    members may leave; what they wrote stays."""
    await use.sharing.remove(caller, ConversationId(id), OwnerId(user))
    await note(request, Action.MEMBER_REMOVE, f"{id}/{user}")


@router.post("/{id}/link", status_code=201, responses=documented(404, 422, 503))
async def link(request: Request, id: PathId, use: Use, caller: Caller) -> CreatedLink:
    """Make a link to read. Whoever has it sees title and messages without a key, those to come as
    well. It takes the place of an earlier one, and its secret is shown this once."""
    made, secret = await use.sharing.make_link(caller, ConversationId(id))
    await note(request, Action.LINK_CREATE, id)
    return CreatedLink(id=made.id, url=f"{links.prefix}/{secret}", secret=secret)


@router.delete(
    "/{id}/link", status_code=204, response_class=Response, responses=documented(404, 422, 503)
)
async def unlink(request: Request, id: PathId, use: Use, caller: Caller) -> None:
    """Revoke the link. It opens nothing any more; when there is none, nothing changes."""
    await use.sharing.remove_link(caller, ConversationId(id))
    await note(request, Action.LINK_REVOKE, id)


@links.get("/{secret}", responses=documented(400, 404, 422, 429, 503))
async def shared(
    request: Request,
    secret: Annotated[
        str,
        Path(pattern=r"^[0-9A-Za-z_-]+$", max_length=64, description="The secret of a link."),
    ],
    use: Use,
    door: TheDoor,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SharedConversation:
    """Read what a link shows. Takes no key. An address that sends many unknown secrets is not
    answered for a while."""
    finding = use.sharing.shown(secret, limit=limit, cursor=cursor)
    conversation, page = await door.by_link(request, finding)
    return SharedConversation(
        title=conversation.title,
        messages=[schemas.message_of(found) for found in page.items],
        next_cursor=page.next_cursor,
    )


def _shown(member: Member) -> ConversationMember:
    return ConversationMember.model_validate(member)
