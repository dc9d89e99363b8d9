"""Who is in which conversation now, on all processes of the service."""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from llmchat.chat.feed import Feed, PresenceChanged
from llmchat.ids import ConversationId, OwnerId, new_id
from llmchat.signals.base import Present, RollCall, Signals
from llmchat.tasks import TaskSet

ALIVE_SECONDS = 1.0
"""How often a process says that it is there."""
GONE_SECONDS = 5.0
"""After so much silence nobody is at a process any more: it was killed."""
GRACE_SECONDS = 2.0
"""So long somebody whose last connection has ended is still there: most of them come back."""
# A signal may be lost: so often all is said again.
_WHOLE_EVERY = 10
_ROOMS_AT_ONCE = 200


@dataclass(slots=True)
class _Place:
    """Another process, and who is present there."""

    heard_at: float
    rooms: dict[ConversationId, frozenset[OwnerId]] = field(default_factory=dict)


class Presence:
    """One per process. Whoever is in a room twice is one person. Use it as an async context
    manager.

    Every process tells the others who comes and goes, and each second that it is alive; nothing is
    stored, so that nothing is left of a process that was killed. Whoever goes lingers for
    `grace_seconds` in what each process shows: a connection that is cut and made anew, also to
    another process, is no news."""

    def __init__(
        self, feed: Feed, signals: Signals, *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self._grace_seconds = grace_seconds
        self._feed = feed
        self._signals = signals
        self._me = new_id("place")
        self._here: dict[ConversationId, Counter[OwnerId]] = {}
        self._elsewhere: dict[str, _Place] = {}
        self._lingering: dict[ConversationId, dict[OwnerId, asyncio.TimerHandle]] = {}
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Presence":
        self._tasks.spawn(self._be_there_for_ever(), name="presence")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()
        for timer in [timer for room in self._lingering.values() for timer in room.values()]:
            timer.cancel()
        # Others need not wait until we are taken for dead.
        self._signals.tell(Present(self._me, whole=True))

    def present(self, conversation: ConversationId) -> Sequence[OwnerId]:
        """Who is there, or was a moment ago, by name."""
        return sorted(self._connected(conversation) | self._lingering.get(conversation, {}).keys())

    def is_here(self, conversation: ConversationId, user: OwnerId) -> bool:
        """Whether they are in the room through this process."""
        return user in self._here.get(conversation, ())

    @contextmanager
    def entered(self, conversation: ConversationId, user: OwnerId) -> Generator[None, None, None]:
        """They are there for as long as the block takes."""
        self._count(conversation, user, 1)
        try:
            yield
        finally:
            self._count(conversation, user, -1)

    def hear(self, signal: Present | RollCall) -> None:
        """Another process said it."""
        match signal:
            case RollCall():
                self._tell_all()
            case Present(place, rooms, whole):
                self._note(place, dict(rooms), whole)

    def ask(self) -> None:
        """Something may have been missed: everybody says anew who is where."""
        self._signals.tell(RollCall())
        self._tell_all()

    def _count(self, conversation: ConversationId, user: OwnerId, by: int) -> None:
        with self._telling(conversation):
            here = self._here.setdefault(conversation, Counter())
            before = here[user]
            here[user] += by
            if not here[user]:
                del here[user]
            if not here:
                del self._here[conversation]
        if 0 in (before, before + by):
            self._signals.tell(Present(self._me, [self._room(conversation)]))

    def _note(self, name: str, rooms: dict[ConversationId, Sequence[OwnerId]], whole: bool) -> None:
        if name not in self._elsewhere and not whole:
            # It was here before us, or was taken for dead: who else is there?
            self._signals.tell(RollCall())
        place = self._elsewhere.setdefault(name, _Place(monotonic()))
        place.heard_at = monotonic()
        gone = set(place.rooms) - set(rooms) if whole else set()
        for conversation, users in [*rooms.items(), *((room, ()) for room in gone)]:
            with self._telling(conversation):
                place.rooms[conversation] = frozenset(users)
                if not users:
                    del place.rooms[conversation]

    @contextmanager
    def _telling(self, conversation: ConversationId) -> Iterator[None]:
        """Whoever watches is told what the block changes: who came at once, who left later."""
        if not self._feed.is_watched(conversation):
            yield
            return
        before = self._connected(conversation)
        yield
        after = self._connected(conversation)
        for user in sorted(before - after):
            self._linger(conversation, user)
        for user in sorted(after - before):
            if not self._came_back(conversation, user):
                self._announce(conversation, user, came=True)

    def _connected(self, conversation: ConversationId) -> set[OwnerId]:
        everywhere = [place.rooms.get(conversation, ()) for place in self._elsewhere.values()]
        return set(self._here.get(conversation, ())).union(*everywhere)

    def _linger(self, conversation: ConversationId, user: OwnerId) -> None:
        later = asyncio.get_running_loop().call_later
        timer = later(self._grace_seconds, self._note_left, conversation, user)
        self._lingering.setdefault(conversation, {})[user] = timer

    def _came_back(self, conversation: ConversationId, user: OwnerId) -> bool:
        lingering = self._lingering.get(conversation, {})
        if (timer := lingering.pop(user, None)) is None:
            return False
        timer.cancel()
        if not lingering:
            del self._lingering[conversation]
        return True

    def _note_left(self, conversation: ConversationId, user: OwnerId) -> None:
        self._came_back(conversation, user)  # They did not, but linger no longer.
        if user not in self._connected(conversation):
            self._announce(conversation, user, came=False)

    def _announce(self, conversation: ConversationId, user: OwnerId, *, came: bool) -> None:
        news = PresenceChanged(user, came, self.present(conversation))
        self._feed.announce(conversation, news)

    def _room(self, conversation: ConversationId) -> tuple[ConversationId, Sequence[OwnerId]]:
        return conversation, sorted(self._here.get(conversation, ()))

    def _tell_all(self) -> None:
        rooms = [self._room(conversation) for conversation in self._here]
        self._signals.tell(Present(self._me, rooms[:_ROOMS_AT_ONCE], whole=True))
        for begin in range(_ROOMS_AT_ONCE, len(rooms), _ROOMS_AT_ONCE):
            self._signals.tell(Present(self._me, rooms[begin : begin + _ROOMS_AT_ONCE]))

    async def _be_there_for_ever(self) -> None:
        times = 0
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            times += 1
            if times % _WHOLE_EVERY == 0:
                self._tell_all()
            else:
                self._signals.tell(Present(self._me))
            self._forget_the_dead()

    def _forget_the_dead(self) -> None:
        now = monotonic()
        for name, place in list(self._elsewhere.items()):
            if now - place.heard_at > GONE_SECONDS:
                self._note_gone(name, place)

    def _note_gone(self, name: str, place: _Place) -> None:
        for conversation in list(place.rooms):
            with self._telling(conversation):
                del place.rooms[conversation]
        del self._elsewhere[name]
