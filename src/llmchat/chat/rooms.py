"""Rooms: a conversation and the people who are in it now."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass

from llmchat.access.members import Right
from llmchat.chat.feed import Feed
from llmchat.chat.presence import Presence
from llmchat.chat.typists import Typists
from llmchat.chat.watching import ConversationWatch, Sight
from llmchat.errors import ShuttingDown
from llmchat.ids import ConversationId, OwnerId
from llmchat.signals.base import Present, RollCall, Signal, Types
from llmchat.store.base import ConversationStore


@dataclass(frozen=True, slots=True)
class Company:
    """Who is in a room, and who of them is typing."""

    present: Sequence[OwnerId]
    typing: Sequence[OwnerId]


class Rooms:
    """All that a door may do with rooms. Every method raises NotFound for who is no member, as if
    there were no conversation."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        watch: ConversationWatch,
        feed: Feed,
        presence: Presence,
        typists: Typists,
    ) -> None:
        self._conversations = conversations
        self.watch = watch
        self.feed = feed
        self._presence = presence
        self._typists = typists

    async def enter(
        self, user: OwnerId, id: ConversationId, *, idle_seconds: float
    ) -> AsyncGenerator[Sight, None]:
        """Be there for as long as what happens is read: see ConversationWatch.open. Raises
        ShuttingDown, too."""
        sights = await self.watch.open(user, id, idle_seconds=idle_seconds)
        return self._present(user, id, sights)

    def company(self, id: ConversationId) -> Company:
        """For who has entered."""
        return Company(self._presence.present(id), self._typists.typing(id))

    async def type(self, user: OwnerId, id: ConversationId, *, typing: bool) -> None:
        """Let the others see that they are typing, for some seconds, or no longer. Raises Forbidden
        for who could not send it."""
        await self._conversations.get(user, id, right=Right.CHANGE)
        self._typists.type(id, user, typing=typing)

    def sent(self, user: OwnerId, id: ConversationId) -> None:
        """What they typed is there."""
        if user in self._typists.typing(id):
            self._typists.type(id, user, typing=False)

    def _left(self, user: OwnerId, id: ConversationId) -> None:
        if not self._presence.is_here(id, user):
            self.sent(user, id)

    async def over(self) -> None:
        """Returns when this process shuts down."""
        await self.feed.over.wait()

    def release(self) -> None:
        """Send everybody away, now and from now on: we shut down."""
        self.feed.release()

    def refuse_when_over(self) -> None:
        """Raises ShuttingDown."""
        if self.feed.released:
            raise ShuttingDown

    def hear(self, signal: Signal) -> None:
        """Another process said it; what is not about rooms is for others."""
        match signal:
            case Types():
                self._typists.hear(signal)
            case Present() | RollCall():
                self._presence.hear(signal)
            case _:
                pass

    def lose(self) -> None:
        """Some of what others said may have been lost."""
        self.feed.lose()
        self._presence.ask()

    async def _present(
        self, user: OwnerId, id: ConversationId, sights: AsyncGenerator[Sight, None]
    ) -> AsyncGenerator[Sight, None]:
        with ExitStack() as stack:
            stack.callback(self._left, user, id)
            stack.enter_context(self._presence.entered(id, user))
            async with aclosing(sights):
                async for sight in sights:
                    yield sight
