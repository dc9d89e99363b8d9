"""What every token log promises, one promise at a time; the machine beside it mixes them."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from llmchat.errors import BadCursor, LogGone, OffsetConflict
from llmchat.events import Delta, Entry, Event, Reset, Started, ToolCall, fold
from llmchat.ids import GenerationId
from llmchat.tokenlog.base import BATCH_CHARS, Head, TokenLog
from tests.contract.following import (
    FINISHED,
    STARTED,
    Follower,
    assert_says,
    new_log,
    read_all,
    read_upto,
    rest,
    tokens,
    until,
)
from tests.contract.logs import LogPlace
from tests.contract.strategies import ODD_TEXTS

IDLE_SECONDS = 0.01


class TestAppend:
    async def test_a_log_is_written_once_and_read_by_anybody(self, log: TokenLog) -> None:
        id = new_log()
        events: list[Event] = [STARTED, *tokens(3), FINISHED]
        for offset, event in enumerate(events, 1):
            await log.append(id, [event], at=offset)

        for after in range(len(events) + 1):
            assert_says(await read_all(log, id, after=after), events, after=after)
        assert await log.head(id) == Head(last=5, ended=True)

    async def test_every_event_comes_back_byte_for_byte(self, log: TokenLog) -> None:
        id = new_log()
        answers = [Delta(text) for text in ODD_TEXTS]
        thoughts = [Delta(text, "reasoning") for text in ODD_TEXTS]
        calls = [ToolCall(0, "call_1", text, text) for text in ODD_TEXTS]
        resets = [Reset(2, text, text) for text in ODD_TEXTS]
        events: list[Event] = [STARTED, *answers, *thoughts, *calls, *resets, FINISHED]
        await log.append(id, events, at=1)

        assert_says(await read_all(log, id), events)
        assert fold(await log.snapshot(id)).answer == ODD_TEXTS[-1]

    @pytest.mark.parametrize("at", [-1, 0, 1, 2, 4, 2**40])
    async def test_only_the_next_offset_is_accepted(self, log: TokenLog, at: int) -> None:
        id = new_log()
        await log.append(id, [STARTED, *tokens(1)], at=1)

        with pytest.raises(OffsetConflict):
            await log.append(id, [Delta("x")], at=at)
        assert_says(await log.snapshot(id), [STARTED, *tokens(1)])

    @pytest.mark.parametrize("at", [0, 2, 100])
    async def test_a_log_begins_at_one(self, log: TokenLog, at: int) -> None:
        id = new_log()
        with pytest.raises(OffsetConflict):
            await log.append(id, [STARTED], at=at)
        with pytest.raises(LogGone):
            await log.head(id)

    @pytest.mark.parametrize("at", [1, 2, 3, 4])
    async def test_nothing_follows_the_terminal(self, log: TokenLog, at: int) -> None:
        id = new_log()
        await log.append(id, [STARTED, FINISHED], at=1)

        for event in (Delta("late"), FINISHED):
            with pytest.raises(OffsetConflict):
                await log.append(id, [event], at=at)
        assert_says(await read_all(log, id), [STARTED, FINISHED])

    async def test_of_two_writers_one_is_fenced(self, log: TokenLog) -> None:
        id = new_log()
        await log.append(id, [STARTED], at=1)
        texts = [f"writer {number}" for number in range(10)]

        results = await asyncio.gather(
            *(log.append(id, [Delta(text)], at=2) for text in texts), return_exceptions=True
        )

        assert sorted(type(result).__name__ for result in results) == [
            "NoneType",
            *["OffsetConflict"] * 9,
        ]
        (winner,) = [text for text, result in zip(texts, results, strict=True) if result is None]
        assert_says(await log.snapshot(id), [STARTED, Delta(winner)])

    async def test_logs_are_never_mixed(self, log: TokenLog) -> None:
        ids = [new_log() for _ in range(40)]
        said: dict[str, list[Event]] = {id: [Started(id, id, id, 1)] for id in ids}
        for round_ in range(5):
            for id in ids:
                said[id].append(Delta(f"{id}:{round_} "))

        for offset in range(1, 7):
            await asyncio.gather(
                *(log.append(id, said[id][offset - 1 : offset], at=offset) for id in ids)
            )

        for id in ids:
            assert_says(await log.snapshot(id), said[id])

    async def test_an_append_given_up_is_stored_whole_or_not_at_all(self, log: TokenLog) -> None:
        id, other = new_log(), new_log()
        await log.append(id, [STARTED], at=1)
        for _ in range(10):
            next_offset = (await log.head(id)).last + 1
            given_up = asyncio.create_task(log.append(id, tokens(2), at=next_offset))
            beside = asyncio.create_task(log.append(new_log(), [STARTED], at=1))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.wait([given_up])
            await beside
        await log.append(other, [STARTED, FINISHED], at=1)

        said = fold(await log.snapshot(id)).answer
        count = ((await log.head(id)).last - 1) // 2
        assert said == "t0 t1 " * count
        await log.append(id, [FINISHED], at=2 * count + 2)
        assert_says(await read_all(log, id), [STARTED, *tokens(2) * count, FINISHED])


class TestRead:
    @pytest.mark.parametrize("cursor", [-1, 3, 2**70])
    async def test_a_cursor_outside_the_log_is_refused(self, log: TokenLog, cursor: int) -> None:
        id = new_log()
        await log.append(id, [STARTED, Delta("a")], at=1)
        with pytest.raises(BadCursor):
            await read_all(log, id, after=cursor)
        await log.append(id, [FINISHED], at=3)
        with pytest.raises(BadCursor):
            await read_all(log, id, after=cursor + (cursor > 0))

    async def test_every_cursor_gives_exactly_the_rest(self, log: TokenLog) -> None:
        id = new_log()
        events: list[Event] = [STARTED, *tokens(150), Delta("hm", "reasoning"), *tokens(50)]
        await log.append(id, events, at=1)
        for end in (None, FINISHED):
            if end is not None:
                events.append(end)
                await log.append(id, [end], at=len(events))
            for after in range(len(events)):
                batches = await read_upto(log, id, len(events), after=after)
                entries = [entry for batch in batches for entry in batch]
                assert_says(entries, events, after=after)

    async def test_an_unknown_log_is_gone(self, log: TokenLog) -> None:
        with pytest.raises(LogGone):
            await read_all(log, new_log())
        with pytest.raises(LogGone):
            await log.snapshot(new_log())
        with pytest.raises(LogGone):
            await log.head(new_log())

    async def test_readers_follow_live_from_wherever_they_began(self, log: TokenLog) -> None:
        id = new_log()
        events: list[Event] = [STARTED, *tokens(98), FINISHED]
        await log.append(id, events[:1], at=1)
        followers = [Follower(log, id)]
        for offset in range(2, len(events) + 1):
            await log.append(id, [events[offset - 1]], at=offset)
            if offset % 10 == 0:
                followers.append(Follower(log, id, after=offset // 2))

        for follower in followers:
            await follower.ends()
            assert_says(follower.entries, events, after=follower.after)

    async def test_a_reader_that_is_late_gets_few_batches(self, log: TokenLog) -> None:
        id = new_log()
        await log.append(id, [STARTED, *tokens(5)], at=1)
        async with aclosing(log.read(id)) as reading:
            entries = list(await anext(reading))
            for offset in range(7, 207):
                await log.append(id, tokens(1, offset - 2), at=offset)
            await log.append(id, [FINISHED], at=207)
            batches = await rest(reading)

        assert len(batches) <= 3
        entries += [entry for batch in batches for entry in batch]
        assert_says(entries, [STARTED, *tokens(205), FINISHED])

    @pytest.mark.parametrize("after", [0, 1, 5_000, 9_990])
    async def test_a_long_replay_comes_in_a_handful_of_batches(
        self, log: TokenLog, after: int
    ) -> None:
        id = new_log()
        events = [STARTED, *tokens(10_000)]
        await write_slowly(log, id, events)

        for end in (None, FINISHED):
            if end is not None:
                events.append(end)
                await log.append(id, [end], at=len(events))
            batches = await read_upto(log, id, len(events), after=after)
            assert len(batches) <= 4
            assert sum(len(batch) for batch in batches) <= 6
            assert_says([entry for batch in batches for entry in batch], events, after=after)

    async def test_a_batch_pins_little_however_much_there_is(self, log: TokenLog) -> None:
        id = new_log()
        piece = "x" * 30_000
        events: list[Event] = [STARTED, *(Delta(piece) for _ in range(70))]
        for offset, event in enumerate(events, 1):
            await log.append(id, [event], at=offset)

        for after in (0, 1, 20, 45, 60):
            batches = await read_upto(log, id, len(events), after=after)
            assert max(chars_of(batch) for batch in batches) < BATCH_CHARS + len(piece)
            assert_says([entry for batch in batches for entry in batch], events, after=after)

    async def test_a_silent_log_gives_idle_batches(self, log: TokenLog) -> None:
        id = new_log()
        await log.append(id, [STARTED], at=1)
        async with aclosing(log.read(id, idle_seconds=IDLE_SECONDS)) as reading:
            assert await anext(reading)
            assert [await anext(reading) for _ in range(3)] == [()] * 3
            await log.append(id, [FINISHED], at=2)
            batches = [batch for batch in await rest(reading) if batch]
        assert_says([entry for batch in batches for entry in batch], [STARTED, FINISHED], after=1)

    async def test_readers_that_abort_a_long_replay_leave_nothing_behind(
        self, log: TokenLog, place: LogPlace
    ) -> None:
        id = new_log()
        await write_slowly(log, id, [STARTED, *tokens(10_000)])
        tasks = asyncio.all_tasks()

        async def look_and_leave() -> None:
            async with aclosing(log.read(id)) as reading:
                await anext(reading)

        async def read_on() -> None:
            async for _ in log.read(id, idle_seconds=60):
                pass

        await asyncio.gather(*(look_and_leave() for _ in range(25)))
        assert place.waiting_readers(log) == 0
        cut = [asyncio.create_task(read_on()) for _ in range(25)]
        for task in cut:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait(cut)
        assert place.waiting_readers(log) == 0
        await until(lambda: asyncio.all_tasks() == tasks)

    @pytest.mark.parametrize("end", [[], [FINISHED]])
    async def test_a_reader_that_leaves_takes_nobody_with_it(
        self, log: TokenLog, end: list[Event]
    ) -> None:
        id = new_log()
        events = [STARTED, *tokens(10_000), *end]
        await write_slowly(log, id, events)
        followers = [Follower(log, id, after=after) for after in (0, 0, 0, 5, 5, 5)]
        await asyncio.sleep(0)
        for follower in followers[::3]:
            await follower.leave()
        for follower in followers[1::3] + followers[2::3]:
            await follower.reaches(len(events))
            assert_says(follower.entries, events, after=follower.after)

    async def test_a_read_that_is_never_begun_leaves_nothing_behind(self, log: TokenLog) -> None:
        for id in (new_log(), new_log()):
            await log.read(id).aclose()


async def write_slowly(log: TokenLog, id: GenerationId, events: Sequence[Event]) -> None:
    """A hundred appends, as a generation makes them."""
    size = len(events) // 100 + 1
    for start in range(0, len(events), size):
        await log.append(id, events[start : start + size], at=start + 1)


def chars_of(batch: Sequence[Entry]) -> int:
    return sum(len(entry.event.text) for entry in batch if isinstance(entry.event, Delta))
