"""Any order of appends, reads, ends, deletions, crashes: the log says what a plain list says."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llmchat.errors import BadCursor, LogGone, OffsetConflict
from llmchat.events import Event, Terminal, is_terminal
from llmchat.ids import GenerationId
from llmchat.tokenlog.base import Head
from tests.contract.following import STARTED, Follower, assert_says, read_all, read_upto
from tests.contract.logs import PLACES
from tests.contract.strategies import bodies, bounded, terminals

T = TypeVar("T")

NAMES = [GenerationId(name) for name in ("gen_a", "gen_b", "gen_c")]
names = st.sampled_from(NAMES)
ends = st.none() | terminals


class TokenLogMachine(RuleBasedStateMachine):
    """`said` is the model: what append() returned for, by log. Readers run all the while.

    No draw depends on it: what is stored of appends that race each other may differ in a replay.
    """

    place_name: str

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[GenerationId, list[Event]] = {}
        self.ended_at: dict[GenerationId, float] = {}
        self.followers: list[Follower] = []
        self.folder = TemporaryDirectory(prefix="llmchat ")
        self.loop = asyncio.Runner()
        self.place = PLACES[self.place_name](Path(self.folder.name))
        self.opened = AsyncExitStack()

    @initialize()
    def open(self) -> None:
        self.log = self.run(self.opened.enter_async_context(self.place.open()))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def next(self, name: GenerationId) -> int:
        return len(self.said.get(name, [])) + 1

    def continued(
        self, name: GenerationId, body: Sequence[Event], end: Terminal | None
    ) -> list[Event]:
        start = [] if name in self.said else [STARTED]
        return [*start, *body, *([] if end is None else [end])]

    def stored(self, name: GenerationId, events: Sequence[Event]) -> None:
        self.said.setdefault(name, []).extend(events)
        if is_terminal(events[-1]):
            self.ended_at[name] = self.place.time.seconds()
        for follower in self.followers:
            if follower.id == name:
                self.run(follower.reaches(len(self.said[name])))

    def forget(self, gone: Sequence[GenerationId]) -> None:
        for name in gone:
            was = self.said.pop(name, [])
            ended = self.ended_at.pop(name, None) is not None
            for follower in [follower for follower in self.followers if follower.id == name]:
                self.run(follower.ends())
                assert follower.gone or ended
                assert_says(follower.entries, was, after=follower.after)
                self.followers.remove(follower)

    @rule(name=names, body=bodies, end=ends)
    def append(self, name: GenerationId, body: list[Event], end: Terminal | None) -> None:
        events = self.continued(name, body, end)
        if name in self.ended_at:
            with pytest.raises(OffsetConflict):
                self.run(self.log.append(name, events, at=self.next(name)))
        else:
            self.run(self.log.append(name, events, at=self.next(name)))
            self.stored(name, events)

    @rule(name=names, body=bodies, beside=st.integers(-3, 3).filter(bool))
    def append_elsewhere(self, name: GenerationId, body: list[Event], beside: int) -> None:
        with pytest.raises(OffsetConflict):
            self.run(self.log.append(name, body, at=self.next(name) + beside))

    @rule(parts=st.dictionaries(names, bodies, min_size=2))
    def append_to_many_at_once(self, parts: dict[GenerationId, list[Event]]) -> None:
        appends = {
            name: (self.continued(name, body, None), self.next(name))
            for name, body in parts.items()
            if name not in self.ended_at
        }

        async def all_at_once() -> None:
            async with asyncio.TaskGroup() as group:
                for name, (events, at) in appends.items():
                    group.create_task(self.log.append(name, events, at=at))

        self.run(all_at_once())
        for name, (events, _) in appends.items():
            self.stored(name, events)

    @rule(name=names, parts=st.lists(bodies, min_size=2, max_size=4), end=ends)
    def append_without_waiting(
        self, name: GenerationId, parts: list[list[Event]], end: Terminal | None
    ) -> None:
        if name in self.ended_at:
            return
        batches = [self.continued(name, parts[0], None), *parts[1:]]
        if end is not None:
            batches.append([end])

        async def in_a_row() -> list[BaseException | None]:
            at, appends = self.next(name), []
            for batch in batches:
                appends.append(asyncio.create_task(self.log.append(name, batch, at=at)))
                at += len(batch)
            return await asyncio.gather(*appends, return_exceptions=True)

        results = self.run(in_a_row())
        assert {type(result) for result in results} <= {type(None), OffsetConflict}
        kept = [batch for batch, result in zip(batches, results, strict=True) if result is None]
        assert kept == batches[: len(kept)], "what was refused is not followed by what was stored"
        if kept:
            self.stored(name, [event for batch in kept for event in batch])

    @rule(name=names, cursor=st.integers(-2, 400))
    def read(self, name: GenerationId, cursor: int) -> None:
        events = self.said.get(name)
        if events is None:
            with pytest.raises(LogGone):
                self.run(read_upto(self.log, name, 1))
        elif not 0 <= cursor <= len(events):
            with pytest.raises(BadCursor):
                self.run(read_upto(self.log, name, cursor + 1, after=cursor))
        elif name in self.ended_at:
            assert_says(self.run(read_all(self.log, name, after=cursor)), events, after=cursor)
        else:
            batches = self.run(read_upto(self.log, name, len(events), after=cursor))
            entries = [entry for batch in batches for entry in batch]
            assert_says(entries, events, after=cursor)

    @rule(name=names)
    def look(self, name: GenerationId) -> None:
        events = self.said.get(name)
        if events is None:
            with pytest.raises(LogGone):
                self.run(self.log.head(name))
            with pytest.raises(LogGone):
                self.run(self.log.snapshot(name))
        else:
            assert self.run(self.log.head(name)) == Head(len(events), name in self.ended_at)
            assert_says(self.run(self.log.snapshot(name)), events)

    @rule(name=names, cursor=st.integers(0, 400))
    def follow(self, name: GenerationId, cursor: int) -> None:
        if name not in self.said:
            return
        after = cursor % self.next(name)

        async def started() -> Follower:
            return Follower(self.log, name, after=after)

        self.followers.append(self.run(started()))
        self.run(self.followers[-1].reaches(len(self.said[name])))

    @rule(which=st.integers(0, 9))
    def cut_a_follower_and_let_it_come_back(self, which: int) -> None:
        if not self.followers:
            return
        follower = self.followers[which % len(self.followers)]

        async def again() -> None:
            await follower.leave()
            follower.read_from(self.log)

        self.run(again())

    @rule(gone=st.sets(names, max_size=2))
    def delete(self, gone: set[GenerationId]) -> None:
        self.run(self.log.delete([*gone, GenerationId("gen_unknown")]))
        self.forget(sorted(gone))

    @rule(seconds=st.integers(-3600, 3600))
    def let_the_clock_jump(self, seconds: int) -> None:
        self.place.time.move(seconds)

    @rule(age=st.integers(-10, 3600))
    def expire(self, age: int) -> None:
        before = self.place.time.seconds() - age
        old = [name for name, ended_at in self.ended_at.items() if ended_at < before]
        assert self.run(self.log.expire(ended_before=before)) == len(old)
        self.forget(old)

    @precondition(lambda self: self.place.durable)
    @rule()
    def crash_and_reopen(self) -> None:
        self.place = self.run(self.place.after_crash(self.log))
        self.reopen()

    @precondition(lambda self: self.place.durable)
    @rule()
    def reopen(self) -> None:
        self.run(self.opened.aclose())
        self.open()

        async def come_back() -> None:
            for follower in self.followers:
                await follower.ends()
                follower.read_from(self.log)

        self.run(come_back())
        for name in NAMES:
            self.look(name)

    def teardown(self) -> None:
        try:
            for name in NAMES:
                self.look(name)
            for follower in self.followers:
                self.run(follower.reaches(self.next(follower.id) - 1))
                assert_says(follower.entries, self.said[follower.id], after=follower.after)
            self.log.release_readers()
            for follower in self.followers:
                self.run(follower.ends())
            assert self.place.waiting_readers(self.log) == 0
        finally:
            self.run(self.opened.aclose())
            self.loop.close()
            self.folder.cleanup()


@pytest.mark.parametrize("place", PLACES)
def test_any_order_of_events_reads_as_a_plain_list(place: str) -> None:
    class Machine(TokenLogMachine):
        place_name = place

    run_state_machine_as_test(
        Machine, settings=settings(bounded, max_examples=25, stateful_step_count=25)
    )
