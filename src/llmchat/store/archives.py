"""Whole conversations in SQL: read at once, and added at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from llmchat.access.members import Right
from llmchat.domain import Conversation, Message, Status
from llmchat.errors import Invalid
from llmchat.ids import ConversationId, MessageId, OwnerId, new_id
from llmchat.library.base import Archive
from llmchat.library.trees import from_the_root
from llmchat.library.words import words_of
from llmchat.store.database import Database
from llmchat.store.feedback import FeedbackRow
from llmchat.store.listing import newest
from llmchat.store.payloads import parts_json, problem_json, tool_calls_json, usage_json
from llmchat.store.rows import ConversationRow, MessageRow
from llmchat.store.searchable import SearchableRow, add_words
from llmchat.store.seen import seen_one

_BATCH = 200


class SqlArchiveStore:
    """An ArchiveStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def read(self, user: OwnerId, id: ConversationId) -> Archive:
        its = col(MessageRow.conversation_id) == id
        judged = select(FeedbackRow).join(
            MessageRow, col(MessageRow.id) == col(FeedbackRow.message_id)
        )
        async with self._database.read(unhurried=True) as session:
            conversation = await seen_one(session, user, id, Right.READ)
            rows = await session.scalars(
                select(MessageRow).where(its).order_by(col(MessageRow.seq))
            )
            messages = [row.to_domain(()) for row in rows]
            own = judged.where(its, col(FeedbackRow.user) == user)
            given = {row.message_id: row.to_domain() for row in await session.scalars(own)}
        return Archive(
            conversation,
            [replace(message, feedback=given.get(message.id)) for message in messages],
        )

    async def add(self, owner: OwnerId, archive: Archive) -> Conversation:
        placed = from_the_root(archive.messages)
        ids = {message.id: MessageId(new_id("msg")) for message, _ in placed}
        leaf = archive.conversation.active_leaf
        if leaf is not None and leaf not in ids:
            raise Invalid(f"The active leaf {leaf} is none of the messages in the file.")
        new = ConversationId(new_id("conv"))
        messages = [_message(owner, new, message, depth, ids) for message, depth in placed]
        # Not within the transaction, in which others would wait for it.
        words = [words_of(message.content) for message, _ in placed]
        end = ids[leaf] if leaf is not None else messages[-1]["id"] if messages else None
        async with self._database.write(unhurried=True) as session:
            session.add(_conversation(owner, new, archive.conversation, end))
            await session.flush()
            await add_words(session, new, None, archive.conversation.title or "")
            await _insert(session, MessageRow, messages)
            await _insert(session, SearchableRow, _searchable(new, messages, words))
            await _insert(session, FeedbackRow, self._feedback(owner, archive.messages, ids))
            await _put_in_list(session, new, owner)
            return await seen_one(session, owner, new)

    def _feedback(
        self, owner: OwnerId, messages: Sequence[Message], ids: Mapping[MessageId, MessageId]
    ) -> list[dict[str, Any]]:
        return [
            {
                "message_id": ids[message.id],
                "user": owner,
                "rating": message.feedback.rating,
                "comment": message.feedback.comment,
                "updated_at": self._now(),
            }
            for message in messages
            if message.feedback is not None
        ]


async def _insert(
    session: AsyncSession, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]
) -> None:
    for begin in range(0, len(rows), _BATCH):
        await session.execute(insert(table), rows[begin : begin + _BATCH])


async def _put_in_list(session: AsyncSession, id: str, owner: OwnerId) -> None:
    row = (
        await session.scalars(select(ConversationRow).where(col(ConversationRow.id) == id))
    ).one()
    row.latest = row.born = await newest(session, owner)


def _conversation(
    owner: OwnerId, id: ConversationId, found: Conversation, leaf: str | None
) -> ConversationRow:
    return ConversationRow(
        id=id,
        owner=owner,
        title=found.title,
        system_prompt=found.system_prompt,
        model=found.model,
        params=found.params.as_json(),
        labels=dict(found.metadata),
        archived=found.archived,
        pinned=found.pinned,
        reply_mode=found.reply_mode,
        leaf_id=leaf,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _message(
    owner: OwnerId,
    conversation: str,
    found: Message,
    depth: int,
    ids: Mapping[MessageId, MessageId],
) -> dict[str, Any]:
    return {
        "id": ids[found.id],
        "conversation_id": conversation,
        "parent_id": None if found.parent_id is None else ids[found.parent_id],
        "depth": depth,
        "role": found.role,
        "content": found.content,
        "parts": parts_json(found.parts),
        "tool_calls": tool_calls_json(found.tool_calls),
        "tool_call_id": found.tool_call_id,
        "reasoning": found.reasoning,
        # Nobody writes it any more.
        "status": Status.INTERRUPTED if found.status.live else found.status,
        "model": found.model,
        "usage": usage_json(found.usage),
        "error": problem_json(found.error),
        # A file may say anything of others.
        "author": owner if found.author == owner else None,
        "created_at": found.created_at,
    }


def _searchable(
    conversation: str, messages: Sequence[Mapping[str, Any]], words: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {"conversation_id": conversation, "message_id": message["id"], "words": its}
        for message, its in zip(messages, words, strict=True)
        if its
    ]
