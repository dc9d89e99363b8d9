"""Notes in SQL: messages of people to each other, which get no answer."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Right
from llmchat.domain import Note, Part, Role, Status
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.store import turns
from llmchat.store.branches import with_siblings
from llmchat.store.database import Database
from llmchat.store.drafts import ActiveLeaf, IdempotencyKey
from llmchat.store.idempotency import known, remember
from llmchat.store.members import permitted
from llmchat.store.payloads import parts_json
from llmchat.store.questions import new_message
from llmchat.store.rows import MessageRow
from llmchat.store.searchable import add_words


class SqlNoteStore:
    """A NoteStore (see chat.speaking). The idempotency key of a note stands for its message."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(
        self,
        author: OwnerId,
        id: ConversationId,
        content: str,
        *,
        parts: Sequence[Part],
        parent_id: MessageId | ActiveLeaf | None,
        idempotency: IdempotencyKey | None,
    ) -> Note | None:
        async with self._database.write() as session:
            conversation = await permitted(session, author, id, Right.CHANGE, locked=True)
            now = self._now()
            parent = await turns.parent_of(session, conversation, parent_id)
            row = new_message(conversation, parent, Role.USER, content, Status.COMPLETE, now)
            if idempotency is not None:
                made = await remember(session, author, idempotency, row.id, now)
                if made is not None:
                    return await _made(session, made)
            row.author, row.parts = author, parts_json(parts)
            session.add(row)
            conversation.leaf_id = row.id
            conversation.updated_at = now
            await session.flush()
            conversation.latest = row.seq or 0
            await add_words(session, id, row.id, content)
            return Note((await with_siblings(session, [row]))[0])

    async def made(self, author: OwnerId, idempotency: IdempotencyKey) -> Note | None:
        async with self._database.read() as session:
            made = await known(session, author, idempotency, self._now())
            return None if made is None else await _made(session, made)


async def _made(session: AsyncSession, id: str) -> Note | None:
    """None when the key stands for a generation."""
    row: MessageRow | None = await session.scalar(
        select(MessageRow).where(col(MessageRow.id) == id)
    )
    if row is None:
        return None
    (message,) = await with_siblings(session, [row])
    return Note(message, replayed=True)
