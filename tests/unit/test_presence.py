"""Who is where, over processes that lose signals and die."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from llmchat.chat.feed import Feed, PresenceChanged
from llmchat.chat.presence import GONE_SECONDS, Presence
from llmchat.ids import ConversationId, OwnerId
from llmchat.signals.base import Present, RollCall, Signal

ROOM, OTHER = ConversationId("conv_1"), ConversationId("conv_2")
ANN, BOB = OwnerId("ann"), OwnerId("bob")
PATIENCE_SECONDS = 30.0


class Wire:
    """Signals from each process to all others, at once, while it is not cut."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.cut = False

    def tell(self, sender: "Place", signal: Signal) -> None:
        for place in self.places:
            if place is not sender and not self.cut:
                place.hear(signal)


class Place:
    """Signals of one process, and its presence."""

    def __init__(self, wire: Wire, *, grace_seconds: float = 0) -> None:
        self._wire = wire
        wire.places.append(self)
        self.feed = Feed()
        self.presence = Presence(self.feed, self, grace_seconds=grace_seconds)

    def listen(self, heard: Callable[[Signal], None], missed: Callable[[], None]) -> None:
        raise AssertionError("it listens by itself")

    def tell(self, signal: Signal) -> None:
        self._wire.tell(self, signal)

    def hear(self, signal: Signal) -> None:
        assert isinstance(signal, Present | RollCall)
        self.presence.hear(signal)


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_all_processes_know_who_is_there(wire: Wire) -> None:
    one, two = Place(wire), Place(wire)
    with one.presence.entered(ROOM, ANN), two.presence.entered(ROOM, BOB):
        assert one.presence.present(ROOM) == two.presence.present(ROOM) == [ANN, BOB]
        assert one.presence.present(OTHER) == []
        with two.presence.entered(ROOM, ANN), two.presence.entered(ROOM, ANN):
            assert one.presence.present(ROOM) == [ANN, BOB]
        assert two.presence.present(ROOM) == [ANN, BOB]
    assert one.presence.present(ROOM) == two.presence.present(ROOM) == []


async def test_who_watches_is_told_of_each_change_once(wire: Wire) -> None:
    one, two = Place(wire), Place(wire)
    with one.feed.subscribe(ROOM) as told:
        with ExitStack() as stack:
            for place in (one, two, two):
                stack.enter_context(place.presence.entered(ROOM, ANN))
            stack.enter_context(two.presence.entered(ROOM, BOB))
        assert await told.news() == [
            PresenceChanged(ANN, True, [ANN]),
            PresenceChanged(BOB, True, [ANN, BOB]),
        ]
        assert await told.news() == [
            PresenceChanged(BOB, False, [ANN]),
            PresenceChanged(ANN, False, []),
        ]


async def test_a_connection_that_is_cut_and_made_anew_is_no_news(wire: Wire) -> None:
    one, two = Place(wire, grace_seconds=PATIENCE_SECONDS), Place(wire)
    async with one.presence:
        with one.feed.subscribe(ROOM) as told, one.presence.entered(ROOM, BOB):
            for place in (one, two, one):
                with place.presence.entered(ROOM, ANN):
                    assert one.presence.present(ROOM) == [ANN, BOB]
                # It may be the last that is seen of her, or not.
                assert one.presence.present(ROOM) == [ANN, BOB]
                assert not one.presence.is_here(ROOM, ANN)
            assert await told.news() == [
                PresenceChanged(BOB, True, [BOB]),
                PresenceChanged(ANN, True, [ANN, BOB]),
            ]


async def test_who_comes_back_too_late_has_left(wire: Wire) -> None:
    one = Place(wire)
    with one.feed.subscribe(ROOM) as told:
        for _ in range(2):
            with one.presence.entered(ROOM, ANN):
                assert await told.news() == [PresenceChanged(ANN, True, [ANN])]
            assert await told.news() == [PresenceChanged(ANN, False, [])]


async def test_a_new_process_hears_of_who_was_there_before(wire: Wire) -> None:
    one = Place(wire)
    with one.presence.entered(ROOM, ANN):
        two = Place(wire)
        two.presence.ask()
        assert two.presence.present(ROOM) == [ANN]


async def test_what_was_lost_is_said_again(wire: Wire) -> None:
    one, two = Place(wire), Place(wire)
    with one.presence.entered(OTHER, BOB):
        wire.cut = True
        with one.presence.entered(ROOM, ANN):
            assert two.presence.present(ROOM) == []
            wire.cut = False
            two.presence.ask()
            assert two.presence.present(ROOM) == [ANN]
            wire.cut = True
        wire.cut = False
        one.presence.ask()
        assert two.presence.present(ROOM) == []
        assert two.presence.present(OTHER) == [BOB]


async def test_nobody_is_at_a_process_that_is_silent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("llmchat.chat.presence.monotonic", lambda: now[0])
    one, two = Place(wire), Place(wire)
    with one.presence.entered(ROOM, ANN), two.feed.subscribe(ROOM) as told:
        now[0] = GONE_SECONDS + 1
        two.presence._forget_the_dead()
        assert await told.news() == [PresenceChanged(ANN, False, [])]
        assert two.presence.present(ROOM) == []
        # It was only slow: whoever hears of it again asks who is there.
        one.tell(Present(one.presence._me))
        assert two.presence.present(ROOM) == [ANN]


async def test_many_rooms_are_told_in_pieces(wire: Wire) -> None:
    one, two = Place(wire), Place(wire)
    rooms: Sequence[ConversationId] = [ConversationId(f"conv_{n}") for n in range(450)]
    with ExitStack() as stack:
        wire.cut = True
        for room in rooms:
            stack.enter_context(one.presence.entered(room, ANN))
        wire.cut = False
        one.presence.ask()
        assert all(two.presence.present(room) == [ANN] for room in rooms)
    assert not any(two.presence.present(room) for room in rooms)


async def test_a_process_that_ends_says_so(wire: Wire) -> None:
    one, two = Place(wire), Place(wire)
    async with one.presence:
        entered = one.presence.entered(ROOM, ANN)
        entered.__enter__()
        await asyncio.sleep(0)
        assert two.presence.present(ROOM) == [ANN]
    assert two.presence.present(ROOM) == []
