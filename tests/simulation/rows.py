"""The stores of a simulated service: rows in memory, each method one step."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter

from llmchat.access.usage import Entry
from llmchat.domain import (
    LOCAL_OWNER,
    Conversation,
    Generation,
    Message,
    OnBusy,
    Params,
    Role,
    Status,
    Turn,
)
from llmchat.errors import Busy, NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId, WorkerId
from llmchat.store.base import RELEASED, Checkpoint, Lease, Settlement, Unfinished
from llmchat.store.drafts import TurnDraft

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Row:
    generation: Generation
    worker: WorkerId | None
    beats: int = 0
    stop_requested: bool = False
    closed: bool = False
    last_event_id: int | None = None
    checkpoint: Checkpoint | None = None

    @property
    def status(self) -> Status:
        return self.generation.status


class Rows:
    """The same decisions as the SQL stores make, in the same steps."""

    def __init__(self) -> None:
        self.generations: dict[GenerationId, Row] = {}
        self.messages: dict[MessageId, Message] = {}
        self.conversations: dict[ConversationId, Conversation] = {}
        self.usage: dict[tuple[str, int, int], Entry] = {}
        self._numbers = itertools.count(1)

    def create(self) -> ConversationId:
        id = ConversationId(f"conv_{next(self._numbers)}")
        self.conversations[id] = Conversation(
            id, LOCAL_OWNER, None, None, None, Params(), {}, False, NOON, NOON
        )
        return id

    def conversation(self, id: ConversationId) -> Conversation:
        if id not in self.conversations:
            raise NotFound(id)
        return self.conversations[id]

    def message(self, id: MessageId) -> Message:
        if id not in self.messages:
            raise NotFound(id)
        return self.messages[id]

    def line(self, id: ConversationId) -> Sequence[Row]:
        """What is queued or streams there, the oldest first."""
        return [
            row
            for row in self.generations.values()
            if row.generation.conversation_id == id and row.status.live
        ]

    def add_turn(self, owner: OwnerId, draft: TurnDraft) -> Turn:
        conversation_id = draft.conversation_id
        assert isinstance(conversation_id, str), "conversations are made before the turns"
        earlier = [row.generation for row in self.line(conversation_id)]
        if earlier and draft.on_busy is OnBusy.REJECT:
            raise Busy(earlier[0].id)
        number = next(self._numbers)
        id, reply_id = GenerationId(f"gen_{number}"), MessageId(f"reply_{number}")
        question = self._add(conversation_id, MessageId(f"question_{number}"), draft.content)
        reply = self._add(conversation_id, reply_id, "", question.id, id)
        generation = Generation(
            id=id,
            conversation_id=conversation_id,
            message_id=reply_id,
            owner=owner,
            status=Status.QUEUED,
            model=draft.model,
            params=draft.params,
            attempt=1,
            finish_reason=None,
            usage=None,
            error=None,
            created_at=NOON,
            started_at=None,
            first_token_at=None,
            ended_at=None,
        )
        claimed = draft.worker is not None and not earlier
        now = replace(generation, status=Status.STREAMING) if claimed else generation
        self.generations[id] = Row(now, draft.worker if claimed else None)
        return Turn(question, reply, generation, earlier, claimed)

    def branch(self, leaf: MessageId) -> Sequence[Message]:
        reply = self.message(leaf)
        return [self.message(reply.parent_id), reply] if reply.parent_id else [reply]

    def _add(
        self,
        conversation_id: ConversationId,
        id: MessageId,
        text: str,
        asks: MessageId | None = None,
        of: GenerationId | None = None,
    ) -> Message:
        status = Status.STREAMING if of else Status.COMPLETE
        role = Role.ASSISTANT if of else Role.USER
        self.messages[id] = Message(
            id, conversation_id, asks, role, text, "", status, None, of, None, None, [], NOON
        )
        return self.messages[id]

    def generation(self, id: GenerationId) -> Generation:
        if id not in self.generations:
            raise NotFound(id)
        return self.generations[id].generation

    def claim(self, id: GenerationId, worker: WorkerId) -> Generation | None:
        row = self.generations[id]
        first = row.status.live and self.line(row.generation.conversation_id)[0] is row
        if row.status is not Status.QUEUED or row.worker or not first:
            return None
        row.worker = worker
        row.generation = replace(row.generation, status=Status.STREAMING)
        return row.generation

    def renew(self, worker: WorkerId, ids: Sequence[GenerationId]) -> Mapping[GenerationId, Lease]:
        leases = {}
        for id in ids:
            row = self.generations[id]
            if row.worker != worker:
                leases[id] = Lease.LOST
                continue
            row.beats += 1
            leases[id] = Lease.STOP if row.stop_requested else Lease.HELD
        return leases

    def request_stop(self, id: GenerationId) -> None:
        self.generations[id].stop_requested = True

    def settle(self, id: GenerationId, worker: WorkerId, end: Settlement) -> bool:
        row = self.generations[id]
        if not row.status.live or row.worker not in (None, worker):
            return False
        self.add_usage(end.entries)
        row.worker = worker
        row.generation = replace(
            row.generation,
            status=end.status,
            finish_reason=end.finish_reason,
            usage=end.usage,
            error=end.error,
            first_token_at=end.first_token_at,
            attempt=max(row.generation.attempt, end.attempt),
            ended_at=NOON,
        )
        reply = row.generation.message_id
        self.messages[reply] = replace(
            self.messages[reply],
            status=end.status,
            content=end.content,
            reasoning=end.reasoning,
            usage=end.usage,
            error=end.error,
            model=end.model or self.messages[reply].model,
        )
        row.checkpoint = None
        return True

    def add_usage(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.usage.setdefault((entry.generation_id, entry.run, entry.request), entry)

    def close(self, id: GenerationId, last_event_id: int) -> None:
        row = self.generations[id]
        row.closed, row.last_event_id = True, last_event_id

    def take_over(self, seen: Unfinished, worker: WorkerId) -> Generation | None:
        row = self.generations[seen.id]
        if row.closed or (row.worker, row.beats) != (seen.worker, seen.beats):
            return None
        row.worker = worker
        row.beats += 1
        return replace(row.generation, stop_requested=row.stop_requested)

    def next_attempt(
        self, id: GenerationId, worker: WorkerId, attempt: int, began_at: int
    ) -> Generation | None:
        row = self.generations[id]
        if row.status is not Status.STREAMING or row.worker != worker:
            return None
        row.generation = replace(row.generation, attempt=attempt, attempt_began_at=began_at)
        return row.generation

    def keep(self, worker: WorkerId, checkpoints: Sequence[Checkpoint]) -> None:
        for each in sorted(checkpoints, key=attrgetter("last")):
            row = self.generations[each.id]
            kept = -1 if row.checkpoint is None else row.checkpoint.last
            if row.worker == worker and row.status.live and each.last >= kept:
                row.checkpoint = each

    def release(self, worker: WorkerId, id: GenerationId) -> None:
        row = self.generations[id]
        if row.worker == worker and row.status is Status.STREAMING:
            row.worker = RELEASED

    def seen(self, id: GenerationId) -> Unfinished | None:
        row = self.generations[id]
        return None if row.closed else Unfinished(id, row.worker, row.beats)

    def unfinished(self) -> Sequence[Unfinished]:
        return [
            Unfinished(id, row.worker, row.beats)
            for id, row in self.generations.items()
            if not row.closed
        ]

    def next_queued(self, conversation: ConversationId) -> GenerationId | None:
        line = self.line(conversation)
        return line[0].generation.id if line and line[0].status is Status.QUEUED else None
