"""Tokens of an OpenID issuer (JWTs): recognised, and what they say about their callers."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import structlog

from llmchat.access.base import Principal, Scope
from llmchat.access.issuer import IssuerKeys
from llmchat.access.keys import digest_of
from llmchat.errors import Unauthenticated
from llmchat.ids import OwnerId

_log = structlog.get_logger(__name__)

# Never those with a shared secret: the issuer's public key would be one that everybody knows.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
# A logout token, say, is signed by the same key for the same audience.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_LEEWAY_SECONDS = 30
_MOST_USER_BYTES = 255
_REMEMBERED_TOKENS = 4096
# No user of an API key has a colon in the name.
_PREFIX = "oidc:"
_WRONG = (
    "The token is not one for this server, or has expired. Get another from its issuer, or send "
    "an API key, as `Authorization: Bearer …`."
)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens are taken, for whom, and which of their claims say who calls and what they may
    do."""

    issuer: str
    audience: str
    user_claim: str
    scope_claim: str


class IssuerTokens:
    """Callers who bring a token. A user is called `oidc:` and what the token says, unchanged: what
    is too long or cannot be shown is refused, so that no two of them become one."""

    def __init__(self, rules: TokenRules, keys: IssuerKeys) -> None:
        self._rules = rules
        self._keys = keys
        self._remembered: OrderedDict[str, None] = OrderedDict()

    async def aclose(self) -> None:
        await self._keys.aclose()

    async def authenticate(self, token: str) -> Principal:
        """Whoever the token was made for. Raises Unauthenticated, with the same words whatever is
        wrong with it; IssuerUnavailable."""
        try:
            principal = await self._verified(token)
        # The last three: times that are no numbers, or endless.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            _log.debug("A token was refused", why=type(error).__name__)
            raise Unauthenticated(_WRONG) from None
        self._remember(digest_of(token))
        return principal

    def remembers(self, token: str) -> bool:
        """Whether this process has let somebody in with it: it is then no guess."""
        return digest_of(token) in self._remembered

    async def _verified(self, token: str) -> Principal:
        header = jwt.get_unverified_header(token)
        algorithm, kind = header.get("alg"), header.get("typ", "JWT")
        if algorithm not in _ALGORITHMS or not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise jwt.InvalidTokenError
        key = await self._keys.find(header.get("kid"), algorithm)
        if key is None:
            raise jwt.InvalidKeyError
        claims = jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
        user = OwnerId(_PREFIX + _user(claims, self._rules.user_claim))
        scopes = _scopes(claims, self._rules.scope_claim)
        return Principal(user, scopes, expires_at=float(claims["exp"]))

    def _remember(self, digest: str) -> None:
        self._remembered[digest] = None
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)


def _user(claims: Mapping[str, Any], name: str) -> str:
    user = claims.get(name)
    if not isinstance(user, str) or not user.isprintable():
        raise jwt.InvalidTokenError
    if not 0 < len(user.encode()) <= _MOST_USER_BYTES:
        raise jwt.InvalidTokenError
    # Anybody may write somebody else's address into their own account.
    if name == "email" and claims.get("email_verified") is not True:
        raise jwt.InvalidTokenError
    return user


def _scopes(claims: Mapping[str, Any], name: str) -> frozenset[Scope]:
    """Those of this server; a token that does not speak of scopes may chat."""
    if name not in claims:
        return frozenset({Scope.CHAT})
    said = claims[name]
    words = said.split() if isinstance(said, str) else said
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise jwt.InvalidTokenError
    return frozenset(scope for scope in Scope if scope in words)
