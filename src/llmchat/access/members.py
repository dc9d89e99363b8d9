"""Conversations that are shared: who may do what in one, and the port of the members' store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from llmchat.errors import Forbidden
from llmchat.ids import ConversationId, LinkId, OwnerId


class Right(StrEnum):
    """`read` sees it, `change` writes in it and stops answers, `own` deletes, clears and shares."""

    READ = "read"
    CHANGE = "change"
    OWN = "own"


class MemberRole(StrEnum):
    """What a conversation's owner lets somebody else be in it."""

    VIEWER = "viewer"
    EDITOR = "editor"

    def require(self, right: Right) -> None:
        """Raises Forbidden."""
        if right is Right.OWN:
            raise Forbidden(f"Only the conversation's owner may do this, and you are its {self}.")
        if right is Right.CHANGE and self is not MemberRole.EDITOR:
            raise Forbidden(
                f"This takes the role editor, and you are a {self} of the conversation. "
                "Its owner gives another role."
            )


@dataclass(frozen=True, slots=True)
class Member:
    user: OwnerId
    role: MemberRole
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """Whoever has its secret reads the conversation; only the secret's `digest` is kept."""

    id: LinkId
    conversation_id: ConversationId
    digest: str
    created_at: datetime


class MemberStore(Protocol):
    """Members and links of conversations. Every method is one short transaction; for who is
    neither owner nor member, the conversation does not exist: NotFound."""

    async def put(
        self, owner: OwnerId, id: ConversationId, user: OwnerId, role: MemberRole
    ) -> Member:
        """Make somebody a member, or give a member this role. Raises Forbidden unless it is the
        owner who asks; Invalid for the owner as a member, or when there are too many."""
        ...

    async def list(self, user: OwnerId, id: ConversationId) -> Sequence[Member]:
        """By their names, for the owner and every member."""
        ...

    async def remove(self, caller: OwnerId, id: ConversationId, user: OwnerId) -> None:
        """The owner removes anybody, a member may leave. Raises Forbidden, NotFound."""
        ...

    async def put_link(self, owner: OwnerId, link: Link) -> None:
        """It takes the place of the conversation's earlier one. Raises Forbidden."""
        ...

    async def remove_link(self, owner: OwnerId, id: ConversationId) -> None:
        """Also when there is none. Raises Forbidden."""
        ...

    async def find_link(self, digest: str) -> tuple[OwnerId, ConversationId] | None:
        """The owner of the conversation that it opens, and the conversation."""
        ...
