"""API keys, and who the caller is."""

from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import Request
from pydantic import ConfigDict, Field

from llmchat.access.base import Action, Allowance, ApiKey, Scope
from llmchat.ids import KeyId, OwnerId
from llmchat.web.audit import note, noting
from llmchat.web.auth import Admin, Guarded, Me
from llmchat.web.deps import Use
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import USER, Line
from llmchat.wire.params import Body

router = Router(prefix="/api", tags=["keys"], route_class=Guarded)

_MOST_DAYS = 3650
_EXACT = Decimal("0.000001")
_NAMES = [field.name for field in fields(Allowance)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000_000_000)]
Usd = Annotated[float, Field(ge=0.000001, le=1_000_000, allow_inf_nan=False)]


class NewKey(Body):
    name: Annotated[Line, Field(min_length=1)]
    """For people: what it is used for."""
    scopes: Annotated[
        list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))
    ] = Field(default_factory=lambda: [Scope.CHAT])
    """`read` sees, `chat` sees and changes, `admin` makes and revokes keys as well."""
    user: Annotated[str, Field(pattern=USER)] | None = None
    """Whose conversations it opens; when left out, those of whoever makes it."""
    expires_in_days: Annotated[int, Field(ge=1, le=_MOST_DAYS)] | None = None
    """When left out, it is good until it is revoked."""
    tokens_per_day: Tokens | None = None
    """The most tokens, of prompts and answers, that it uses up in a day (UTC)."""
    tokens_per_month: Tokens | None = None
    usd_per_day: Usd | None = None
    """The most US dollars that it spends, on models whose prices are known."""
    usd_per_month: Usd | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Ann's laptop", "user": "ann", "scopes": ["chat"]}]
        }
    )


class Key(Shape):
    id: str
    user: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    usd_per_day: float | None
    usd_per_month: float | None


class CreatedKey(Key):
    secret: str
    """What a client sends. It is shown this once, and not kept."""


class KeyList(Shape):
    items: list[Key]


class Caller(Shape):
    user: str
    scopes: list[Scope]
    key_id: str | None
    """The key that was sent; null for a token, and where the service is open."""


@router.post("/keys", status_code=201, responses=documented(400, 413, 415, 422, 503))
async def create(request: Request, body: NewKey, use: Use, me: Admin) -> CreatedKey:
    """Make an API key. Its secret is shown this once. Takes the scope `admin`."""
    days = body.expires_in_days
    key, secret = await use.keys.create(
        OwnerId(body.user) if body.user else me.user,
        body.name,
        body.scopes,
        expires_in=None if days is None else timedelta(days=days),
        allowance=_allowance(body),
    )
    await note(request, Action.KEY_CREATE, key.id)
    return CreatedKey(**_members(key), secret=secret)


@router.get("/keys", responses=documented(503))
async def index(use: Use, me: Admin) -> KeyList:
    """List the API keys. The revoked ones, too; never a secret. Takes the scope `admin`."""
    return KeyList(items=[Key(**_members(key)) for key in await use.keys.list()])


@router.delete("/keys/{id}", status_code=204, responses=documented(404, 422, 503))
async def revoke(request: Request, id: PathId, use: Use, me: Admin) -> None:
    """Revoke an API key. It opens nothing any more. Takes the scope `admin`."""
    async with noting(request, Action.KEY_REVOKE, id):
        await use.keys.revoke(KeyId(id))


@router.get("/me", responses=documented(503))
async def me(me: Me) -> Caller:
    """Ask who you are. The user and the scopes of the key that you sent."""
    return Caller(user=me.user, scopes=sorted(me.scopes), key_id=me.key_id)


def _allowance(body: NewKey) -> Allowance:
    dollars = {
        name: None if (usd := getattr(body, name)) is None else Decimal(str(usd)).quantize(_EXACT)
        for name in ("usd_per_day", "usd_per_month")
    }
    return Allowance(body.tokens_per_day, body.tokens_per_month, **dollars)


def _members(key: ApiKey) -> dict[str, object]:
    names = Key.model_fields.keys() - {"scopes", *_NAMES}
    members = {name: getattr(key, name) for name in names} | {"scopes": sorted(key.scopes)}
    return members | {name: getattr(key.allowance, name) for name in _NAMES}
