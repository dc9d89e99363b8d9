"""A user's library of conversations: what is judged, found, taken away and brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llmchat.domain import Conversation, Feedback, Message
from llmchat.ids import ConversationId, MessageId, OwnerId


class FeedbackStore(Protocol):
    """What users think of answers: each has one judgement of each, which nobody else sees. Whoever
    may read the conversation may judge. Raises NotFound for a message that the user does not see,
    and Invalid for one that is no answer."""

    async def put(self, user: OwnerId, id: MessageId, feedback: Feedback) -> None:
        """In the place of an earlier one."""
        ...

    async def remove(self, user: OwnerId, id: MessageId) -> None:
        """Also when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole conversation: every message of every branch, in the order in which they were made,
    with the feedback of one user. Ids hold within it."""

    conversation: Conversation
    messages: Sequence[Message]


class ArchiveStore(Protocol):
    """Whole conversations. Each method is one transaction, which may take longer than others."""

    async def read(self, user: OwnerId, id: ConversationId) -> Archive:
        """With the user's own feedback. Raises NotFound."""
        ...

    async def add(self, owner: OwnerId, archive: Archive) -> Conversation:
        """A new conversation of this owner, with new ids. What was being written is interrupted.
        Raises Invalid for messages that are no tree, or an active leaf that is none of them."""
        ...
