"""The stores as one process reaches them: over a network that may fail."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from llmchat.access.members import Right
from llmchat.access.usage import Call, Entry, Question, Report, Spender, Standing
from llmchat.domain import (
    EVERYTHING,
    Conversation,
    Generation,
    Message,
    MessageOrder,
    Page,
    Turn,
    Wanted,
)
from llmchat.errors import NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId, WorkerId
from llmchat.store.base import Checkpoint, Lease, Settlement, Unfinished
from llmchat.store.drafts import ConversationDraft, ReplyDraft, TurnDraft
from tests.simulation.network import Network
from tests.simulation.rows import Rows

T = TypeVar("T")
Happened = Callable[[], None]


class _Remote:
    """`happened` runs after each thing that was done: nobody sees the rows in between."""

    def __init__(self, rows: Rows, network: Network, happened: Happened) -> None:
        self._rows = rows
        self._network = network
        self._happened = happened

    async def _do(self, effect: Callable[[], T]) -> T:
        def done() -> T:
            result = effect()
            self._happened()
            return result

        return await self._network.ask(done)


class SimulatedGenerations(_Remote):
    """A GenerationStore."""

    async def get(
        self, owner: OwnerId, id: GenerationId, *, right: Right = Right.READ
    ) -> Generation:
        return await self._do(partial(self._rows.generation, id))

    async def check_owner(self, owner: OwnerId, id: GenerationId) -> bool:
        if id not in self._rows.generations:
            raise NotFound(id)
        return True

    async def count_live(self, owner: OwnerId) -> int:
        return 0

    async def last_event_id(self, id: GenerationId) -> int | None:
        return await self._do(lambda: self._rows.generations[id].last_event_id)

    async def claim(self, id: GenerationId, worker: WorkerId) -> Generation | None:
        return await self._do(partial(self._rows.claim, id, worker))

    async def renew(
        self, worker: WorkerId, ids: Sequence[GenerationId]
    ) -> Mapping[GenerationId, Lease]:
        return await self._do(partial(self._rows.renew, worker, ids))

    async def request_stop(self, id: GenerationId) -> None:
        await self._do(partial(self._rows.request_stop, id))

    async def settle(self, id: GenerationId, worker: WorkerId, end: Settlement) -> bool:
        return await self._do(partial(self._rows.settle, id, worker, end))

    async def close(self, id: GenerationId, last_event_id: int) -> None:
        await self._do(partial(self._rows.close, id, last_event_id))

    async def take_over(self, seen: Unfinished, worker: WorkerId) -> Generation | None:
        return await self._do(partial(self._rows.take_over, seen, worker))

    async def next_attempt(
        self, id: GenerationId, worker: WorkerId, *, attempt: int, began_at: int
    ) -> Generation | None:
        return await self._do(partial(self._rows.next_attempt, id, worker, attempt, began_at))

    async def checkpoint(self, worker: WorkerId, checkpoints: Sequence[Checkpoint]) -> None:
        await self._do(partial(self._rows.keep, worker, checkpoints))

    async def last_checkpoint(self, id: GenerationId) -> Checkpoint | None:
        return await self._do(lambda: self._rows.generations[id].checkpoint)

    async def release(self, worker: WorkerId, id: GenerationId) -> None:
        await self._do(partial(self._rows.release, worker, id))

    async def seen(self, id: GenerationId) -> Unfinished | None:
        return await self._do(partial(self._rows.seen, id))

    async def unfinished(self) -> Sequence[Unfinished]:
        return await self._do(self._rows.unfinished)

    async def next_queued(self, conversation: ConversationId) -> GenerationId | None:
        return await self._do(partial(self._rows.next_queued, conversation))


class SimulatedUsage(_Remote):
    """A UsageStore, as far as stored generations need one."""

    async def open(self, call: Call) -> None:
        raise NotImplementedError

    async def close(self, id: GenerationId, entries: Sequence[Entry]) -> None:
        raise NotImplementedError

    async def add(self, entries: Sequence[Entry]) -> None:
        await self._do(partial(self._rows.add_usage, entries))

    async def end_dead(self, *, everything: bool = False) -> int:
        return 0

    async def report(self, question: Question) -> Report:
        raise NotImplementedError

    async def standings(self, spender: Spender) -> Sequence[Standing]:
        raise NotImplementedError


class SimulatedConversations(_Remote):
    """A ConversationStore, as far as sending, following and stopping need one."""

    async def get(
        self, owner: OwnerId, id: ConversationId, *, right: Right = Right.READ
    ) -> Conversation:
        return await self._do(partial(self._rows.conversation, id))

    async def message(self, owner: OwnerId, id: MessageId) -> Message:
        return await self._do(partial(self._rows.message, id))

    async def add_turn(self, owner: OwnerId, draft: TurnDraft) -> Turn:
        return await self._do(partial(self._rows.add_turn, owner, draft))

    async def live(self, owner: OwnerId, id: ConversationId) -> Sequence[Generation]:
        return await self._do(lambda: [row.generation for row in self._rows.line(id)])

    async def branch(self, leaf: MessageId) -> Sequence[Message]:
        return await self._do(partial(self._rows.branch, leaf))

    async def create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        raise NotImplementedError

    async def get_or_create(self, owner: OwnerId, draft: ConversationDraft) -> Conversation:
        raise NotImplementedError

    async def find(self, owner: OwnerId, external_id: str) -> Conversation:
        raise NotImplementedError

    async def list(
        self, owner: OwnerId, wanted: Wanted = EVERYTHING, *, limit: int, cursor: str | None
    ) -> Page[Conversation]:
        raise NotImplementedError

    async def update(
        self, owner: OwnerId, id: ConversationId, changes: Mapping[str, Any]
    ) -> Conversation:
        raise NotImplementedError

    async def add_title(
        self, owner: OwnerId, id: ConversationId, title: str
    ) -> Conversation | None:
        raise NotImplementedError

    async def delete(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        raise NotImplementedError

    async def clear(self, owner: OwnerId, id: ConversationId) -> Sequence[GenerationId]:
        raise NotImplementedError

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
        raise NotImplementedError

    async def add_reply(self, owner: OwnerId, draft: ReplyDraft) -> Turn:
        raise NotImplementedError
