"""Conversations in SQL: the list, the settings, the pages of messages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Right
from llmchat.domain import Conversation, Generation, Message, MessageOrder, Page, Params, Turn
from llmchat.errors import Malformed, NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId, new_id
from llmchat.store import turns
from llmchat.store.base import ConversationDraft, ReplyDraft, TurnDraft
from llmchat.store.branches import path, with_siblings
from llmchat.store.database import Database
from llmchat.store.members import is_shared_with, permitted
from llmchat.store.rows import ConversationRow, GenerationRow, MessageRow
from llmchat.store.upsert import inserting

_COLUMNS = {"metadata": "labels"}


class SqlConversationStore:
    """A ConversationStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        async with self._database.write() as session:
            row = ConversationRow(**self._columns(owner, draft))
            session.add(row)
            return row.to_domain()

    async def get_or_create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        async with self._database.write() as session:
            # Somebody else may make it, or delete it, between any two statements.
            while (row := await _by_external_id(session, owner, draft.external_id)) is None:
                new = inserting(session, ConversationRow).values(**self._columns(owner, draft))
                await session.execute(
                    new.on_conflict_do_nothing(index_elements=["owner", "external_id"])
                )
            return row.to_domain()

    async def get(
        self, owner: OwnerId, id: ConversationId, *, right: Right = Right.READ
    ) -> Conversation:
        async with self._database.read() as session:
            return (await permitted(session, owner, id, right)).to_domain()

    async def find(self, owner: OwnerId, external_id: str) -> Conversation:
        async with self._database.read() as session:
            row = await _by_external_id(session, owner, external_id)
        if row is None:
            raise NotFound(f"There is no session {external_id}.")
        return row.to_domain()

    async def list(
        self, owner: OwnerId, *, limit: int, cursor: str | None, query: str | None
    ) -> Page[Conversation]:
        found = select(ConversationRow)
        if cursor is not None:
            found = found.where(col(ConversationRow.seq) < number_of(cursor))
        if query:
            found = found.where(_contains(query))
        found = found.order_by(col(ConversationRow.seq).desc()).limit(limit + 1)
        async with self._database.read(unhurried=bool(query)) as session:
            # Two questions: with both in one, no index gives the newest first.
            own = await session.scalars(found.where(col(ConversationRow.owner) == owner))
            shared = await session.scalars(found.where(is_shared_with(owner)))
            rows = sorted([*own, *shared], key=lambda row: row.seq or 0, reverse=True)
        more = len(rows) > limit
        next_cursor = str(rows[limit - 1].seq) if more else None
        return Page([row.to_domain() for row in rows[:limit]], next_cursor)

    async def update(
        self, owner: OwnerId, id: ConversationId, changes: Mapping[str, Any]
    ) -> Conversation:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.CHANGE, locked=True)
            for name, value in changes.items():
                stored = value.as_json() if isinstance(value, Params) else value
                setattr(row, _COLUMNS.get(name, name), stored)
            row.updated_at = self._now()
            return row.to_domain()

    async def add_title(
        self, owner: OwnerId, id: ConversationId, title: str
    ) -> Conversation | None:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.CHANGE, locked=True)
            if row.title is not None:
                return None
            row.title = title
            row.updated_at = self._now()
            return row.to_domain()

    async def delete(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.OWN, locked=True)
            logs = await _generation_ids(session, id)
            await turns.forget_keys(session, id)
            await session.delete(row)
            return logs

    async def clear(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.OWN, locked=True)
            logs = await _generation_ids(session, id)
            await turns.forget_keys(session, id)
            for table in (MessageRow, GenerationRow):
                await session.execute(delete(table).where(col(table.conversation_id) == id))
            row.leaf_id = None
            row.updated_at = self._now()
            return logs

    async def messages(
        self,
        owner: OwnerId,
        id: ConversationId,
        *,
        limit: int,
        cursor: str | None,
        leaf: MessageId | None,
        order: MessageOrder,
    ) -> Page[Message]:
        window, begun = ({}, leaf) if cursor is None else _rest(cursor, order)
        async with self._database.read() as session:
            conversation = await permitted(session, owner, id, Right.READ)
            if begun is not None:
                await turns.message_in(session, id, begun)
            end = begun or conversation.leaf_id
            if end is None:
                return Page([], None)
            rows = await path(session, end, limit=limit + 1, order=order, **window)
            items = await with_siblings(session, rows[:limit])
        more = len(rows) > limit
        return Page(items, f"{rows[limit - 1].depth}.{end}" if more else None)

    async def message(self, owner: OwnerId, id: MessageId) -> Message:
        async with self._database.read() as session:
            row = await turns.message_for(session, owner, id)
            return (await with_siblings(session, [row]))[0]

    async def branch(self, leaf: MessageId) -> Sequence[Message]:
        async with self._database.read() as session:
            return [row.to_domain(()) for row in await path(session, leaf)]

    async def add_turn(self, owner: OwnerId, draft: TurnDraft) -> Turn:
        async with self._database.write() as session:
            id = draft.conversation_id
            conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            return await turns.add_turn(session, conversation, owner, draft, self._now())

    async def add_reply(self, owner: OwnerId, draft: ReplyDraft) -> Turn:
        async with self._database.write() as session:
            sibling = await turns.message_for(session, owner, draft.sibling_id)
            id = sibling.conversation_id
            conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            return await turns.add_reply(session, conversation, owner, sibling, draft, self._now())

    async def live(self, owner: OwnerId, id: ConversationId) -> Sequence[Generation]:
        async with self._database.read() as session:
            await permitted(session, owner, id, Right.READ)
            return [row.to_domain() for row in await turns.live_generations(session, id)]

    def _columns(self, owner: OwnerId, draft: ConversationDraft) -> dict[str, Any]:
        now = self._now()
        return {
            "id": new_id("conv"),
            "owner": owner,
            "external_id": draft.external_id,
            "title": draft.title,
            "system_prompt": draft.system_prompt,
            "model": draft.model,
            "params": draft.params.as_json(),
            "labels": dict(draft.metadata),
            "archived": False,
            "reply_mode": draft.reply_mode,
            "created_at": now,
            "updated_at": now,
        }


