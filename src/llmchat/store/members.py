"""Members of conversations in SQL, and the one check of who may do what in which."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Link, Member, MemberRole, Right
from llmchat.errors import Invalid, NotFound
from llmchat.ids import ConversationId, OwnerId
from llmchat.store.database import Database
from llmchat.store.rows import ConversationRow, LinkRow, MemberRow
from llmchat.store.upsert import inserting

_MOST_MEMBERS = 256


class SqlMemberStore:
    """A MemberStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def put(
        self, owner: OwnerId, id: ConversationId, user: OwnerId, role: MemberRole
    ) -> Member:
        async with self._database.write() as session:
            await permitted(session, owner, id, Right.OWN, locked=True)
            if user == owner:
                raise Invalid(f"{user} owns the conversation, and needs no role in it.")
            row = await _member(session, id, user)
            if row is None:
                await _refuse_more(session, id)
                row = MemberRow(conversation_id=id, user=user, role=role, created_at=self._now())
                session.add(row)
            row.role = role
            return row.to_member()

    async def list(self, user: OwnerId, id: ConversationId) -> Sequence[Member]:
        async with self._database.read() as session:
            await permitted(session, user, id, Right.READ)
            its = select(MemberRow).where(col(MemberRow.conversation_id) == id)
            rows = await session.scalars(its.order_by(col(MemberRow.user)))
            return sorted((row.to_member() for row in rows), key=lambda member: member.user)

    async def remove(self, caller: OwnerId, id: ConversationId, user: OwnerId) -> None:
        right = Right.READ if caller == user else Right.OWN
        async with self._database.write() as session:
            await permitted(session, caller, id, right, locked=True)
            row = await _member(session, id, user)
            if row is None:
                raise NotFound(f"The conversation {id} has no member {user}.")
            await session.delete(row)

    async def put_link(self, owner: OwnerId, link: Link) -> None:
        values = {"id": link.id, "digest": link.digest, "created_at": link.created_at}
        async with self._database.write() as session:
            await permitted(session, owner, link.conversation_id, Right.OWN, locked=True)
            new = inserting(session, LinkRow).values(conversation_id=link.conversation_id, **values)
            await session.execute(
                new.on_conflict_do_update(index_elements=["conversation_id"], set_=values)
            )

    async def remove_link(self, owner: OwnerId, id: ConversationId) -> None:
        async with self._database.write() as session:
            await permitted(session, owner, id, Right.OWN, locked=True)
            await session.execute(delete(LinkRow).where(col(LinkRow.conversation_id) == id))

    async def find_link(self, digest: str) -> tuple[OwnerId, ConversationId] | None:
        its = (
            select(ConversationRow)
            .join(LinkRow, col(LinkRow.conversation_id) == col(ConversationRow.id))
            .where(col(LinkRow.digest) == digest)
        )
        async with self._database.read() as session:
            row = await session.scalar(its)
        return None if row is None else (OwnerId(row.owner), ConversationId(row.id))


async def permitted(
    session: AsyncSession, user: OwnerId, id: str, right: Right, *, locked: bool = False
) -> ConversationRow:
    """The conversation, if it is the user's or they are a member of it: to anybody else it does not
    exist. Raises Forbidden where the member's role does not include the right. `locked`: until the
    end of the transaction nobody else sends to it, settles in it, shares it or deletes it."""
    its = select(ConversationRow).where(col(ConversationRow.id) == id, is_open_to(user))
    row: ConversationRow | None = await session.scalar(its.with_for_update() if locked else its)
    if row is None:
        raise _no_conversation(id)
    if row.owner != user:
        # Asked behind the lock: they may have been removed while we waited for it.
        member = await _member(session, id, user)
        if member is None:
            raise _no_conversation(id)
        MemberRole(member.role).require(right)
    return row


def is_open_to(user: OwnerId) -> ColumnElement[bool]:
    """Of a conversation: the user's own, or shared with them."""
    return or_(col(ConversationRow.owner) == user, is_shared_with(user))


def is_shared_with(user: OwnerId) -> ColumnElement[bool]:
    shared = select(col(MemberRow.conversation_id)).where(col(MemberRow.user) == user)
    return col(ConversationRow.id).in_(shared)


async def role_in(session: AsyncSession, user: OwnerId, id: str) -> MemberRole | None:
    row = await _member(session, id, user)
    return None if row is None else MemberRole(row.role)


async def _member(session: AsyncSession, id: str, user: OwnerId) -> MemberRow | None:
    row: MemberRow | None = await session.scalar(
        select(MemberRow).where(col(MemberRow.conversation_id) == id, col(MemberRow.user) == user)
    )
    return row


async def _refuse_more(session: AsyncSession, id: str) -> None:
    its = select(func.count()).where(col(MemberRow.conversation_id) == id)
    if (await session.scalar(its) or 0) >= _MOST_MEMBERS:
        raise Invalid(
            f"A conversation has {_MOST_MEMBERS} members at most. Remove one to add another."
        )


def _no_conversation(id: str) -> NotFound:
    return NotFound(f"There is no conversation {id}.")
