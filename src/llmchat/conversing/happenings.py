"""What happens in a conversation, as whoever watches it is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmchat.conversing.details import Details
from llmchat.domain import Message
from llmchat.events import Entry, Event, ToolCall
from llmchat.ids import GenerationId, MessageId


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """An answer that is being written, up to `offset`: what follows comes as AnswerEvents. `id` is
    its generation's."""

    id: GenerationId
    message_id: MessageId
    model: str
    text: str
    reasoning: str
    tool_calls: Sequence[ToolCall]
    offset: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How it is now. What was told before may have changed since: messages may be missing, and
    what is written now is in `answers`."""

    details: Details
    answers: Sequence[LiveAnswer]


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """Somebody said something; or an answer has its place now, and is still empty."""

    message: Message


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """What the log of the generation `id` says: of each, every offset once, in order, from 1 or
    from behind the snapshot's."""

    id: GenerationId
    entry: Entry

    @property
    def event(self) -> Event:
        return self.entry.event


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """Its title, its settings, or its mark."""

    details: Details


@dataclass(frozen=True, slots=True)
class ConversationDeleted:
    """The last thing that happens."""


@dataclass(frozen=True, slots=True)
class TypingChanged:
    """Somebody who is there by a socket has begun to type, or has ended."""

    user: str
    typing: bool


Happening = (
    Snapshot
    | MessageAdded
    | AnswerEvent
    | ConversationChanged
    | ConversationDeleted
    | TypingChanged
)
