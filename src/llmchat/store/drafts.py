"""What is to be stored: a conversation, a turn, another answer; the key it is sent with, and who is
told of it over a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmchat.access.usage import Reservation
from llmchat.domain import Given, OnBusy, Params, Part, ReplyMode, ToolResult
from llmchat.ids import ConversationId, GenerationId, MessageId, WorkerId
from llmchat.origin import ORIGIN, Origin
from llmchat.prompts import Asked


@dataclass(frozen=True, slots=True)
class ConversationDraft:
    """`external_id` is a caller's own name for the conversation: unique per owner. With an `id`
    it gets that one, which is new."""

    title: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    params: Params = field(default_factory=Params)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    external_id: str | None = None
    reply_mode: ReplyMode = ReplyMode.ALWAYS
    id: ConversationId | None = None
    template: Given | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`fingerprint` stands for all that the request asked for: another one with the same key is
    refused. A key is remembered for 24 hours."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks over a broker, in the conversation that has this `name` there: what they call it,
    and where they are told its end as well, with their `correlation`."""

    name: str
    request_id: str | None = None
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """An answer that is told over a broker, up to `cursor` by now. `asker` asked for it there, or
    has but the name of its conversation; `others` asked again, and are told its end. `beats` are
    those of an Unfinished."""

    id: GenerationId
    asker: Asker
    cursor: int = 0
    others: Sequence[Asker] = ()
    publisher: WorkerId | None = None
    beats: int = 0


BEGUN = WorkerId("begun")
"""The publisher of what was stored with its turn, until somebody begins it."""


class ActiveLeaf:
    """The parent of a message that names none: the end of the active branch."""


ACTIVE_LEAF = ActiveLeaf()


@dataclass(frozen=True, slots=True)
class TurnDraft:
    """A question: its text, and its `parts` where there are images in it; or `tool_results`, which
    answer all the calls of the message that they are put behind; or `asked`, with one message or
    more. `parent_id` None begins a branch at the root. In an idle conversation a `worker` owns the
    generation without having to claim. With a draft for its id, the conversation is made with the
    turn. `client_id` is its client's; with an `asker` its answer is told over the broker."""

    conversation_id: ConversationId | ConversationDraft
    content: str
    model: str
    params: Params
    parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF
    on_busy: OnBusy = OnBusy.REJECT
    idempotency: IdempotencyKey | None = None
    worker: WorkerId | None = None
    parts: Sequence[Part] = ()
    tool_results: Sequence[ToolResult] = ()
    reservation: Reservation | None = None
    client_id: str | None = None
    asker: Asker | None = None
    asked: Asked | None = None
    origin: Origin = field(default_factory=ORIGIN.get)


@dataclass(frozen=True, slots=True)
class ReplyDraft:
    """Another answer beside `sibling_id`; one that `goes_on` begins with what that one says."""

    sibling_id: MessageId
    model: str
    params: Params
    on_busy: OnBusy = OnBusy.REJECT
    idempotency: IdempotencyKey | None = None
    worker: WorkerId | None = None
    reservation: Reservation | None = None
    goes_on: bool = False
    origin: Origin = field(default_factory=ORIGIN.get)
