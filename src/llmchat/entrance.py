"""Who is let in, and how often, as the settings say."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
)
from dataclasses import dataclass
from functools import partial

from llmchat import secret
from llmchat.access.audit import Audit
from llmchat.access.base import OPERATOR, Action
from llmchat.access.issuer import IssuerKeys
from llmchat.access.keys import Keys
from llmchat.access.rates import Rates, SharedRates
from llmchat.access.signing import Signer
from llmchat.access.tokens import IssuerTokens, TokenRules
from llmchat.clock import Clock
from llmchat.faults import Failed
from llmchat.settings import Settings
from llmchat.store.audit import SqlAuditStore
from llmchat.store.database import Database
from llmchat.store.keys import SqlKeyStore
from llmchat.web.auth import Door
from llmchat.web.hosts import LOCAL
from llmchat.web.limits import Limits, LocalRates


@dataclass(frozen=True, slots=True)
class Entrance:
    """What is asked at the door. `first_key` is the secret that this start made, where keys are
    asked for and there was none: to be shown once."""

    keys: Keys
    issuer_tokens: IssuerTokens | None
    audit: Audit
    rates: Rates
    first_key: str | None


async def open_entrance(
    settings: Settings, database: Database, clock: Clock, stack: AsyncExitStack, failed: Failed
) -> Entrance:
    """The stack closes it; `failed` is told of each fault of Redis."""
    keys = await stack.enter_async_context(aclosing(Keys(SqlKeyStore(database), clock.now)))
    audit = Audit(SqlAuditStore(database), clock.now)
    return Entrance(
        keys,
        await stack.enter_async_context(_issuer_tokens(settings)),
        audit,
        await stack.enter_async_context(_rates(settings, failed)),
        await _first_key(settings, keys, audit),
    )


def door(settings: Settings, entrance: Entrance) -> Door:
    limits = Limits(
        entrance.rates,
        requests_per_minute=settings.requests_per_minute,
        wrong_keys_per_minute=settings.wrong_keys_per_minute,
        proxies=settings.trusted_proxies or (),
    )
    if settings.auth != "keys":
        return Door(None, Signer(secret.new()), limits, None)
    return Door(entrance.keys, Signer(_secret(settings)), limits, entrance.issuer_tokens)


@asynccontextmanager
async def _issuer_tokens(settings: Settings) -> AsyncGenerator[IssuerTokens | None, None]:
    """What takes the tokens of the issuer, if there is one."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        yield None
        return
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        user_claim=settings.oidc_user_claim,
        scope_claim=settings.oidc_scope_claim,
    )
    async with aclosing(IssuerTokens(rules, IssuerKeys(rules.issuer))) as tokens:
        yield tokens


async def _first_key(settings: Settings, keys: Keys, audit: Audit) -> str | None:
    made = await keys.create_first() if settings.auth == "keys" else None
    if made is None:
        return None
    key, secret = made
    await audit.record(OPERATOR, Action.KEY_CREATE, key.id)
    return secret


def _rates(settings: Settings, failed: Failed) -> AbstractAsyncContextManager[Rates]:
    if settings.redis_url is None:
        return aclosing(LocalRates())
    strict = settings.limits_without_redis == "refuse"
    return aclosing(SharedRates(settings.redis_url, strict=strict, failed=partial(failed, "rates")))


def allowed_hosts(settings: Settings) -> Sequence[str]:
    """An open service that only this machine reaches goes by its names only. Any other is asked
    for a key, or somebody else decides who reaches it, by whatever name."""
    if settings.allowed_hosts:
        return settings.allowed_hosts
    return ("*",) if settings.auth == "keys" or settings.allow_open else LOCAL


def _secret(settings: Settings) -> bytes:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return secret.kept_in(settings.data_dir)
