"""API keys: made, shown once, recognised, revoked."""

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from llmchat.access.base import UNLIMITED, Allowance, ApiKey, KeyStore, Principal, Scope
from llmchat.errors import StorageUnavailable, Unauthenticated
from llmchat.ids import KeyId, OwnerId, new_id
from llmchat.tasks import TaskSet

FIRST_USER = OwnerId("admin")
_SECRET = re.compile(r"sk-llmchat-([0-9A-Za-z]{23})-[0-9A-Za-z_-]{43}")
# A key that another process revoked is refused after this long at the latest.
_REMEMBERED_SECONDS = 1.0
_REMEMBERED_KEYS = 4096
_USED_EVERY_SECONDS = 60.0
_WRONG = (
    "The API key is not known, has expired or was revoked. Send a key of this server as "
    "`Authorization: Bearer sk-llmchat-…`; an admin makes one."
)


class Keys:
    """All that any door may do with keys. `now` gives the time that expiry is compared with."""

    def __init__(self, store: KeyStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._remembered: OrderedDict[KeyId, tuple[ApiKey, float]] = OrderedDict()
        self._noted: OrderedDict[KeyId, float] = OrderedDict()
        self._tasks = TaskSet()

    async def aclose(self) -> None:
        await self._tasks.cancel_all()

    async def create(
        self,
        user: OwnerId,
        name: str,
        scopes: Collection[Scope],
        *,
        expires_in: timedelta | None = None,
        allowance: Allowance = UNLIMITED,
    ) -> tuple[ApiKey, str]:
        """A new key, and its secret: the only time that anybody sees it."""
        key, secret = self._make(user, name, scopes, expires_in)
        key = replace(key, allowance=allowance)
        await self._store.add(key)
        return key, secret

    async def create_first(self) -> tuple[ApiKey, str] | None:
        """An admin's key and its secret, on the first start of all; None on any other."""
        key, secret = self._make(FIRST_USER, "first key", [Scope.ADMIN], None)
        return (key, secret) if await self._store.add_first(key) else None

    async def list(self) -> Sequence[ApiKey]:
        return await self._store.list()

    async def revoke(self, id: KeyId) -> ApiKey:
        """It opens nothing any more: in this process at once, in others within a second. Raises
        NotFound."""
        key = await self._store.revoke(id, self._now())
        self._remembered.pop(id, None)
        return key

    async def authenticate(self, secret: str) -> Principal:
        """Whoever has this secret. Raises Unauthenticated, with the same words whatever is wrong
        with it; StorageUnavailable."""
        form = _SECRET.fullmatch(secret)
        key = await self._find(KeyId(f"key_{form[1]}")) if form else None
        # Compared also when there is no such key: the time that it takes tells nothing.
        known = "" if key is None else key.digest
        matches = compare_digest(known, digest_of(secret))
        if key is None or not matches or not key.usable(self._now()):
            raise Unauthenticated(_WRONG)
        self._note_use(key.id)
        return Principal(key.user, key.scopes, key.id, allowance=key.allowance)

    def remembers(self, secret: str) -> bool:
        """Whether this process has let somebody in with it: it is then no guess."""
        form = _SECRET.fullmatch(secret)
        known = self._remembered.get(KeyId(f"key_{form[1]}")) if form else None
        return known is not None and compare_digest(known[0].digest, digest_of(secret))

    async def principal(self, id: KeyId) -> Principal:
        """Whoever showed this key before, if it is still good. Raises Unauthenticated,
        StorageUnavailable."""
        key = await self._find(id)
        if key is None or not key.usable(self._now()):
            raise Unauthenticated(_WRONG)
        self._note_use(id)
        return Principal(key.user, key.scopes, id, allowance=key.allowance)

    def _make(
        self, user: OwnerId, name: str, scopes: Collection[Scope], expires_in: timedelta | None
    ) -> tuple[ApiKey, str]:
        id = new_id("key")
        secret = f"sk-llmchat-{id.removeprefix('key_')}-{secrets.token_urlsafe(32)}"
        now = self._now()
        expires_at = None if expires_in is None else now + expires_in
        digest = digest_of(secret)
        return ApiKey(KeyId(id), user, name, frozenset(scopes), digest, now, expires_at), secret

    async def _find(self, id: KeyId) -> ApiKey | None:
        found, asked_at = self._remembered.get(id, (None, 0.0))
        if found is not None and time.monotonic() - asked_at < _REMEMBERED_SECONDS:
            return found
        asked_at = time.monotonic()
        key = await self._store.find(id)
        if key is not None:
            self._remembered[id] = key, asked_at
            if len(self._remembered) > _REMEMBERED_KEYS:
                self._remembered.popitem(last=False)
        return key

    def _note_use(self, id: KeyId) -> None:
        """Now and then: a write for each request would cost more than most requests."""
        now = time.monotonic()
        if now - self._noted.get(id, -_USED_EVERY_SECONDS) < _USED_EVERY_SECONDS:
            return
        self._noted[id] = now
        self._noted.move_to_end(id)
        if len(self._noted) > _REMEMBERED_KEYS:
            self._noted.popitem(last=False)
        self._tasks.spawn(self._write_use(id), name=f"use of {id}")

    async def _write_use(self, id: KeyId) -> None:
        try:
            await self._store.used(id, self._now())
        except StorageUnavailable:
            self._noted.pop(id, None)


def digest_of(secret: str) -> str:
    """SHA-256 is enough for 256 random bits: there is nothing to guess from."""
    return sha256(secret.encode()).hexdigest()
