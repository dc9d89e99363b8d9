"""Who is let in, and how often, as the settings say."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

from llmchat import secret
from llmchat.access.audit import Audit
from llmchat.access.base import OPERATOR, Action
from llmchat.access.issuer import IssuerKeys
from llmchat.access.keys import Keys
from llmchat.access.rates import Rates, SharedRates
from llmchat.access.signing import Signer
from llmchat.access.tokens import IssuerTokens, TokenRules
from llmchat.settings import Settings
from llmchat.web.auth import Door
from llmchat.web.hosts import LOCAL
from llmchat.web.limits import Limits, LocalRates


def door(settings: Settings, keys: Keys, tokens: IssuerTokens | None, counting: Rates) -> Door:
    limits = Limits(
        counting,
        requests_per_minute=settings.requests_per_minute,
        wrong_keys_per_minute=settings.wrong_keys_per_minute,
        proxies=settings.trusted_proxies or (),
    )
    if settings.auth != "keys":
        return Door(None, Signer(secret.new()), limits, None)
    return Door(keys, Signer(_secret(settings)), limits, tokens)


@asynccontextmanager
async def issuer_tokens(settings: Settings) -> AsyncGenerator[IssuerTokens | None, None]:
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


async def first_key(settings: Settings, keys: Keys, audit: Audit) -> str | None:
    """The secret of the key that this start made, where keys are asked for and there was none."""
    made = await keys.create_first() if settings.auth == "keys" else None
    if made is None:
        return None
    key, secret = made
    await audit.record(OPERATOR, Action.KEY_CREATE, key.id)
    return secret


def rates(settings: Settings) -> Rates:
    if settings.redis_url is None:
        return LocalRates()
    return SharedRates(settings.redis_url, strict=settings.limits_without_redis == "refuse")


def allowed_hosts(settings: Settings) -> Sequence[str]:
    """An open service that only this machine reaches goes by its names only. Any other is asked
    for a key, or somebody else decides who reaches it, by whatever name."""
    if settings.allowed_hosts:
        return settings.allowed_hosts
    return ("*",) if settings.auth != "open" or settings.allow_open else LOCAL


def _secret(settings: Settings) -> bytes:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return secret.kept_in(settings.data_dir)
