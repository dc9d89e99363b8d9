"""From a request to its caller: the one place that lets anybody in."""

import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from llmchat.access.base import ACTING, Principal, Scope
from llmchat.access.keys import Keys
from llmchat.access.signing import Signer
from llmchat.access.tokens import IssuerTokens
from llmchat.chat.admission import while_admitted
from llmchat.domain import LOCAL_OWNER
from llmchat.errors import NotFound, Unauthenticated
from llmchat.ids import GenerationId, KeyId, OwnerId
from llmchat.web.limits import Limits
from llmchat.web.origin import refuse_foreign

COOKIE = "llmchat_session"
SESSION_SECONDS = 30 * 24 * 3600
TICKET_SECONDS = 15 * 60
SOCKET_TICKET_SECONDS = 60
_SESSION, _TICKET, _SOCKET_TICKET = "session", "ticket", "socket ticket"
_BEARER = re.compile(r"Bearer +([!-~]{1,16384})", re.IGNORECASE)
_READING = frozenset({"GET", "HEAD"})
ANYBODY = Principal(LOCAL_OWNER, frozenset(Scope))
"""Every caller of an open service."""

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Door:
    """Asks for a key, unless there are no `keys`: then the service is open, and whatever clients
    send as a key is not looked at.

    A key comes as a bearer token; as a cookie that a key was exchanged for, from a page of this
    server only; or as a ticket, which is good for one generation. Behind a cookie or a ticket is
    still the key: when it is revoked, they are nothing.

    Where an issuer is known, one of its `tokens` (JWTs) does as a bearer as well. A ticket that it
    was exchanged for ends with it; there is no cookie for it.
    """

    def __init__(
        self, keys: Keys | None, signer: Signer, limits: Limits, tokens: IssuerTokens | None = None
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._signer = signer
        self._limits = limits

    async def admit(self, request: Request) -> Principal:
        """Raises Unauthenticated, Forbidden (a scope that the method takes, a page of another
        server), RateLimited, StorageUnavailable."""
        principal = ANYBODY
        if self._keys is not None:
            principal = await self._principal(self._keys, request)
            principal.require(Scope.READ if request.method in _READING else Scope.CHAT)
        ACTING.set(principal)
        _name_in_lines(principal)
        if request.method not in _READING:
            await self._limits.count_request(request, self.counted_as(request, principal))
        return principal

    def while_good(
        self, principal: Principal, items: AsyncGenerator[T, None]
    ) -> AsyncGenerator[T, None]:
        """The items of a stream, which ends when the key behind it is revoked or expires: soon
        where there is text, in silence with the next heartbeat."""
        if self._keys is None:
            return items
        return while_admitted(items, partial(self._check, self._keys, principal))

    async def _check(self, keys: Keys, principal: Principal) -> None:
        if principal.key_id is not None:
            await keys.principal(principal.key_id)
        elif principal.expires_at is not None and principal.expires_at <= time.time():
            raise Unauthenticated("The token has expired.")

    def counted_as(self, request: Request, principal: Principal) -> str:
        """Whose limits hold: the user's, and where all are one user, the address's."""
        return self._limits.address_of(request) if self._keys is None else principal.user

    def address_of(self, request: Request) -> str:
        """Where it comes from, as far as it can be told behind proxies."""
        return self._limits.address_of(request)

    async def admit_to(self, generation: GenerationId, request: Request) -> Principal:
        """The same for the reader of one generation, who may have a ticket instead."""
        ticket = request.query_params.get("ticket")
        if self._keys is None or ticket is None:
            return await principal_of(request)
        return _name_in_lines(
            await self._guarded(request, self._holder(self._keys, ticket, generation))
        )

    async def _holder(self, keys: Keys, ticket: str, generation: GenerationId) -> Principal:
        claims = self._signer.read(_TICKET, ticket)
        foreign = claims is not None and "user" in claims and self._tokens is None
        if claims is None or foreign or claims["generation"] != generation:
            raise Unauthenticated(
                "The ticket is not good for this generation, or no longer. "
                f"POST /api/generations/{{id}}/ticket gives one for {TICKET_SECONDS // 60} minutes."
            )
        if "user" in claims:
            # Of a token's caller; of scopes only what a ticket is for.
            return Principal(OwnerId(claims["user"]), frozenset({Scope.READ}))
        return await keys.principal(KeyId(claims["key"]))

    async def _by_bearer(self, keys: Keys, request: Request, secret: str) -> Principal:
        if self._tokens is None or secret.count(".") != 2:
            return await self._by_secret(keys, request, secret)
        finding = self._tokens.authenticate(secret)
        known = self._tokens.remembers(secret)
        return await (finding if known else self._guarded(request, finding))

    async def _by_secret(self, keys: Keys, request: Request, secret: str) -> Principal:
        finding = keys.authenticate(secret)
        # Somebody else at the same address may be the one who guesses.
        return await (finding if keys.remembers(secret) else self._guarded(request, finding))

    async def _guarded(
        self, request: Request, finding: Coroutine[Any, Any, Principal]
    ) -> Principal:
        """The principal that is found. Whoever sends one wrong key after the other is not asked
        about any more."""
        try:
            await self._limits.refuse_guessing(request)
            return await finding
        except Unauthenticated:
            await self._limits.count_wrong_key(request)
            raise
        finally:
            finding.close()

    async def by_link(self, request: Request, finding: Coroutine[Any, Any, T]) -> T:
        """What a link shows. A secret that opens nothing counts as a wrong key. Raises NotFound,
        RateLimited, StorageUnavailable."""
        try:
            await self._limits.refuse_guessing(request)
            return await finding
        except NotFound:
            await self._limits.count_wrong_key(request)
            raise
        finally:
            finding.close()

    async def exchange(self, request: Request, secret: str) -> tuple[Principal, str]:
        """An API key, and no token, for the value of a cookie. Raises Unauthenticated, RateLimited,
        StorageUnavailable."""
        if self._keys is None:
            return ANYBODY, ""
        principal = await self._by_secret(self._keys, request, secret)
        claims = {"key": str(principal.key_id)}
        return principal, self._signer.sign(_SESSION, claims, seconds=SESSION_SECONDS)

    def ticket(self, principal: Principal, generation: GenerationId) -> tuple[str, float]:
        """A ticket, and for how many seconds it is good: no longer than the token behind it, which
        nobody asks about again."""
        if principal.expires_at is None:
            claims, seconds = {"key": str(principal.key_id)}, float(TICKET_SECONDS)
        else:
            claims = {"user": str(principal.user)}
            seconds = max(0.0, min(TICKET_SECONDS, principal.expires_at - time.time()))
        claims["generation"] = generation
        return self._signer.sign(_TICKET, claims, seconds=seconds), seconds

    async def admit_socket(self, request: Request) -> Principal:
        """Who asks for a socket: a caller like any other, or whoever has a ticket for one. Raises
        Unauthenticated, Forbidden, RateLimited, StorageUnavailable."""
        ticket = request.query_params.get("ticket")
        if self._keys is None or ticket is None:
            return await principal_of(request)
        principal = await self._guarded(request, self._socket_holder(self._keys, ticket))
        # Or what is asked over this socket would be nobody's to pay.
        ACTING.set(principal)
        return _name_in_lines(principal)

    async def _socket_holder(self, keys: Keys, ticket: str) -> Principal:
        claims = self._signer.read(_SOCKET_TICKET, ticket)
        if claims is None or ("user" in claims and self._tokens is None):
            raise Unauthenticated(
                "The ticket is not good for a socket, or no longer. "
                f"POST /api/ws/ticket gives one for {SOCKET_TICKET_SECONDS} seconds."
            )
        if "user" in claims:
            scopes = frozenset(Scope(scope) for scope in claims["scopes"].split())
            until = float(claims["until"])
            return Principal(OwnerId(claims["user"]), scopes, expires_at=until)
        return await keys.principal(KeyId(claims["key"]))

    def socket_ticket(self, principal: Principal) -> tuple[str, float]:
        """A ticket for one's own socket, and for how many seconds it is good. The socket ends with
        what is behind the ticket, not with the ticket."""
        claims, seconds = {"key": str(principal.key_id)}, float(SOCKET_TICKET_SECONDS)
        if principal.expires_at is not None:
            claims = {
                "user": str(principal.user),
                "scopes": " ".join(sorted(principal.scopes)),
                "until": str(principal.expires_at),
            }
            seconds = max(0.0, min(seconds, principal.expires_at - time.time()))
        return self._signer.sign(_SOCKET_TICKET, claims, seconds=seconds), seconds

    async def recheck(self, principal: Principal) -> None:
        """Raises Unauthenticated when the key behind it is revoked or has expired,
        StorageUnavailable."""
        if self._keys is not None:
            await self._check(self._keys, principal)

    async def count(self, request: Request, principal: Principal) -> None:
        """One of the caller's requests that change something, over a socket. Raises RateLimited,
        StorageUnavailable."""
        await self._limits.count_request(request, self.counted_as(request, principal))

    def session_key(self, request: Request) -> KeyId | None:
        """The key behind the request's cookie, be it revoked or not; None for no cookie of ours."""
        claims = self._signer.read(_SESSION, request.cookies.get(COOKIE, ""))
        return None if claims is None else KeyId(claims["key"])

    async def _principal(self, keys: Keys, request: Request) -> Principal:
        if request.headers.getlist("authorization") or COOKIE not in request.cookies:
            return await self._by_bearer(keys, request, _secret(request))
        refuse_foreign(request)
        return await self._guarded(request, self._by_cookie(keys, request))

    async def _by_cookie(self, keys: Keys, request: Request) -> Principal:
        claims = self._signer.read(_SESSION, request.cookies[COOKIE])
        if claims is None:
            raise Unauthenticated("The session is over. Sign in again with an API key.")
        return await keys.principal(KeyId(claims["key"]))


class Guarded(APIRoute):
    """A route that knows its caller before it reads a byte of the body. Every router of what
    belongs to somebody has this class of routes: no list of paths could be complete."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def admit_and_handle(request: Request) -> Response:
            await principal_of(request)
            response = await handle(request)
            response.headers.update(getattr(request.state, "rate_headers", {}))
            return response

        return admit_and_handle


def door_of(request: Request) -> Door:
    door: Door = request.app.state.services.door
    return door


async def principal_of(request: Request) -> Principal:
    """Who calls: asked once for each request."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        request.state.principal = known = await door_of(request).admit(request)
    return known


async def _admin_of(request: Request) -> Principal:
    principal = await principal_of(request)
    principal.require(Scope.ADMIN)
    return principal


Me = Annotated[Principal, Depends(principal_of)]
Admin = Annotated[Principal, Depends(_admin_of)]
TheDoor = Annotated[Door, Depends(door_of)]


def _name_in_lines(principal: Principal) -> Principal:
    structlog.contextvars.bind_contextvars(user=principal.user)
    return principal


def _secret(request: Request) -> str:
    given = request.headers.getlist("authorization")
    form = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if form is None:
        raise Unauthenticated(
            "This server knows its callers by API keys: send one as the header "
            "`Authorization: Bearer sk-llmchat-…`."
        )
    return form[1]
