"""What happens in a conversation, told to whoever watches it now."""

import asyncio
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from llmchat.domain import CallerRole, Conversation, Message
from llmchat.ids import ConversationId, GenerationId, OwnerId

_KEPT = 256


@dataclass(frozen=True, slots=True)
class MessageAdded:
    message: Message


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    id: GenerationId


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class ConversationDeleted:
    pass


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """What follows is seen with this role."""

    user: OwnerId
    role: CallerRole


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """What they read of it ends."""

    user: OwnerId


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody came or left; `present` are all who are there now."""

    user: OwnerId
    came: bool
    present: Sequence[OwnerId]


@dataclass(frozen=True, slots=True)
class TypingChanged:
    user: OwnerId
    typing: bool


Announcement = (
    MessageAdded
    | GenerationStarted
    | ConversationChanged
    | ConversationDeleted
    | MemberChanged
    | MemberRemoved
)
Passing = PresenceChanged | TypingChanged
"""What nobody stores: who has missed it asks for how it is now."""


class Subscription:
    """A place in a conversation's announcements, as a cursor: a slow watcher costs an integer."""

    def __init__(self, board: "_Board") -> None:
        self._board = board
        self._cursor = board.count

    async def news(self) -> Sequence[Announcement | Passing] | None:
        """What was announced since the last call, at least one; None when some is already
        forgotten and the watcher has to look at everything anew; empty at the end."""
        board = self._board
        while self._cursor == board.count and not board.released:
            await board.changed()
        missing = board.count - self._cursor
        self._cursor = board.count
        if missing > len(board.recent):
            return None
        return list(board.recent)[len(board.recent) - missing :]


class _Board:
    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[Announcement | Passing] = deque(maxlen=_KEPT)
        self.watchers = 0
        self.released = False
        self._change: asyncio.Future[None] | None = None

    async def changed(self) -> None:
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        # Shielded: one watcher that leaves must not wake, or cancel, the others.
        await asyncio.shield(self._change)

    def wake(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.set_result(None)


class Feed:
    """A board for each conversation that somebody watches; nothing is kept for the others."""

    def __init__(self) -> None:
        self._boards: dict[ConversationId, _Board] = {}
        self.over = asyncio.Event()
        """Set when we shut down."""

    @property
    def released(self) -> bool:
        return self.over.is_set()

    def announce(self, conversation: ConversationId, *news: Announcement | Passing) -> None:
        if (board := self._boards.get(conversation)) is not None:
            board.recent.extend(news)
            board.count += len(news)
            board.wake()

    def is_watched(self, conversation: ConversationId) -> bool:
        return conversation in self._boards

    def lose(self, *conversations: ConversationId) -> None:
        """Something may have happened there that nobody can tell any more, or anywhere when none is
        named: whoever watches looks at everything anew."""
        for conversation in conversations or list(self._boards):
            if (board := self._boards.get(conversation)) is not None:
                board.recent.clear()
                board.count += 1
                board.wake()

    @contextmanager
    def subscribe(self, conversation: ConversationId) -> Generator[Subscription, None, None]:
        board = self._boards.setdefault(conversation, _Board())
        board.released = self.released
        board.watchers += 1
        try:
            yield Subscription(board)
        finally:
            board.watchers -= 1
            if not board.watchers:
                self._boards.pop(conversation, None)

    def release(self) -> None:
        """End every subscription, now and from now on: we shut down."""
        self.over.set()
        for board in self._boards.values():
            board.released = True
            board.wake()
