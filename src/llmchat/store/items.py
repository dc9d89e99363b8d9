"""Messages that are put into a conversation, or taken out of it, without an answer, in SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Update, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Right
from llmchat.domain import Message, Role, Status
from llmchat.errors import Busy, NotFound
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.prompts import PromptMessage
from llmchat.store.branches import with_siblings
from llmchat.store.database import Database
from llmchat.store.members import permitted
from llmchat.store.questions import given
from llmchat.store.rows import ConversationRow, MessageRow
from llmchat.store.searchable import add_words, forget_words
from llmchat.store.turns import message_in


class SqlItemStore:
    """An ItemStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def append(
        self, owner: OwnerId, id: ConversationId, messages: Sequence[PromptMessage]
    ) -> Sequence[Message]:
        async with self._database.write() as session:
            conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            leaf = conversation.leaf_id
            parent = None if leaf is None else await message_in(session, id, leaf)
            if parent is not None and Status(parent.status).live:
                raise Busy(str(parent.generation_id))
            rows = given(conversation, parent, messages, self._now())
            for row in rows:
                row.author = None if row.role == Role.ASSISTANT else owner
            if not rows:
                return []
            session.add_all(rows)
            conversation.leaf_id = rows[-1].id
            conversation.updated_at = self._now()
            await session.flush()
            conversation.latest = rows[-1].seq or 0
            for row in rows:
                await add_words(session, id, row.id, row.content)
            return await with_siblings(session, rows)

    async def remove(
        self,
        owner: OwnerId,
        id: ConversationId,
        message_id: MessageId,
        piece: str,
        place: int,
    ) -> None:
        async with self._database.write() as session:
            conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            message = await message_in(session, id, message_id)
            if Status(message.status).live:
                raise Busy(str(message.generation_id))
            match piece:
                case "content":
                    message.content, message.parts = "", None
                    await forget_words(session, message.id)
                case "reasoning":
                    message.reasoning = ""
                case _:
                    message.tool_calls = _without(message.tool_calls or [], place)
            conversation.updated_at = self._now()
            if not (message.content or message.parts or message.reasoning or message.tool_calls):
                await _take_out(session, conversation, message)


def _without(calls: Sequence[object], place: int) -> list[object] | None:
    if place >= len(calls):
        raise NotFound("There is no such item in this conversation.")
    return [*calls[:place], *calls[place + 1 :]] or None


async def _take_out(
    session: AsyncSession, conversation: ConversationRow, message: MessageRow
) -> None:
    """What is behind it goes on from what is before it."""
    behind = col(MessageRow.parent_id) == message.id
    joined: Update = update(MessageRow).where(behind).values(parent_id=message.parent_id)
    await session.execute(joined)
    if conversation.leaf_id == message.id:
        conversation.leaf_id = message.parent_id
    await session.delete(message)
