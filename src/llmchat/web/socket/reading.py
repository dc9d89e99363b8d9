"""What one socket follows: a room, or a single generation from a cursor on."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from llmchat.chat.feed import (
    ConversationDeleted,
    GenerationStarted,
    MemberChanged,
    MemberRemoved,
    PresenceChanged,
    TypingChanged,
)
from llmchat.chat.rooms import Company
from llmchat.chat.watching import GenerationEvents, Idle, Sight, Snapshot
from llmchat.errors import NotFound
from llmchat.events import Entry
from llmchat.ids import ConversationId, GenerationId
from llmchat.web.socket import encoders
from llmchat.web.socket.outbox import Outbox


class RoomReading:
    """A place in a room. What it is told is kept in the logs: one that cannot be told now waits
    with a cursor, and is told to come back with it when that takes long."""

    def __init__(
        self,
        id: ConversationId,
        sights: AsyncGenerator[Sight, None],
        outbox: Outbox,
        company: Callable[[ConversationId], Company],
        begin_anew: Callable[[ConversationId], Awaitable[None]],
    ) -> None:
        """`begin_anew` is called before each snapshot: it stands for all that was before."""
        self._id = id
        self._sights = sights
        self._outbox = outbox
        self._company = company
        self._begin_anew = begin_anew
        self._silent: set[GenerationId] = set()
        self._ref: str | None = None

    async def begin(self, ref: str | None) -> None:
        """Returns when the snapshot is on its way: what happens from now on is told. Raises
        NotFound."""
        self._ref = ref
        async for sight in self._sights:
            await self._tell(sight)
            self._ref = None
            return
        # Removed, or deleted, between the question and the look.
        raise NotFound(f"There is no conversation {self._id}.")

    async def go_on(self) -> None:
        """Until the room is closed to this reader; then says so."""
        reason = "removed"
        async with aclosing(self._sights):
            async for sight in self._sights:
                await self._tell(sight)
                if isinstance(sight, ConversationDeleted):
                    reason = "deleted"
        await self._outbox.put(encoders.frame("left", conversation_id=self._id, reason=reason))

    async def leave(self) -> None:
        await self._sights.aclose()

    def silence(self, id: GenerationId) -> None:
        """Tell no more of it: its reader has another cursor."""
        self._silent.add(id)

    async def _tell(self, sight: Sight) -> None:
        match sight:
            case Snapshot():
                await self._begin_anew(self._id)
                self._silent.clear()
                frame = encoders.joined(sight, self._company(self._id), self._ref)
                await self._outbox.put(frame)
            case GenerationEvents(id, entries):

                def wanted() -> bool:
                    return id not in self._silent

                if not await told(self._outbox, self._id, id, entries, wanted):
                    self.silence(id)
            case Idle() | GenerationStarted() | ConversationDeleted():
                pass
            case MemberChanged() | MemberRemoved():
                pass
            case _:
                await self._outbox.put(encoders.announcement(self._id, sight))


class CompanyReading(RoomReading):
    """The same, for who reads what is said elsewhere."""

    async def _tell(self, sight: Sight) -> None:
        match sight:
            case Snapshot():
                await super()._tell(replace(sight, generations=()))
            case PresenceChanged() | TypingChanged():
                await super()._tell(sight)
            case _:
                pass


async def follow(
    outbox: Outbox,
    conversation: ConversationId,
    id: GenerationId,
    batches: AsyncGenerator[Sequence[Entry], None],
) -> None:
    """All of a generation from a cursor on, until its end, or until its reader is behind."""
    async with aclosing(batches):
        async for entries in batches:
            if not await told(outbox, conversation, id, entries):
                return


async def told(
    outbox: Outbox,
    conversation: ConversationId,
    id: GenerationId,
    entries: Sequence[Entry],
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """False when there was no room for long: then the reader is told from where to come back."""
    for entry in entries:
        if not wanted():
            return True
        if not await outbox.offer(encoders.event(conversation, id, entry), wanted):
            behind = encoders.frame(
                "behind", conversation_id=conversation, generation_id=id, after=entry.first - 1
            )
            await outbox.insist(behind)
            return False
    return True
