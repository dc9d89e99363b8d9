"""What is true: conversations, their messages, and who works on which generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from llmchat.access.members import Right
from llmchat.access.usage import Entry
from llmchat.domain import (
    EVERYTHING,
    Conversation,
    Generation,
    Message,
    MessageOrder,
    Page,
    Status,
    Timing,
    Turn,
    Wanted,
)
from llmchat.events import ToolCall, Usage
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId, WorkerId
from llmchat.problem import Problem
from llmchat.store.drafts import Asker, ConversationDraft, Publication, ReplyDraft, TurnDraft
from llmchat.webhooks.base import Message as Outgoing


class ConversationStore(Protocol):
    """Conversations and messages. Every method is one short transaction, every look-up takes the
    owner or a member, and anybody else's object raises the same NotFound as one that does not
    exist. What a member's role does not include raises Forbidden (see Right)."""

    async def create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation: ...

    async def get_or_create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        """The conversation with the draft's `external_id`, made from the draft when new."""
        ...

    async def get(
        self, owner: OwnerId, id: ConversationId, *, right: Right = Right.READ
    ) -> Conversation: ...

    async def find(self, owner: OwnerId, external_id: str) -> Conversation: ...

    async def list(
        self, owner: OwnerId, wanted: Wanted = EVERYTHING, *, limit: int, cursor: str | None
    ) -> Page[Conversation]:
        """Own and shared ones, that with the newest message first. Pages show the list as it was
        at the first one. Raises Malformed for a cursor that this method did not give."""
        ...

    async def update(
        self, owner: OwnerId, id: ConversationId, changes: Mapping[str, Any]
    ) -> Conversation:
        """Set the fields of Conversation named in `changes`. As `active_leaf` any message does: the
        branch through it becomes the active one, down to the newest message behind it."""
        ...

    async def add_title(
        self, owner: OwnerId, id: ConversationId, title: str
    ) -> Conversation | None:
        """Set the title of a conversation that has none; None when it has one by now."""
        ...

    async def delete(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        """Delete all of it; the generations whose logs are to be deleted, too."""
        ...

    async def clear(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        """Delete the messages, keep the conversation; the generations whose logs are to go."""
        ...

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
        """The active branch, or the one that ends at `leaf`; oldest first unless `desc`."""
        ...

    async def message(self, owner: OwnerId, id: MessageId) -> Message: ...

    async def branch(self, leaf: MessageId) -> Sequence[Message]:
        """From the root to `leaf`, for a prompt: the caller has checked the owner. Only the last of
        them names its siblings."""

    async def add_turn(self, owner: OwnerId, draft: TurnDraft) -> Turn:
        """Store question, empty reply and queued generation, all or nothing; where a broker is to
        be told, its publication as well. Of results of tools each becomes a message, in their
        order, one behind the other.

        Raises Busy when a generation is live and the draft says to reject, RateLimited when too
        little is left for its reservation, Invalid for a reused idempotency key, or results that
        are not those of the calls, each once. A key that was used for the same gives the turn that
        it made, as it was then, marked `replayed`.
        """
        ...

    async def add_reply(self, owner: OwnerId, draft: ReplyDraft) -> Turn:
        """Like add_turn, with a question that is already there. Raises Invalid for what is no
        answer, and, to go on, for one that is complete, still being written, or calls tools."""
        ...

    async def live(self, owner: OwnerId, id: ConversationId) -> Sequence[Generation]:
        """The conversation's queued and streaming generations, oldest first."""
        ...


class Lease(StrEnum):
    HELD = "held"
    STOP = "stop"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a generation ended, with all of its text and its whole calls, each with an id. `attempt`
    is the one that the log ends with; `model` the one that answered, where that was another;
    `entries` are what it used up, `messages` what others are told of it."""

    status: Status
    content: str
    reasoning: str
    finish_reason: str | None
    usage: Usage | None
    error: Problem | None
    first_token_at: datetime | None = None
    tool_calls: Sequence[ToolCall] = ()
    attempt: int = 1
    model: str | None = None
    entries: Sequence[Entry] = ()
    timing: Timing | None = None
    messages: Sequence[Outgoing] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A generation whose log has no end yet. `beats` counts its owner's renewals: one that stands
    still for a lease, by the observer's own clock, has lost its owner. No wall clock is asked."""

    id: GenerationId
    worker: WorkerId | None
    beats: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The text of a live generation up to the offset `last`."""

    id: GenerationId
    last: int
    answer: str
    reasoning: str


RELEASED = WorkerId("released")
"""The worker of a generation that its owner left to whoever comes first."""


class GenerationStore(Protocol):
    """Who works on what. A generation has one owner, a worker, that renews a lease on it."""

    async def get(
        self, owner: OwnerId, id: GenerationId, *, right: Right = Right.READ
    ) -> Generation: ...

    async def check_owner(self, owner: OwnerId, id: GenerationId) -> bool:
        """False for a member, who is asked about each time. Raises NotFound for others. An owner
        never changes: for one it answers from memory, also when the generation was deleted."""
        ...

    async def count_live(self, owner: OwnerId) -> int:
        """How many of the owner's generations are queued or streaming."""
        ...

    async def last_event_id(self, id: GenerationId) -> int | None:
        """The offset of the terminal, once `close` has noted it."""
        ...

    async def claim(self, id: GenerationId, worker: WorkerId) -> Generation | None:
        """Queued → streaming, owned by `worker`. None when it is not queued, or somebody has
        taken it over, or an older generation of its conversation is still live: one at a time."""
        ...

    async def renew(
        self, worker: WorkerId, ids: Sequence[GenerationId]
    ) -> Mapping[GenerationId, Lease]:
        """Prolong the leases: held, or its owner is asked to stop it, or another has taken it."""
        ...

    async def request_stop(self, id: GenerationId) -> None: ...

    async def settle(self, id: GenerationId, worker: WorkerId, end: Settlement) -> bool:
        """Make generation and message final, once: False when they already are, or when `worker`
        does not own a generation that is streaming. A queued one may be settled by anybody,
        who then owns it: when its log gets no end, the sweep sees that. The generation's attempt
        becomes the settlement's, unless more were counted: one that goes on leaves no trace in the
        log. Of one that was deleted meanwhile, the entries are kept all the same."""
        ...

    async def close(self, id: GenerationId, last_event_id: int) -> None:
        """Note that the terminal is in the log: nothing is left to be done."""
        ...

    async def take_over(self, seen: Unfinished, worker: WorkerId) -> Generation | None:
        """Own an abandoned generation; None when it moved since it was `seen`."""
        ...

    async def next_attempt(
        self, id: GenerationId, worker: WorkerId, *, attempt: int, began_at: int
    ) -> Generation | None:
        """This attempt begins, at this offset, and has shown nothing. None unless `worker` owns the
        generation and it is streaming."""
        ...

    async def checkpoint(self, worker: WorkerId, checkpoints: Sequence[Checkpoint]) -> None:
        """Keep the newest of each generation, that with the greatest `last`, until it is settled.
        One of a generation that has ended, or that `worker` does not own, is ignored."""
        ...

    async def last_checkpoint(self, id: GenerationId) -> Checkpoint | None:
        """It is an earlier attempt's when its `last` lies before `attempt_began_at`."""
        ...

    async def release(self, worker: WorkerId, id: GenerationId) -> None:
        """Leave a streaming generation that `worker` owns to whoever comes first."""
        ...

    async def seen(self, id: GenerationId) -> Unfinished | None:
        """How it stands; None when it was closed."""
        ...

    async def unfinished(self) -> Sequence[Unfinished]:
        """All generations that were not closed, oldest first."""
        ...

    async def next_queued(self, conversation: ConversationId) -> GenerationId | None: ...


class PublicationStore(Protocol):
    """What a broker has yet to be told. Every method is one short transaction."""

    async def call(self, conversation: ConversationId, name: str) -> None:
        """From now on, the conversation has this name over the broker."""
        ...

    async def name_of(self, conversation: ConversationId) -> str | None:
        """None for one that nobody has ever reached over the broker."""
        ...

    async def add(self, publication: Publication) -> bool:
        """False when there is one of this generation already, which stays as it is."""
        ...

    async def begin(self, id: GenerationId, publisher: WorkerId | None) -> Publication | None:
        """Publish what was stored with its turn, or leave it to whoever comes first. None when
        there is nothing like that, or no longer."""
        ...

    async def join(self, id: GenerationId, asker: Asker) -> bool:
        """They asked for the same again, and are to be told its end; once, however often they do.
        False when all is told. Raises RateLimited when too many did."""
        ...

    async def advance(self, publisher: WorkerId, cursors: Mapping[GenerationId, int]) -> None:
        """The broker has been told so much, and their publisher is alive."""
        ...

    async def end(self, id: GenerationId, told: int) -> Sequence[Asker]:
        """All is told, also to the first `told` of the others. If there are more, it has not
        ended, and these are given; nobody when it is gone."""
        ...

    async def drop(self, id: GenerationId) -> None:
        """Nobody is to be told of it any more."""
        ...

    async def unfinished(self) -> Sequence[Publication]:
        """All that have no end yet."""
        ...

    async def take_over(self, seen: Publication, publisher: WorkerId) -> bool:
        """Publish an abandoned one; False when it moved since it was `seen`."""
        ...

    async def release(self, publisher: WorkerId) -> None:
        """Leave all of its publications to whoever comes first."""
        ...
