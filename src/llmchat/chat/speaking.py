"""A message to a conversation of several people: for the model, or for them alone."""

from collections.abc import Sequence
from typing import Protocol

from llmchat.access.members import Right
from llmchat.chat.addressing import is_addressed
from llmchat.chat.feed import MessageAdded
from llmchat.chat.news import News
from llmchat.chat.rooms import Rooms
from llmchat.chat.service import Ask, ChatService
from llmchat.domain import Conversation, Note, Part, ReplyMode, ToolResult, Turn
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.providers.base import Models
from llmchat.store.base import ConversationStore
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, IdempotencyKey


class NoteStore(Protocol):
    """Messages that nobody answers. Every method is one short transaction."""

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
        """The note, or the one that the same key made before; None when the key made a generation.
        Raises NotFound, Forbidden, Invalid (a key that was used for something else)."""
        ...

    async def made(self, author: OwnerId, idempotency: IdempotencyKey) -> Note | None:
        """What the key made, if that is a note. Raises Invalid."""
        ...


class Speaking:
    """ChatService.send for who may be talking to other people: where the conversation's
    `reply_mode` is `addressed`, what does not call the model is kept and shown, and starts
    nothing."""

    def __init__(
        self,
        *,
        chat: ChatService,
        conversations: ConversationStore,
        notes: NoteStore,
        models: Models,
        news: News,
        rooms: Rooms,
    ) -> None:
        self._chat = chat
        self._conversations = conversations
        self._notes = notes
        self._models = models
        self._news = news
        self._rooms = rooms

    async def say(
        self,
        author: OwnerId,
        id: ConversationId,
        content: str,
        ask: Ask,
        *,
        parts: Sequence[Part] = (),
        tool_results: Sequence[ToolResult] = (),
        parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
    ) -> Turn | Note:
        """Raises what ChatService.send does. What tools gave is always for the model."""
        said = await self._say(author, id, content, ask, parts, tool_results, parent_id)
        self._rooms.sent(author, id)
        return said

    async def _say(
        self,
        author: OwnerId,
        id: ConversationId,
        content: str,
        ask: Ask,
        parts: Sequence[Part],
        tool_results: Sequence[ToolResult],
        parent_id: MessageId | ActiveLeaf | None,
    ) -> Turn | Note:
        if ask.idempotency is not None:
            # Somebody may have changed the mode since.
            made = await self._notes.made(author, ask.idempotency)
            if made is not None:
                return made
        if not tool_results:
            conversation = await self._conversations.get(author, id, right=Right.CHANGE)
            if not await self._is_for_model(conversation, content, ask):
                note = await self._note(author, conversation, content, ask, parts, parent_id)
                if note is not None:
                    return note
        return await self._chat.send(
            author, id, content, ask, parts=parts, tool_results=tool_results, parent_id=parent_id
        )

    async def _is_for_model(self, conversation: Conversation, content: str, ask: Ask) -> bool:
        if conversation.reply_mode is ReplyMode.ALWAYS:
            return True
        model = ask.model or conversation.model or await self._models.default()
        return is_addressed(content, model)

    async def _note(
        self,
        author: OwnerId,
        conversation: Conversation,
        content: str,
        ask: Ask,
        parts: Sequence[Part],
        parent_id: MessageId | ActiveLeaf | None,
    ) -> Note | None:
        self._rooms.refuse_when_over()
        id = conversation.id
        note = await self._notes.add(
            author, id, content, parts=parts, parent_id=parent_id, idempotency=ask.idempotency
        )
        if note is not None and not note.replayed:
            # Other processes read it as its owner may: its author may have left by then.
            self._news.announce(conversation.owner, id, MessageAdded(note.message))
        return note
