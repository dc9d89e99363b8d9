"""How a log, and everybody who reads it, comes to its end."""

from contextlib import aclosing

import pytest

from llmchat.errors import LogGone, OffsetConflict
from llmchat.events import Entry, Event
from llmchat.tokenlog.base import TokenLog
from tests.contract.following import (
    FINISHED,
    STARTED,
    Follower,
    assert_says,
    new_log,
    read_all,
    rest,
    tokens,
)
from tests.contract.logs import LogPlace


class TestEnd:
    async def test_readers_at_the_tail_are_told_that_the_log_is_gone(self, log: TokenLog) -> None:
        id, kept = new_log(), new_log()
        for each in (id, kept):
            await log.append(each, [STARTED, *tokens(3)], at=1)
        followers = [Follower(log, id) for _ in range(3)]
        other = Follower(log, kept)
        for follower in (*followers, other):
            await follower.reaches(4)

        await log.delete([id, new_log()])

        for follower in followers:
            await follower.ends()
            assert follower.gone
        with pytest.raises(LogGone):
            await log.snapshot(id)
        with pytest.raises(OffsetConflict):
            await log.append(id, [FINISHED], at=5)
        await log.append(kept, [FINISHED], at=5)
        await other.ends()
        assert_says(other.entries, [STARTED, *tokens(3), FINISHED])

    @pytest.mark.parametrize(
        ("how", "end"), [("delete", [FINISHED]), ("delete", []), ("expire", [FINISHED])]
    )
    async def test_a_replay_never_ends_early_without_saying_so(
        self, log: TokenLog, place: LogPlace, how: str, end: list[Event]
    ) -> None:
        id = new_log()
        events = [STARTED, *tokens(40_000), *end]
        await log.append(id, events, at=1)
        got: list[Entry] = []
        async with aclosing(log.read(id)) as reading:
            got.extend(await anext(reading))
            assert got[-1].last < len(events), "there is more than one batch"
            if how == "delete":
                await log.delete([id])
            else:
                assert await log.expire(ended_before=place.time.seconds() + 1) == 1
            try:
                got.extend([entry for batch in await rest(reading) for entry in batch])
            except LogGone:
                return
        assert_says(got, events)

    async def test_a_deleted_log_may_begin_again(self, log: TokenLog) -> None:
        id = new_log()
        await log.append(id, [STARTED, *tokens(3)], at=1)
        await log.delete([id])
        await log.append(id, [STARTED, FINISHED], at=1)
        assert_says(await read_all(log, id), [STARTED, FINISHED])

    async def test_only_what_ended_long_ago_expires(self, log: TokenLog, place: LogPlace) -> None:
        old, live, young = new_log(), new_log(), new_log()
        await log.append(old, [STARTED, FINISHED], at=1)
        await log.append(live, [STARTED], at=1)
        place.time.move(100)
        await log.append(young, [STARTED, FINISHED], at=1)

        assert await log.expire(ended_before=place.time.seconds()) == 1
        with pytest.raises(LogGone):
            await read_all(log, old)
        assert_says(await log.snapshot(live), [STARTED])
        assert_says(await read_all(log, young), [STARTED, FINISHED])
        assert await log.expire(ended_before=place.time.seconds()) == 0

    async def test_released_readers_end_after_what_is_stored(self, log: TokenLog) -> None:
        waiting, late = new_log(), new_log()
        events = [STARTED, *tokens(40_000)]
        for id in (waiting, late):
            await log.append(id, events, at=1)
        at_the_tail = Follower(log, waiting, after=len(events))
        async with aclosing(log.read(late)) as reading:
            entries = list(await anext(reading))
            log.release_readers()
            entries += [entry for batch in await rest(reading) for entry in batch]
        assert_says(entries, events)
        await at_the_tail.ends()
        assert not at_the_tail.gone

        assert_says(await read_all(log, late), events)
        await log.append(late, [FINISHED], at=len(events) + 1)
        assert_says(await read_all(log, late), [*events, FINISHED])
        unborn = new_log()
        await log.append(unborn, [STARTED], at=1)
        assert_says(await read_all(log, unborn), [STARTED])