def number_of(cursor: str) -> int:
    """The number in one of our cursors."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise _foreign_cursor()
    return int(cursor)


def _rest(cursor: str, order: MessageOrder) -> tuple[dict[str, int], str]:
    """What is left of a branch, and its leaf: the pages stay on it, whatever is active by now."""
    depth, _, leaf = cursor.partition(".")
    if not leaf.startswith("msg_"):
        raise _foreign_cursor()
    return {"below" if order == "desc" else "above": number_of(depth)}, leaf


def _foreign_cursor() -> Malformed:
    return Malformed("The cursor is not one that this list gave: take it from next_cursor.")


async def _by_external_id(
    session: AsyncSession, owner: OwnerId, external_id: str | None
) -> ConversationRow | None:
    found: ConversationRow | None = await session.scalar(
        select(ConversationRow)
        .where(col(ConversationRow.owner) == owner)
        .where(col(ConversationRow.external_id) == external_id)
    )
    return found


def _contains(query: str) -> Any:
    in_text = (
        exists()
        .where(col(MessageRow.conversation_id) == col(ConversationRow.id))
        .where(col(MessageRow.content).icontains(query, autoescape=True))
    )
    return or_(col(ConversationRow.title).icontains(query, autoescape=True), in_text)


async def _generation_ids(session: AsyncSession, id: ConversationId) -> list[GenerationId]:
    ids = select(col(GenerationRow.id)).where(col(GenerationRow.conversation_id) == id)
    # Locked in the order in which they are renewed, or the two would wait for each other.
    ids = ids.order_by(col(GenerationRow.seq)).with_for_update()
    return [GenerationId(found) for found in await session.scalars(ids)]
