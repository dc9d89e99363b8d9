"""What llmchat is about: conversations, messages, generations. Data only, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from llmchat.events import ToolCall, Usage
from llmchat.ids import ConversationId, GenerationId, KeyId, MessageId, OwnerId
from llmchat.origin import NO_REQUEST, Origin
from llmchat.problem import Problem

T = TypeVar("T")
Json = Mapping[str, Any]
CallerRole = Literal["owner", "editor", "viewer"]

LOCAL_OWNER = OwnerId("local")
"""The one caller of an open service on loopback."""


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Status(StrEnum):
    """Of a generation and of the message it writes: queued → streaming → one of the rest, once."""

    QUEUED = "queued"
    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def live(self) -> bool:
        return self in (Status.QUEUED, Status.STREAMING)


class OnBusy(StrEnum):
    """What a send does when the conversation already has a live generation."""

    REJECT = "reject"
    QUEUE = "queue"
    INTERRUPT = "interrupt"


class ReplyMode(StrEnum):
    """Whether every message of a conversation gets an answer, or one that calls the model by name
    (see chat.addressing)."""

    ALWAYS = "always"
    ADDRESSED = "addressed"


@dataclass(frozen=True, slots=True)
class Params:
    """How to generate. None means: the next default (request, conversation, settings, provider)."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] | None = None
    seed: int | None = None
    skip_thinking: bool | None = None
    response_format: Json | None = None
    tools: Sequence[Json] | None = None
    tool_choice: str | Json | None = None
    extra: Json | None = None

    def over(self, defaults: "Params") -> "Params":
        """These parameters, with `defaults` where one is not set."""
        missing = {
            f.name: getattr(defaults, f.name) for f in fields(self) if getattr(self, f.name) is None
        }
        return replace(self, **missing)

    def as_json(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Given:
    """The template that a conversation began with, in the version that it was given; as this
    variant where an experiment chose it."""

    name: str
    version: int
    experiment: str | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    id: ConversationId
    owner: OwnerId
    title: str | None
    system_prompt: str | None
    model: str | None
    params: Params
    metadata: Json
    archived: bool
    created_at: datetime
    updated_at: datetime
    opening: str | None = None
    """The first words that somebody said in it, where it has no title."""
    pinned: bool = False
    active_leaf: MessageId | None = None
    """The end of the active branch, behind which a message goes that names no parent."""
    role: CallerRole = "owner"
    """Of whoever asked for it."""
    generating: bool = False
    reply_mode: ReplyMode = ReplyMode.ALWAYS
    template: Given | None = None
    match: "Match | None" = None
    """The newest message in which a search found something."""


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Match:
    """Where a search found something: the place in the message, in pieces."""

    message_id: MessageId
    snippet: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one user thinks of an answer: `rating` is 1 or -1."""

    rating: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message. `url` is a data URL; `detail` is how closely a model is to look, in
    OpenAI's words (`auto`, `low`, `high`)."""

    url: str
    detail: str | None = None


Part = str | Image


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call that an assistant's message made."""

    tool_call_id: str
    content: str


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an answer took, from when its turn came; None where nobody knows."""

    first_token_seconds: float | None = None
    reasoning_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`content` is all of its text; `parts` are set only where there are images among it. An
    assistant's message has the calls that it made, a tool's names the one that it answers."""

    id: MessageId
    conversation_id: ConversationId
    parent_id: MessageId | None
    role: Role
    content: str
    reasoning: str
    status: Status
    model: str | None
    generation_id: GenerationId | None
    usage: Usage | None
    error: Problem | None
    siblings: Sequence[MessageId]
    created_at: datetime
    parts: Sequence[Part] = ()
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    timing: Timing | None = None
    feedback: Feedback | None = None
    """The caller's own, in a page of messages."""
    author: OwnerId | None = None
    """Who sent it; None for a model's, and for what is older than rooms."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What an answer begins with that goes on with an earlier one."""

    answer: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """The work that writes one assistant message. `attempt` counts from 1; the current one began at
    the offset `attempt_began_at` of the log. `begun` is in the log before anything of its own."""

    id: GenerationId
    conversation_id: ConversationId
    message_id: MessageId
    owner: OwnerId
    status: Status
    model: str
    params: Params
    attempt: int
    finish_reason: str | None
    usage: Usage | None
    error: Problem | None
    created_at: datetime
    started_at: datetime | None
    first_token_at: datetime | None
    ended_at: datetime | None
    attempt_began_at: int = 1
    stop_requested: bool = False
    """Somebody asked its owner to stop it."""
    asked_by: OwnerId | None = None
    """Who pays for it: whoever sent the question, with the key `key_id`."""
    key_id: KeyId | None = None
    timing: Timing | None = None
    begun: Begun = Begun()
    instructions: str | None = None
    """What the model is told first, instead of the conversation's system prompt."""
    origin: Origin = NO_REQUEST
    """The request that it answers."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a send made, as it was at that moment: a question, its empty reply, the work to do."""

    message: Message
    reply: Message
    generation: Generation
    earlier: Sequence[Generation] = ()
    """What was live in the conversation before it, the oldest first."""
    claimed: bool = False
    """The generation belongs to the worker that asked for it: it need not wait for its turn."""
    replayed: bool = False
    """An `Idempotency-Key` found this turn already made."""
    before: Sequence[Message] = ()
    """The results of tools that were stored with `message`, which is the last one."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message that nobody answers: said to the people in the conversation."""

    message: Message
    replayed: bool = False
    """An `Idempotency-Key` found this note already made."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of a list of conversations: what `query` finds, and the marks that they have; None: all."""

    query: str | None = None
    archived: bool | None = None
    pinned: bool | None = None


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Model:
    """`id` is `provider/name`; the price is in US dollars per million tokens."""

    id: str
    provider: str
    available: bool = True
    context_window: int | None = None
    price: Json | None = None


MessageOrder = Literal["asc", "desc"]
