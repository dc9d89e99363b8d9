"""Conversations as one caller sees them: with their role, and whether an answer is under way."""

from typing import Any

from sqlalchemy import Row, Select, and_, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import MemberRole, Right
from llmchat.domain import Conversation, Status
from llmchat.errors import NotFound
from llmchat.ids import OwnerId
from llmchat.store.rows import ConversationRow, GenerationRow, MemberRow


def sights(user: OwnerId) -> Select[ConversationRow, str | None, bool]:
    """All conversations, the role of the user where they are a member, whether any is live."""
    # The index holds those that are not closed: few, however many there were.
    live = select(col(GenerationRow.conversation_id)).where(
        col(GenerationRow.closed) == false(),
        col(GenerationRow.status).in_((Status.QUEUED, Status.STREAMING)),
    )
    here = and_(
        col(MemberRow.conversation_id) == col(ConversationRow.id), col(MemberRow.user) == user
    )
    found: Any = select(ConversationRow, col(MemberRow.role), col(ConversationRow.id).in_(live))
    joined: Select[ConversationRow, str | None, bool] = found.outerjoin(MemberRow, here)
    return joined


def to_domain(sight: Row[ConversationRow, str | None, bool]) -> Conversation:
    row, role, generating = sight
    return row.to_domain(role=MemberRole(role).value if role else "owner", generating=generating)


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
