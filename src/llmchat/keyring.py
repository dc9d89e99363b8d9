"""`llmchat keys`: makes, lists and revokes API keys, beside a running service or without one."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import typer

from llmchat import logs
from llmchat.access.audit import Audit
from llmchat.access.base import OPERATOR, Action, Allowance, ApiKey, Scope
from llmchat.access.keys import Keys
from llmchat.clock import Clock
from llmchat.errors import LlmchatError
from llmchat.ids import KeyId, OwnerId
from llmchat.settings import Settings
from llmchat.terminal import Config, DataDir, give_up, settings_of

T = TypeVar("T")
Tokens = Annotated[
    int | None,
    typer.Option(min=1, max=10**12, help="The most that it uses up; any amount when left out."),
]
Usd = Annotated[
    float | None,
    typer.Option(min=0.000001, max=10**6, help="The most US dollars, of models with a price."),
]

keys = typer.Typer(help="API keys: who may call.", no_args_is_help=True)


@keys.command("create")
def create(
    user: Annotated[str, typer.Option(help="Whose conversations it opens.")],
    name: Annotated[str, typer.Option(help="For people: what it is used for.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="chat (the default), read or admin; repeatable.")
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Good for ever when left out.")
    ] = None,
    tokens_per_day: Tokens = None,
    tokens_per_month: Tokens = None,
    usd_per_day: Usd = None,
    usd_per_month: Usd = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a key, and print its secret: this once."""
    settings = settings_of(config, data_dir=data_dir)
    allowance = Allowance(
        tokens_per_day, tokens_per_month, _exact(usd_per_day), _exact(usd_per_month)
    )
    expires_in = None if expires_in_days is None else timedelta(days=expires_in_days)

    async def make() -> str:
        async with _keys(settings) as (ring, audit):
            key, secret = await ring.create(
                OwnerId(user),
                name or user,
                scope or [Scope.CHAT],
                expires_in=expires_in,
                allowance=allowance,
            )
            await audit.record(OPERATOR, Action.KEY_CREATE, key.id)
            return secret

    typer.echo(_run(make()))


@keys.command("list")
def show(data_dir: DataDir = None, config: Config = None) -> None:
    """List all keys, never a secret."""
    settings = settings_of(config, data_dir=data_dir)

    async def ask() -> list[ApiKey]:
        async with _keys(settings) as (ring, _):
            return list(await ring.list())

    for key in _run(ask()):
        state = f"revoked {_day(key.revoked_at)}" if key.revoked_at else _expiry(key)
        used = f"last used {_day(key.last_used_at)}" if key.last_used_at else "never used"
        scopes = ",".join(sorted(key.scopes))
        may = "".join(f"  {name}={most}" for name, most in key.allowance.as_json().items())
        typer.echo(f"{key.id}  {key.user}  {key.name!r}  {scopes}  {state}  {used}{may}")


@keys.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="As `llmchat keys list` shows it: key_…")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Revoke a key: it opens nothing any more."""
    settings = settings_of(config, data_dir=data_dir)

    async def end() -> ApiKey:
        async with _keys(settings) as (ring, audit):
            revoked = await ring.revoke(KeyId(id))
            await audit.record(OPERATOR, Action.KEY_REVOKE, revoked.id)
            return revoked

    typer.echo(f"{_run(end()).id} is revoked.")


@asynccontextmanager
async def _keys(settings: Settings) -> AsyncGenerator[tuple[Keys, Audit], None]:
    from llmchat.engines import open_database
    from llmchat.store.audit import SqlAuditStore
    from llmchat.store.keys import SqlKeyStore

    logs.configure(settings.log_level, settings.log_format)

    async with AsyncExitStack() as stack:
        database = await open_database(settings, stack)
        now = Clock().now
        keys = await stack.enter_async_context(aclosing(Keys(SqlKeyStore(database), now)))
        yield keys, Audit(SqlAuditStore(database), now)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except LlmchatError as error:
        give_up(error.detail)


def _exact(usd: float | None) -> Decimal | None:
    return None if usd is None else Decimal(str(usd)).quantize(Decimal("0.000001"))


def _expiry(key: ApiKey) -> str:
    return f"expires {_day(key.expires_at)}" if key.expires_at else "does not expire"


def _day(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"
