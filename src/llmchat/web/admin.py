"""For admins: who is there, and what is being written, of everybody. Figures; nobody's text."""

from datetime import date, datetime

from fastapi import Request

from llmchat.access.base import Action
from llmchat.access.oversight import User
from llmchat.chat.oversight import Running
from llmchat.domain import Status
from llmchat.ids import GenerationId
from llmchat.web.audit import noting
from llmchat.web.auth import Admin, Guarded
from llmchat.web.deps import Use
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape, Stopped

router = Router(prefix="/api/admin", tags=["admin"], route_class=Guarded)


class LiveGeneration(Shape):
    id: str
    conversation_id: str
    user: str
    """Who asked for it."""
    owner: str
    """Whose the conversation is."""
    key_id: str | None
    model: str
    status: Status
    """`queued` or `streaming`."""
    attempt: int
    created_at: datetime
    started_at: datetime | None
    """When its turn came."""
    output_tokens: int | None
    """What it has written so far, about, by its characters; null where that is not known."""
    process: str | None
    """The process that writes it; null while it waits for one."""
    here: bool
    """Whether that process is the one that answers you."""
    stop_requested: bool


class LiveGenerations(Shape):
    items: list[LiveGeneration]
    """The oldest first, 1000 at most."""


class KnownUser(Shape):
    user: str
    keys: int
    """API keys that are good."""
    last_seen_at: datetime | None
    """To the minute."""
    input_tokens: int
    """This month's, and so are the figures below."""
    output_tokens: int
    cost_usd: float | None
    """Of the models whose price is known; null when there is none among them."""
    generations: int
    estimated: bool
    """Whether some of the tokens were counted here, because a server did not say."""
    live: int
    """Answers that are being written for them, or wait."""


class KnownUsers(Shape):
    month: date
    """Its first day, in UTC."""
    items: list[KnownUser]
    """Who has a key, or has used something up in the last 92 days: with the most tokens first,
    1000 at most."""


@router.get("/generations", responses=documented(503))
async def generations(use: Use, me: Admin) -> LiveGenerations:
    """See what is being written. For everybody, in all processes. Never a text. Takes the scope
    `admin`."""
    return LiveGenerations(items=[_live(each) for each in await use.oversight.running()])


@router.post("/generations/{id}/stop", responses=documented(404, 422, 503))
async def stop(request: Request, id: PathId, use: Use, me: Admin) -> Stopped:
    """Stop anybody's generation. In whichever process it is. What it has written stays; what has
    ended stays as it is. It is noted in the audit. Takes the scope `admin`."""
    async with noting(request, Action.GENERATION_STOP, id):
        generation, last = await use.oversight.stop(GenerationId(id))
    return Stopped(status=generation.status, last_event_id=last)


@router.get("/users", responses=documented(503))
async def users(use: Use, me: Admin) -> KnownUsers:
    """List who is there. With what they used up this month. Takes the scope `admin`."""
    month, found = await use.oversight.users()
    return KnownUsers(month=month.date(), items=[_known(user) for user in found])


def _live(running: Running) -> LiveGeneration:
    generation = running.live.generation
    return LiveGeneration(
        id=generation.id,
        conversation_id=generation.conversation_id,
        user=generation.asked_by or generation.owner,
        owner=generation.owner,
        key_id=generation.key_id,
        model=generation.model,
        status=generation.status,
        attempt=generation.attempt,
        created_at=generation.created_at,
        started_at=generation.started_at,
        output_tokens=running.tokens,
        process=running.live.worker,
        here=running.here,
        stop_requested=generation.stop_requested,
    )


def _known(user: User) -> KnownUser:
    return KnownUser(
        user=user.id,
        keys=user.keys,
        last_seen_at=user.last_seen_at,
        input_tokens=user.input_tokens,
        output_tokens=user.output_tokens,
        cost_usd=None if user.cost is None else float(user.cost),
        generations=user.generations,
        estimated=user.estimated,
        live=user.live,
    )
