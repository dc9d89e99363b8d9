"""Who calls, what they may do and what they did: the words for it, and the ports of its stores."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from llmchat.errors import Forbidden
from llmchat.ids import KeyId, OwnerId


class Scope(StrEnum):
    """What a key is for. `chat` may read as well, `admin` may do everything."""

    CHAT = "chat"
    READ = "read"
    ADMIN = "admin"


_INCLUDED = {
    Scope.READ: {Scope.READ, Scope.CHAT, Scope.ADMIN},
    Scope.CHAT: {Scope.CHAT, Scope.ADMIN},
    Scope.ADMIN: {Scope.ADMIN},
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much somebody may use up in a day and in a month, both of UTC; None is any amount. Tokens
    are those of the input and the output, money is in US dollars."""

    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    usd_per_day: Decimal | None = None
    usd_per_month: Decimal | None = None

    @property
    def unlimited(self) -> bool:
        return self == UNLIMITED

    def as_json(self) -> dict[str, int | str]:
        """The members that are set; dollars as text, so that none of their digits is lost."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, members: Mapping[str, int | str]) -> "Allowance":
        values: dict[str, Any] = dict(members)
        dollars = {name: Decimal(values[name]) for name in values if name.startswith("usd_")}
        return cls(**values | dollars)


UNLIMITED = Allowance()


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose word was checked. Everything that belongs to `user` is theirs; the scopes say
    what they may do with it, and none gives access to what is another's."""

    user: OwnerId
    scopes: frozenset[Scope]
    key_id: KeyId | None = None
    expires_at: float | None = None
    """When a token's word ends, in seconds since the epoch; a key's is asked for again."""
    allowance: Allowance = UNLIMITED
    """What the key may use up."""

    def require(self, scope: Scope) -> None:
        """Raises Forbidden unless the scopes include this one."""
        if not self.scopes & _INCLUDED[scope]:
            have = ", ".join(sorted(self.scopes)) or "none"
            lacking = f"the key has {have}. An admin makes another key."
            if self.expires_at is not None:
                lacking = f"the token has {have}. Its issuer gives scopes."
            raise Forbidden(f"This takes the scope {scope}, and {lacking}")


ACTING: ContextVar[Principal | None] = ContextVar("acting", default=None)
"""For whom the current task works, from the door on: as on its log lines, so on its bill. Between
the door and the bill nobody needs to know, so no call in between passes it on."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`digest` is all that is kept of its secret."""

    id: KeyId
    user: OwnerId
    name: str
    scopes: frozenset[Scope]
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    allowance: Allowance = UNLIMITED

    def usable(self, now: datetime) -> bool:
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired


class KeyStore(Protocol):
    """API keys. Every method is one short transaction."""

    async def add(self, key: ApiKey) -> None: ...

    async def add_first(self, key: ApiKey) -> bool:
        """Add it if there was never any key; of several who try at once, one gets True."""
        ...

    async def find(self, id: KeyId) -> ApiKey | None: ...

    async def list(self) -> Sequence[ApiKey]:
        """All of them, the oldest first; the revoked ones, too."""
        ...

    async def revoke(self, id: KeyId, at: datetime) -> ApiKey:
        """It keeps the time of its first revocation. Raises NotFound."""
        ...

    async def used(self, id: KeyId, at: datetime) -> None:
        """Note that it was in use then."""
        ...


class Action(StrEnum):
    """What the audit keeps: who may call, who sees what, and what is gone for good; and who
    changes what others are given."""

    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    SESSION_CREATE = "session.create"
    SESSION_DELETE = "session.delete"
    MEMBER_ADD = "member.add"
    MEMBER_REMOVE = "member.remove"
    LINK_CREATE = "link.create"
    LINK_REVOKE = "link.revoke"
    CONVERSATION_DELETE = "conversation.delete"
    CONVERSATION_CLEAR = "conversation.clear"
    GENERATION_STOP = "generation.stop"
    """An admin's, of anybody's; that people stop their own answers is not kept."""
    TEMPLATE_CHANGE = "template.change"
    TEMPLATE_ARCHIVE = "template.archive"
    EXPERIMENT_CHANGE = "experiment.change"


class Outcome(StrEnum):
    """`unknown`: the storage failed meanwhile, so it may have happened or not."""

    DONE = "done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, and in which request. `user` is None where only the key is known;
    `address` and `request_id` are None where it was no request."""

    user: OwnerId | None
    key_id: KeyId | None = None
    address: str | None = None
    request_id: str | None = None


OPERATOR = Actor(OwnerId("(operator)"))
"""Whoever starts the service and has its commands. No user can have this name."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`object_id` is what it was done to: an id, never a text of a user's or a secret."""

    at: datetime
    actor: Actor
    action: Action
    object_id: str | None
    outcome: Outcome = Outcome.DONE


class AuditStore(Protocol):
    """What was done. Entries are added and never changed."""

    async def add(self, entry: AuditEntry) -> None:
        """Raises StorageUnavailable."""
        ...

    async def list(self) -> Sequence[AuditEntry]:
        """All of them, in the order in which they were added."""
        ...
