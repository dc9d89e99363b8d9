"""A whole conversation as one stream: a snapshot, then everything that happens in it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from llmchat.chat.admission import ASK_SECONDS, Lately, while_admitted
from llmchat.chat.feed import (
    Announcement,
    ConversationChanged,
    ConversationDeleted,
    Feed,
    GenerationStarted,
    MemberChanged,
    MemberRemoved,
    Passing,
    Subscription,
)
from llmchat.domain import CallerRole, Conversation
from llmchat.errors import BadCursor, LogGone, ShuttingDown, StorageUnavailable
from llmchat.events import Entry, ToolCall, fold, whole_calls
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.store.base import ConversationStore
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import TokenLog

# What a stalled watcher may pin: so many batches of tokenlog.base.BATCH_CHARS at the most.
_MOST_WAITING = 2
# How long a storage that is away is left alone.
_AGAIN_SECONDS = 1.0
# Of how many answers the announcement may come behind the end.
_MOST_LATE = 64


@dataclass(frozen=True, slots=True)
class LiveGeneration:
    """A live generation, its text and its calls up to `offset`; what follows comes as deltas."""

    id: GenerationId
    message_id: MessageId
    model: str
    text: str
    reasoning: str
    tool_calls: Sequence[ToolCall]
    offset: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    conversation: Conversation
    generations: Sequence[LiveGeneration]


@dataclass(frozen=True, slots=True)
class GenerationEvents:
    id: GenerationId
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing happened for a while."""


Sight = Snapshot | Announcement | Passing | GenerationEvents | Idle


class ConversationWatch:
    """One per service. Reads the store, the feed and the logs; writes nothing."""

    def __init__(self, conversations: ConversationStore, log: TokenLog, feed: Feed) -> None:
        self._conversations = conversations
        self._log = log
        self._feed = feed
        self._lately = Lately()

    async def open(
        self, owner: OwnerId, id: ConversationId, *, idle_seconds: float
    ) -> AsyncGenerator[Sight, None]:
        """First a Snapshot, and another whenever the watcher was too slow to be told everything;
        an Idle after `idle_seconds` of silence. Ends when the conversation is deleted, who watches
        is no member any more, or the service shuts down. Raises NotFound and ShuttingDown before it
        returns."""
        conversation = await self._conversations.get(owner, id)
        if self._feed.released:
            raise ShuttingDown
        if conversation.owner == owner:
            return self._watch(owner, id, idle_seconds)
        sights = self._watch(owner, id, min(idle_seconds, ASK_SECONDS))
        ask = partial(self._conversations.get, owner, id)
        return while_admitted(sights, partial(self._lately.check, (owner, id), ask))

    async def _watch(
        self, owner: OwnerId, id: ConversationId, idle_seconds: float
    ) -> AsyncGenerator[Sight, None]:
        with self._feed.subscribe(id) as subscription:
            behind, seen = True, False
            while behind and not (seen and self._feed.released):
                # Another one for each snapshot: what the last one still held is older than this.
                watcher = _Watcher(self._log, subscription, idle_seconds)
                try:
                    # Subscribed before looking: what happens in between is told twice, not never.
                    snapshot = await self._look(owner, id, watcher)
                    yield snapshot
                    seen, role = True, snapshot.conversation.role
                    async for sight in watcher.sights():
                        if sight == MemberRemoved(owner):
                            return
                        if isinstance(sight, MemberChanged):
                            role = sight.role if sight.user == owner else role
                        else:
                            yield _as_seen(sight, role)
                    behind = watcher.behind
                except StorageUnavailable:
                    if not seen:
                        raise
                    # Whoever is there stays, and sees it all again when the storage is back.
                    yield Idle()
                    await asyncio.sleep(_AGAIN_SECONDS)
                finally:
                    await watcher.aclose()

    async def _look(self, owner: OwnerId, id: ConversationId, watcher: "_Watcher") -> Snapshot:
        conversation = await self._conversations.get(owner, id)
        live = []
        for generation in await self._conversations.live(owner, id):
            try:
                so_far = fold(await self._log.snapshot(generation.id))
            except LogGone:
                continue  # Not begun: it will be announced.
            # One that has ended since: its end is still told, for here it looks alive.
            offset = so_far.last if so_far.terminal is None else so_far.last - 1
            live.append(
                LiveGeneration(
                    generation.id,
                    generation.message_id,
                    generation.model,
                    so_far.answer,
                    so_far.reasoning,
                    whole_calls(so_far.tool_calls),
                    offset,
                )
            )
            watcher.follow(generation.id, offset)
        return Snapshot(conversation, live)


def _as_seen(sight: Sight, role: CallerRole) -> Sight:
    """An announcement is the same for all, and a conversation shows whoever sees it their role."""
    if isinstance(sight, ConversationChanged):
        return ConversationChanged(replace(sight.conversation, role=role))
    return sight


class _Watcher:
    """Joins one conversation's announcements and its live logs into one bounded stream, which ends
    with the conversation, with the service, or when this watcher is `behind`: too much happened at
    once to be told one by one."""

    def __init__(self, log: TokenLog, subscription: Subscription, idle_seconds: float) -> None:
        self._log = log
        self._subscription = subscription
        self._idle_seconds = idle_seconds
        self._waiting: asyncio.Queue[Sight | None] = asyncio.Queue(_MOST_WAITING)
        self.behind = False
        self._followed: set[GenerationId] = set()
        self._ended: deque[GenerationId] = deque(maxlen=_MOST_LATE)
        self._tasks = TaskSet()
        self._tasks.spawn(self._listen(), name="conversation feed")

    def follow(self, id: GenerationId, after: int = 0) -> None:
        # What began before the snapshot may be announced behind it, and behind its own end.
        if id not in self._followed and id not in self._ended:
            self._followed.add(id)
            self._tasks.spawn(self._read(id, after), name=f"watch {id}")

    async def sights(self) -> AsyncGenerator[Sight, None]:
        while True:
            try:
                sight = await asyncio.wait_for(self._waiting.get(), self._idle_seconds)
            except TimeoutError:
                yield Idle()
                continue
            if sight is None:
                return
            if isinstance(sight, GenerationStarted):
                self.follow(sight.id)
            else:
                yield sight
            if isinstance(sight, ConversationDeleted):
                return

    async def aclose(self) -> None:
        await self._tasks.cancel_all()

    async def _listen(self) -> None:
        while news := await self._subscription.news():
            for item in news:
                await self._waiting.put(item)
        self.behind = news is None
        await self._waiting.put(None)

    async def _read(self, id: GenerationId, after: int) -> None:
        try:
            async for entries in self._log.read(id, after=after):
                await self._waiting.put(GenerationEvents(id, entries))
        except LogGone:
            return  # Deleted while we watched; the conversation's own news says so.
        except (StorageUnavailable, BadCursor):
            # Another snapshot knows what this can no longer tell.
            self.behind = True
            await self._waiting.put(None)
        finally:
            self._followed.discard(id)
            self._ended.append(id)
