"""Conversations as one caller sees them: with their role, and whether an answer is under way; and
with their first words, where they have no title."""

from typing import Any

from sqlalchemy import Row, Select, and_, case, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import MemberRole, Right
from llmchat.domain import Conversation, Role, Status
from llmchat.errors import NotFound
from llmchat.ids import OwnerId
from llmchat.store.rows import ConversationRow, GenerationRow, MemberRow, MessageRow

Seen = tuple[ConversationRow, str | None, bool, str | None]
_OPENING_CHARS = 80
# As much of a message as is looked at: there may be line ends in it, and an indented text.
_READ_CHARS = 400


def sights(user: OwnerId) -> Select[*Seen]:
    """All conversations, the role of the user where they are a member, whether any is live, and
    what an untitled one begins with."""
    # The index holds those that are not closed: few, however many there were.
    live = select(col(GenerationRow.conversation_id)).where(
        col(GenerationRow.closed) == false(),
        col(GenerationRow.status).in_((Status.QUEUED, Status.STREAMING)),
    )
    here = and_(
        col(MemberRow.conversation_id) == col(ConversationRow.id), col(MemberRow.user) == user
    )
    said = (
        select(func.substr(MessageRow.content, 1, _READ_CHARS))
        .where(col(MessageRow.conversation_id) == col(ConversationRow.id))
        .where(col(MessageRow.role) == Role.USER, col(MessageRow.content) != "")
        .order_by(col(MessageRow.seq))
        .limit(1)
        .scalar_subquery()
    )
    found: Any = select(
        ConversationRow,
        col(MemberRow.role),
        col(ConversationRow.id).in_(live),
        case((col(ConversationRow.title).is_(None), said)),
    )
    joined: Select[*Seen] = found.outerjoin(MemberRow, here)
    return joined


def to_domain(sight: Row[*Seen]) -> Conversation:
    row, role, generating, said = sight
    return row.to_domain(
        role=MemberRole(role).value if role else "owner",
        generating=generating,
        opening=_opening(said),
    )


def _opening(said: str | None) -> str | None:
    words = " ".join((said or "").split())
    if len(words) > _OPENING_CHARS:
        words = f"{words[: _OPENING_CHARS - 1]}…"
    return words or None


async def seen_one(
    session: AsyncSession, user: OwnerId, id: str, right: Right = Right.READ
) -> Conversation:
    """Raises NotFound for who is neither its owner nor a member, Forbidden where the member's role
    does not include the right."""
    own_or_shared = or_(col(ConversationRow.owner) == user, col(MemberRow.role).is_not(None))
    its = sights(user).where(col(ConversationRow.id) == id, own_or_shared)
    found = (await session.execute(its)).one_or_none()
    if found is None:
        raise NotFound(f"There is no conversation {id}.")
    if found[1] is not None:
        MemberRole(found[1]).require(right)
    return to_domain(found)
