"""Messages that a caller puts into a conversation, or takes out of it, without asking anything."""

from collections.abc import Sequence
from typing import Literal, Protocol

from llmchat.chat.feed import ConversationChanged, MessageAdded
from llmchat.chat.news import News
from llmchat.domain import Message
from llmchat.errors import NotFound
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.prompts import PromptMessage
from llmchat.store.base import ConversationStore

Piece = Literal["content", "reasoning", "call"]


class ItemStore(Protocol):
    async def append(
        self, owner: OwnerId, id: ConversationId, messages: Sequence[PromptMessage]
    ) -> Sequence[Message]:
        """Put them at the end of the active branch, all or nothing. Raises Busy while the message
        there is being written, Invalid for results of tools that answer no calls, or not all."""
        ...

    async def remove(
        self,
        owner: OwnerId,
        id: ConversationId,
        message_id: MessageId,
        piece: Piece,
        place: int,
    ) -> None:
        """Take a piece out of a message, of its calls that at this place; and the message when
        nothing is left of it: what is behind it goes on from what is before it. Raises Busy while
        it is being written."""
        ...


class ItemService:
    """Every method raises NotFound for what is not the caller's, as if it did not exist, and
    Forbidden for what a member's role does not include."""

    def __init__(self, conversations: ConversationStore, items: ItemStore, news: News) -> None:
        self._conversations = conversations
        self._items = items
        self._news = news

    async def append(
        self, owner: OwnerId, id: ConversationId, messages: Sequence[PromptMessage]
    ) -> Sequence[Message]:
        """Raises Busy, Invalid."""
        added = await self._items.append(owner, id, messages)
        conversation = await self._conversations.get(owner, id)
        self._news.announce(conversation.owner, id, *map(MessageAdded, added))
        return added

    async def message(self, owner: OwnerId, id: ConversationId, message_id: MessageId) -> Message:
        await self._conversations.get(owner, id)
        message = await self._conversations.message(owner, message_id)
        if message.conversation_id != id:
            raise NotFound(f"There is no message {message_id} in this conversation.")
        return message

    async def remove(
        self,
        owner: OwnerId,
        id: ConversationId,
        message_id: MessageId,
        piece: Piece,
        place: int,
    ) -> None:
        """Raises Busy."""
        await self._items.remove(owner, id, message_id, piece, place)
        conversation = await self._conversations.get(owner, id)
        self._news.announce(conversation.owner, id, ConversationChanged(conversation))
