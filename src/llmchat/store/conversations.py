"""Conversations in SQL: the list, the settings, the pages of messages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Right
from llmchat.domain import (
    EVERYTHING,
    Conversation,
    Generation,
    Message,
    MessageOrder,
    Page,
    Params,
    Turn,
    Wanted,
)
from llmchat.errors import NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId, new_id
from llmchat.store import idempotency, turns
from llmchat.store.branches import newest_leaf, path, with_siblings
from llmchat.store.clientmessages import name_message
from llmchat.store.database import Database
from llmchat.store.drafts import ConversationDraft, ReplyDraft, TurnDraft
from llmchat.store.feedback import with_feedback
from llmchat.store.listing import foreign_cursor, newest, number_of, page_of
from llmchat.store.members import permitted
from llmchat.store.payloads import given_columns
from llmchat.store.publications import publish
from llmchat.store.rows import ConversationRow, GenerationRow, MessageRow
from llmchat.store.searchable import add_words, retitle
from llmchat.store.seen import seen_one
from llmchat.store.upsert import inserting

_COLUMNS = {"metadata": "labels", "active_leaf": "leaf_id"}


class SqlConversationStore:
    """A ConversationStore. `published`: a broker is told what is answered in conversations that
    were reached over it."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], *, published: bool = False
    ) -> None:
        self._database = database
        self._now = now
        self._published = published

    async def create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        async with self._database.write() as session:
            row = ConversationRow(**self._columns(owner, draft, await newest(session, owner)))
            session.add(row)
            await session.flush()
            await add_words(session, row.id, None, draft.title or "")
            return row.to_domain()

    async def get_or_create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        async with self._database.write() as session:
            # Somebody else may make it, or delete it, between any two statements.
            while (row := await _by_external_id(session, owner, draft.external_id)) is None:
                values = self._columns(owner, draft, await newest(session, owner))
                new = inserting(session, ConversationRow).values(**values)
                made = await session.scalar(
                    new.on_conflict_do_nothing(index_elements=["owner", "external_id"]).returning(
                        col(ConversationRow.id)
                    )
                )
                if made is not None:
                    await add_words(session, made, None, draft.title or "")
            return await seen_one(session, owner, row.id)

    async def get(
        self, owner: OwnerId, id: ConversationId, *, right: Right = Right.READ
    ) -> Conversation:
        async with self._database.read() as session:
            return await seen_one(session, owner, id, right)

    async def find(self, owner: OwnerId, external_id: str) -> Conversation:
        async with self._database.read() as session:
            row = await _by_external_id(session, owner, external_id)
            if row is None:
                raise NotFound(f"There is no session {external_id}.")
            return await seen_one(session, owner, row.id)

    async def list(
        self, owner: OwnerId, wanted: Wanted = EVERYTHING, *, limit: int, cursor: str | None
    ) -> Page[Conversation]:
        async with self._database.read(unhurried=bool(wanted.query)) as session:
            return await page_of(session, owner, wanted, limit=limit, cursor=cursor)

    async def update(
        self, owner: OwnerId, id: ConversationId, changes: Mapping[str, Any]
    ) -> Conversation:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.CHANGE, locked=True)
            for name, value in changes.items():
                setattr(row, _COLUMNS.get(name, name), await _stored(session, row, name, value))
            row.updated_at = self._now()
            if "title" in changes:
                await retitle(session, id, row.title)
            return await seen_one(session, owner, id)

    async def add_title(
        self, owner: OwnerId, id: ConversationId, title: str
    ) -> Conversation | None:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.CHANGE, locked=True)
            if row.title is not None:
                return None
            row.title = title
            row.updated_at = self._now()
            await retitle(session, id, title)
            return await seen_one(session, owner, id)

    async def delete(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.OWN, locked=True)
            logs = await _generation_ids(session, id)
            await idempotency.forget_keys(session, id)
            await session.delete(row)
            return logs

    async def clear(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        async with self._database.write() as session:
            row = await permitted(session, owner, id, Right.OWN, locked=True)
            logs = await _generation_ids(session, id)
            await idempotency.forget_keys(session, id)
            for table in (MessageRow, GenerationRow):
                await session.execute(delete(table).where(col(table.conversation_id) == id))
            row.leaf_id = None
            # What has lost its messages stays at its place in the list.
            row.born = row.latest
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
            items = await with_feedback(session, owner, items)
        more = len(rows) > limit
        return Page(items, f"{rows[limit - 1].depth}.{end}" if more else None)

    async def message(self, owner: OwnerId, id: MessageId) -> Message:
        async with self._database.read() as session:
            row = await turns.message_for(session, owner, id)
            return (await with_siblings(session, [row]))[0]

    async def branch(self, leaf: MessageId) -> Sequence[Message]:
        async with self._database.read() as session:
            rows = await path(session, leaf)
            last = await with_siblings(session, rows[-1:])
        return [*(row.to_domain(()) for row in rows[:-1]), *last]

    async def add_turn(self, owner: OwnerId, draft: TurnDraft) -> Turn:
        async with self._database.write() as session:
            id = draft.conversation_id
            if isinstance(id, ConversationDraft):
                begun = self._columns(owner, id, await newest(session, owner))
                conversation = ConversationRow(**begun)
            else:
                conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            turn = await turns.add_turn(session, conversation, owner, draft, self._now())
            if draft.client_id is not None and not turn.replayed:
                await name_message(session, turn.message, draft.client_id)
            if self._published:
                await publish(session, turn, draft.asker)
            return turn

    async def add_reply(self, owner: OwnerId, draft: ReplyDraft) -> Turn:
        async with self._database.write() as session:
            sibling = await turns.message_for(session, owner, draft.sibling_id)
            id = sibling.conversation_id
            conversation = await permitted(session, owner, id, Right.CHANGE, locked=True)
            turn = await turns.add_reply(session, conversation, owner, sibling, draft, self._now())
            if self._published:
                await publish(session, turn, None)
            return turn

    async def live(self, owner: OwnerId, id: ConversationId) -> Sequence[Generation]:
        async with self._database.read() as session:
            await permitted(session, owner, id, Right.READ)
            return [row.to_domain() for row in await turns.live_generations(session, id)]

    def _columns(self, owner: OwnerId, draft: ConversationDraft, newest: int) -> dict[str, Any]:
        now = self._now()
        return {
            "id": draft.id or new_id("conv"),
            "owner": owner,
            "external_id": draft.external_id,
            "title": draft.title,
            "system_prompt": draft.system_prompt,
            "model": draft.model,
            "params": draft.params.as_json(),
            "labels": dict(draft.metadata),
            "archived": False,
            "latest": newest,
            "born": newest,
            "reply_mode": draft.reply_mode,
            **given_columns(draft.template),
            "created_at": now,
            "updated_at": now,
        }


def _rest(cursor: str, order: MessageOrder) -> tuple[dict[str, int], str]:
    """What is left of a branch, and its leaf: the pages stay on it, whatever is active by now."""
    depth, _, leaf = cursor.partition(".")
    if not leaf.startswith("msg_"):
        raise foreign_cursor()
    return {"below" if order == "desc" else "above": number_of(depth)}, leaf


async def _by_external_id(
    session: AsyncSession, owner: OwnerId, external_id: str | None
) -> ConversationRow | None:
    found: ConversationRow | None = await session.scalar(
        select(ConversationRow)
        .where(col(ConversationRow.owner) == owner)
        .where(col(ConversationRow.external_id) == external_id)
    )
    return found


async def _stored(session: AsyncSession, row: ConversationRow, name: str, value: Any) -> Any:
    if name == "active_leaf":
        return await newest_leaf(session, await turns.message_in(session, row.id, value))
    return value.as_json() if isinstance(value, Params) else value


async def _generation_ids(session: AsyncSession, id: ConversationId) -> list[GenerationId]:
    ids = select(col(GenerationRow.id)).where(col(GenerationRow.conversation_id) == id)
    # Locked in the order in which they are renewed, or the two would wait for each other.
    ids = ids.order_by(col(GenerationRow.seq)).with_for_update()
    return [GenerationId(found) for found in await session.scalars(ids)]
