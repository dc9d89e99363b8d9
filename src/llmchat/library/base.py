"""A user's library of conversations: what is judged, found, taken away and brought back."""

from typing import Protocol

from llmchat.domain import Feedback
from llmchat.ids import MessageId, OwnerId


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
