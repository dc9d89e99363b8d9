"""What clients call their messages, and where those are in the tree, in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.access.members import Right
from llmchat.domain import Message
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.store.branches import with_siblings
from llmchat.store.columns import child_of
from llmchat.store.database import Database
from llmchat.store.members import permitted
from llmchat.store.rows import MessageRow
from llmchat.store.turns import message_for
from llmchat.store.upsert import inserting

# From a message down its newest answer: results of tools and what was said to them, up to the next
# question.
_ANSWER = text("""
WITH RECURSIVE answer (id, depth) AS (
    SELECT id, depth FROM message WHERE id = :id
    UNION ALL
    SELECT m.id, m.depth FROM answer a JOIN message m ON m.id = (
        SELECT c.id FROM message c
        WHERE c.parent_id = a.id AND c.role IN ('assistant', 'tool') ORDER BY c.seq DESC LIMIT 1
    )
)
SELECT message.* FROM answer JOIN message ON message.id = answer.id ORDER BY answer.depth
""")


class ClientMessageRow(SQLModel, table=True):
    """An edited message keeps its client's name, which then means the newest version."""

    __tablename__: ClassVar[Any] = "client_message"
    __table_args__: ClassVar[Any] = (Index("client_message_message", "message_id"),)

    conversation_id: str = child_of("conversation", primary_key=True)
    client_id: str = Field(primary_key=True)
    message_id: str = child_of("message")


class SqlClientMessages:
    """A ClientMessages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(
        self, caller: OwnerId, id: ConversationId, names: Sequence[str]
    ) -> Mapping[str, Message]:
        async with self._database.read() as session:
            await permitted(session, caller, id, Right.READ)
            own = {name: name for name in names if name.startswith("msg_")}
            ids = own | await _ids(session, id, names)
            its = select(MessageRow).where(col(MessageRow.conversation_id) == id)
            rows = await session.scalars(its.where(col(MessageRow.id).in_(ids.values())))
            found = {message.id: message for message in await with_siblings(session, rows.all())}
        return {name: found[MessageId(to)] for name, to in ids.items() if to in found}

    async def answer_from(self, caller: OwnerId, id: MessageId) -> Sequence[Message]:
        async with self._database.read() as session:
            await message_for(session, caller, id)
            rows = await session.scalars(select(MessageRow).from_statement(_ANSWER), {"id": id})
            return [row.to_domain(()) for row in rows]


async def _ids(session: AsyncSession, id: str, names: Sequence[str]) -> dict[str, str]:
    columns = select(col(ClientMessageRow.client_id), col(ClientMessageRow.message_id))
    its = columns.where(col(ClientMessageRow.conversation_id) == id)
    found = await session.execute(its.where(col(ClientMessageRow.client_id).in_(names)))
    return {name: to for name, to in found}  # noqa: C416 - of rows, which no dict() takes typed


async def name_message(session: AsyncSession, message: Message, client_id: str) -> None:
    """From now on, this is what the client means by that name."""
    values = {"conversation_id": message.conversation_id, "client_id": client_id}
    new = inserting(session, ClientMessageRow).values(message_id=message.id, **values)
    await session.execute(
        new.on_conflict_do_update(index_elements=list(values), set_={"message_id": message.id})
    )
