"""The door `/api/ws`: who is let in, before anything is a socket; and tickets for who cannot send
a key."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from llmchat.web.auth import Guarded, Me, TheDoor
from llmchat.web.deps import services_of
from llmchat.web.origin import refuse_elsewhere
from llmchat.web.problems import documented
from llmchat.web.requests import handshake_of
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.web.socket.connection import Connection
from llmchat.web.socket.session import Session
from llmchat.web.socketwire import PATH

SUBPROTOCOL = "llmchat.v1"
_UPGRADE_REQUIRED = 426

router = Router(tags=["conversations"])
tickets = Router(prefix=PATH, tags=["conversations"], route_class=Guarded)


class SocketTicket(Shape):
    ticket: str
    socket_url: str
    """The address of the socket with the ticket in it."""
    expires_at: datetime
    """The ticket is good until then; a socket that it has opened stays open."""


@router.websocket(PATH)
async def connect(socket: WebSocket) -> None:
    """What is refused is refused as HTTP: a problem, and no socket."""
    request = handshake_of(socket.scope)
    use = await services_of(request)
    refuse_elsewhere(request, use.socket_origins)
    me = await use.door.admit_socket(request)
    use.rooms.refuse_when_over()
    with use.places.take(use.door.counted_as(request, me), "websocket"):
        offered = SUBPROTOCOL in socket.scope["subprotocols"]
        await socket.accept(SUBPROTOCOL if offered else None)
        connection = Connection(socket, use, me)
        async with aclosing(Session(request, use, me, connection.outbox)) as session:
            await connection.serve(session.take)


@router.get(PATH, include_in_schema=False)
async def explain() -> Response:
    raise HTTPException(_UPGRADE_REQUIRED, headers={"Upgrade": "websocket"})


@tickets.post("/ticket", status_code=201, responses=documented(503))
async def socket_ticket(request: Request, door: TheDoor, me: Me) -> SocketTicket:
    """Get a ticket to a socket. For a page elsewhere, whose WebSocket can send no key: good for a
    minute, to open `/api/ws?ticket=…` as the caller. The socket ends with the key, or the token,
    that asked for it."""
    signed, seconds = door.socket_ticket(me)
    return SocketTicket(
        ticket=signed,
        socket_url=f"{PATH}?ticket={signed}",
        expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
    )
