"""Conversations and their messages, as any door may read and change them."""

from collections.abc import Mapping
from typing import Any

from llmchat.access.members import Right
from llmchat.chat.feed import ConversationChanged, ConversationDeleted
from llmchat.chat.news import News
from llmchat.chat.stopping import Stopping
from llmchat.domain import Conversation, Generation, Message, MessageOrder, Page, Wanted
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.store.base import ConversationStore
from llmchat.store.drafts import ConversationDraft
from llmchat.tokenlog.base import TokenLog


class HistoryService:
    """Every method raises NotFound for what is not the owner's, as if it did not exist,
    unless it is shared: then Forbidden for what a member's role does not include."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        log: TokenLog,
        stopping: Stopping,
        news: News,
    ) -> None:
        self._conversations = conversations
        self._log = log
        self._stopping = stopping
        self._news = news

    async def create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        return await self._conversations.create(owner, draft)

    async def open_session(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        """The conversation with the draft's `external_id`, created when new."""
        return await self._conversations.get_or_create(owner, draft)

    async def session(self, owner: OwnerId, external_id: str) -> Conversation:
        return await self._conversations.find(owner, external_id)

    async def get(
        self, owner: OwnerId, id: ConversationId, *, right: Right = Right.READ
    ) -> Conversation:
        return await self._conversations.get(owner, id, right=right)

    async def live(self, owner: OwnerId, id: ConversationId) -> list[Generation]:
        return list(await self._conversations.live(owner, id))

    async def list(
        self, owner: OwnerId, wanted: Wanted, *, limit: int, cursor: str | None
    ) -> Page[Conversation]:
        return await self._conversations.list(owner, wanted, limit=limit, cursor=cursor)

    async def update(
        self, owner: OwnerId, id: ConversationId, changes: Mapping[str, Any]
    ) -> Conversation:
        conversation = await self._conversations.update(owner, id, changes)
        self._news.announce(conversation.owner, id, ConversationChanged(conversation))
        return conversation

    async def delete(self, owner: OwnerId, id: ConversationId) -> None:
        """Stop what is live, delete everything, logs included."""
        await self._stop_all(owner, id)
        logs = await self._conversations.delete(owner, id)
        await self._log.delete(logs)
        self._news.announce(owner, id, ConversationDeleted())

    async def clear(self, owner: OwnerId, id: ConversationId) -> None:
        """Delete the messages, keep the conversation."""
        await self._stop_all(owner, id)
        logs = await self._conversations.clear(owner, id)
        await self._log.delete(logs)
        self._news.announce(owner, id, ConversationChanged(await self.get(owner, id)))

    async def messages(
        self,
        owner: OwnerId,
        id: ConversationId,
        *,
        limit: int,
        cursor: str | None = None,
        leaf: MessageId | None = None,
        order: MessageOrder = "asc",
    ) -> Page[Message]:
        return await self._conversations.messages(
            owner, id, limit=limit, cursor=cursor, leaf=leaf, order=order
        )

    async def _stop_all(self, owner: OwnerId, id: ConversationId) -> None:
        await self._conversations.get(owner, id, right=Right.OWN)
        # The newest first: stopping an older one would start the next that is queued.
        for generation in reversed(await self._conversations.live(owner, id)):
            await self._stopping.stop(generation)
