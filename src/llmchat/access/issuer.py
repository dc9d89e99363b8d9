"""The public keys of an OpenID issuer: found, fetched, and kept while they are good."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog
from jwt import PyJWK

from llmchat.errors import IssuerUnavailable
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_MOST_KEYS = 100
_MOST_URL_CHARS = 2048
_GOOD_SECONDS = 600.0
# Between two fetches that a flood of tokens could ask for.
_PAUSE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 2.0
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
# The public ones: a set that shows more is no reason to hold a private key.
_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

# The last two: no answer in time, or no certificates to check with; what claims to be a URL.
_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)

Jwk = Mapping[str, str]


class _Unusable(Exception):
    """What the issuer answered is not what an issuer answers."""


class IssuerKeys:
    """Fetched when the first token comes, again after ten minutes, and at once for a key that is
    not known, but for that no more than once in half a minute. While the issuer is away, the last
    ones hold. `clock` gives seconds that only go forward.

    https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: Sequence[Jwk] | None = None
        self._fetched_at = self._tried_at = self._searched_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self._tasks = TaskSet()
        self._opened: httpx2.AsyncClient | None = None

    async def aclose(self) -> None:
        await self._tasks.cancel_all()
        if self._opened is not None:
            await self._opened.aclose()

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key of this name for this algorithm; without a name the only one there is. Raises
        IssuerUnavailable when the keys were never seen, and jwt.PyJWTError for a broken one."""
        if self._is_due() or (kid is not None and self._is_unknown(kid) and self._may_search()):
            await self._fetch()
        if self._keys is None:
            raise IssuerUnavailable(
                "The issuer of this server's tokens does not say its keys, so that no token can "
                "be checked. An API key works.",
                retry_after_seconds=_FIRST_PAUSE_SECONDS,
            )
        named = [key for key in self._keys if kid is None or key.get("kid") == kid]
        fit = [key for key in named if _fits(key, algorithm)]
        if not fit or (kid is None and len(self._keys) > 1):
            return None
        return PyJWK(dict(fit[0]), algorithm)

    def _is_due(self) -> bool:
        now = self._clock()
        pause = _FIRST_PAUSE_SECONDS if self._keys is None else _PAUSE_SECONDS
        may_try = self._fetching is not None or now - self._tried_at >= pause
        return may_try and now - self._fetched_at >= _GOOD_SECONDS

    def _is_unknown(self, kid: str) -> bool:
        return self._keys is not None and all(key.get("kid") != kid for key in self._keys)

    def _may_search(self) -> bool:
        if self._fetching is not None:
            return True
        now = self._clock()
        may = now - self._searched_at >= _PAUSE_SECONDS
        self._searched_at = now if may else self._searched_at
        return may

    async def _fetch(self) -> None:
        """One fetch for all who wait; it goes on when one of them leaves."""
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = self._tasks.start(self._fetch_once(), name="keys of the issuer")
        fetching = self._fetching
        await asyncio.wait([fetching])
        if not fetching.cancelled():
            fetching.result()

    async def _fetch_once(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                place = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                uri = _jwks_uri(await self._object(place), self._issuer)
                self._keys = _usable(await self._object(uri))
                self._fetched_at = self._clock()
        except (*_FAILURES, _Unusable) as error:
            why = str(error) or type(error).__name__
            _log.warning("The issuer's keys cannot be fetched", issuer=self._issuer, why=why)
        finally:
            self._fetching = None

    async def _object(self, url: str) -> Mapping[str, Any]:
        """The JSON object that is found there. Raises _Unusable for anything else."""
        if self._opened is None:
            self._opened = httpx2.AsyncClient(timeout=_ANSWER_SECONDS, follow_redirects=False)
        body = bytearray()
        # Undecoded: a small answer may decompress to an endless one.
        asked = self._opened.stream("GET", url, headers={"Accept-Encoding": "identity"})
        async with asked as answer, aclosing(answer.aiter_raw()) as chunks:
            if answer.status_code != 200:
                raise _Unusable(f"{url} answered {answer.status_code}; expected 200")
            async for chunk in chunks:
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise _Unusable(f"{url} sent more than {_MOST_BYTES} bytes")
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise _Unusable(f"{url} sent something else than a JSON object")
        return found


def _jwks_uri(document: Mapping[str, Any], issuer: str) -> str:
    """Raises _Unusable for a document of another issuer, or keys that anybody could have sent."""
    if document.get("issuer") != issuer:
        raise _Unusable(
            "the issuer calls itself otherwise: set LLMCHAT_OIDC_ISSUER to the `issuer` in its "
            "openid-configuration, letter by letter"
        )
    uri = document.get("jwks_uri")
    if not isinstance(uri, str) or len(uri) > _MOST_URL_CHARS:
        raise _Unusable("its openid-configuration has no jwks_uri")
    place, own = urlsplit(uri), urlsplit(issuer)
    if place.scheme != "https" and (place.scheme, place.netloc) != (own.scheme, own.netloc):
        raise _Unusable("its jwks_uri is neither https nor on the issuer's own server")
    return uri


def _usable(document: Mapping[str, Any]) -> Sequence[Jwk]:
    """The keys that may have signed a token: no secret is among them, whatever the set says."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise _Unusable("its key set has no list of keys")
    objects = [key for key in keys[:_MOST_KEYS] if isinstance(key, dict)]
    signing = [key for key in objects if key.get("use") in (None, "sig")]
    public = [key for key in signing if key.get("kty") in _KINDS.values()]
    shown = [{name: key[name] for name in _MEMBERS if name in key} for key in public]
    return [key for key in shown if all(isinstance(value, str) for value in key.values())]


def _fits(key: Jwk, algorithm: str) -> bool:
    same_kind = key["kty"] == _KINDS[algorithm[:2]]
    return same_kind and key.get("alg", algorithm) == algorithm
