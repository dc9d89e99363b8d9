"""The page's own session: a cookie for a key; and tickets, for who can send neither."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Request, Response
from pydantic import ConfigDict, Field

from llmchat.access.base import Action
from llmchat.ids import GenerationId
from llmchat.web.audit import note, note_of_key
from llmchat.web.auth import COOKIE, SESSION_SECONDS, Guarded, Me, TheDoor
from llmchat.web.deps import Use
from llmchat.web.keys import Caller
from llmchat.web.origin import is_secure, refuse_foreign
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import CleanText
from llmchat.wire.params import Body

router = Router(prefix="/api/session", tags=["keys"])
tickets = Router(prefix="/api/generations", tags=["generations"], route_class=Guarded)


class SignIn(Body):
    key: Annotated[CleanText, Field(min_length=1, max_length=512)]
    """An API key of this server."""
    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "sk-llmchat-…"}]})


class Ticket(Shape):
    ticket: str
    stream_url: str
    """The generation's stream with the ticket in it, for an `EventSource`."""
    expires_at: datetime


@router.post("", responses=documented(400, 401, 403, 413, 415, 422, 429, 503))
async def sign_in(request: Request, response: Response, body: SignIn, door: TheDoor) -> Caller:
    """Sign in. Exchanges a key for a cookie that this server's own page is known by for 30 days,
    or until the key is revoked. No script can read it, and no other page can use it. Takes API keys
    only, and no token of an issuer."""
    refuse_foreign(request)
    principal, value = await door.exchange(request, body.key)
    if value:
        await note(request, Action.SESSION_CREATE, None, by=principal)
        response.set_cookie(
            COOKIE,
            value,
            max_age=SESSION_SECONDS,
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="strict",
        )
    return Caller(user=principal.user, scopes=sorted(principal.scopes), key_id=principal.key_id)


@router.delete("", status_code=204, responses=documented(403))
async def sign_out(request: Request, response: Response, door: TheDoor) -> None:
    """Sign out. Takes the cookie back; the key stays as it is."""
    refuse_foreign(request)
    if (key_id := door.session_key(request)) is not None:
        await note_of_key(request, Action.SESSION_DELETE, key_id)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


@tickets.post("/{id}/ticket", status_code=201, responses=documented(404, 422, 503))
async def ticket(id: PathId, use: Use, door: TheDoor, me: Me) -> Ticket:
    """Get a ticket to a stream. For an `EventSource` on a page elsewhere, which can send no key:
    good for this generation's stream alone, to read, for 15 minutes, or until the token that asked
    for it ends."""
    await use.chat.progress(me.user, GenerationId(id))
    signed, seconds = door.ticket(me, GenerationId(id))
    return Ticket(
        ticket=signed,
        stream_url=f"/api/generations/{id}/stream?ticket={signed}",
        expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )
