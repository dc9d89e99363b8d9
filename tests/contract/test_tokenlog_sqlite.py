"""What the embedded log promises when its file is slow, full, locked, copied or not its own."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from llmchat.errors import LogGone, OffsetConflict, StorageUnavailable
from llmchat.events import Delta, Event
from llmchat.ids import GenerationId
from llmchat.tokenlog.base import Head
from llmchat.tokenlog.logfile import Durability, Found
from llmchat.tokenlog.sqlite import SqliteTokenLog
from tests.contract.following import (
    FINISHED,
    STARTED,
    Follower,
    assert_says,
    new_log,
    read_all,
    tokens,
    until,
)
from tests.contract.logs import PATIENCE_SECONDS, SqlitePlace
from tests.contract.trouble import begun, commits, disk_full, writer_blocked

BIG: Sequence[Event] = [Delta("x" * 200_000)]
"""Fits into no page that is already there."""


@pytest.fixture(params=["process", "disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(request.param, tmp_path)


@pytest.fixture
async def log(place: SqlitePlace) -> AsyncGenerator[SqliteTokenLog, None]:
    async with place.open() as log:
        yield log


class TestStoredBeforeShown:
    async def test_nothing_is_shown_before_append_returned(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        id, unborn = new_log(), new_log()
        await log.append(id, [STARTED, *tokens(3)], at=1)
        follower = Follower(log, id)
        await follower.reaches(4)

        with writer_blocked(place.path):
            appends = [
                await begun(log, id, tokens(2, 3), at=5),
                asyncio.create_task(log.append(unborn, [STARTED], at=1)),
            ]
            await until(lambda: len(log._pending) == 1)
            late = Follower(log, id)
            await late.reaches(4)
            assert await log.head(id) == Head(4, ended=False)
            assert_says(await log.snapshot(id), [STARTED, *tokens(3)])
            for look in (log.head, log.snapshot, partial(read_all, log)):
                with pytest.raises(LogGone):
                    await look(unborn)
            assert (follower.last, late.last) == (4, 4)
            assert not any(append.done() for append in appends)

        await asyncio.gather(*appends)
        for reader in (follower, late):
            await reader.reaches(6)
        assert_says(await log.snapshot(unborn), [STARTED])

    async def test_what_append_returned_for_is_in_the_files(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        said: dict[GenerationId, list[Event]] = {}
        for number in range(20):
            said[id := new_log()] = [STARTED, *tokens(number), *([FINISHED] * (number % 2))]
            await log.append(id, said[id], at=1)

        async with (await place.after_crash(log)).open() as found:
            for id, events in said.items():
                assert_says(await found.snapshot(id), events)
                if events[-1] != FINISHED:
                    await found.append(id, [FINISHED], at=len(events) + 1)
                    assert_says(await read_all(found, id), [*events, FINISHED])

    async def test_leaving_stores_what_waits(self, place: SqlitePlace) -> None:
        ids = [new_log() for _ in range(20)]
        async with place.open() as log:
            with writer_blocked(place.path):
                appends = [asyncio.create_task(log.append(id, [STARTED], at=1)) for id in ids]
                await until(lambda: len(log._live) == len(ids))
        await asyncio.gather(*appends)

        async with place.open() as log:
            for id in ids:
                assert_says(await log.snapshot(id), [STARTED])

    @pytest.mark.parametrize(("durability", "level"), [("process", 1), ("disk", 2)])
    async def test_disk_waits_for_the_disk(
        self, tmp_path: Path, durability: Durability, level: int
    ) -> None:
        async with SqlitePlace(durability, tmp_path).open() as log:
            query = partial(log._file._writer.execute, "PRAGMA synchronous")
            assert (await log._write(query)).fetchone() == (level,)


class TestGroupCommit:
    async def test_a_hundred_appends_take_a_few_commits(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        first, *others = [new_log() for _ in range(100)]
        with commits(log) as seen:
            with writer_blocked(place.path):
                begun_first = await begun(log, first, [STARTED], at=1)
                rest = asyncio.gather(*(log.append(id, [STARTED], at=1) for id in others))
                await until(lambda: len(log._pending) == len(others))
            await asyncio.gather(begun_first, rest)
        assert 1 <= len(seen) <= 5

    async def test_appends_without_waiting_are_all_stored(self, log: SqliteTokenLog) -> None:
        id = new_log()
        events = [STARTED, *tokens(200), FINISHED]
        await log.append(id, events[:1], at=1)
        await asyncio.gather(
            *(log.append(id, [event], at=offset) for offset, event in enumerate(events[1:], 2))
        )
        assert_says(await read_all(log, id), events)

    async def test_an_append_given_up_takes_nobody_with_it(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        id, other = new_log(), new_log()
        for each in (id, other):
            await log.append(each, [STARTED], at=1)
        follower = Follower(log, id)

        with writer_blocked(place.path):
            given_up = await begun(log, id, tokens(1), at=2)
            beside = asyncio.create_task(log.append(other, tokens(1), at=2))
            behind = asyncio.create_task(log.append(id, tokens(1, 1), at=3))
            await until(lambda: len(log._pending) == 2)
            for append in (given_up, behind):
                append.cancel()
                await asyncio.wait([append])
            last = asyncio.create_task(log.append(id, tokens(1, 2), at=4))
            await until(lambda: len(log._pending) == 3)

        await asyncio.gather(beside, last)
        await follower.reaches(4)
        assert_says(follower.entries, [STARTED, *tokens(3)])
        assert_says(await log.snapshot(other), [STARTED, *tokens(1)])


class TestFailedCommit:
    async def test_nothing_of_a_failed_commit_is_stored_and_the_next_one_works(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        id, other, unborn, before = new_log(), new_log(), new_log(), new_log()
        for each in (id, other, before):
            await log.append(each, [STARTED, *tokens(1)], at=1)
        follower = Follower(log, id)

        async with disk_full(log):
            with writer_blocked(place.path):
                in_time = await begun(log, before, tokens(1), at=3)
                one_batch = [
                    asyncio.create_task(log.append(id, [*BIG, FINISHED], at=3)),
                    asyncio.create_task(log.append(other, tokens(1), at=3)),
                    asyncio.create_task(log.append(unborn, [STARTED], at=1)),
                ]
                await until(lambda: len(log._pending) == len(one_batch))
            await in_time
            results = await asyncio.gather(*one_batch, return_exceptions=True)
            assert [type(result) for result in results] == [StorageUnavailable] * 3
            assert_says(await log.snapshot(id), [STARTED, *tokens(1)])
            with pytest.raises(LogGone):
                await log.snapshot(unborn)

        await log.append(id, [*BIG, FINISHED], at=3)
        await log.append(other, tokens(1, 1), at=3)
        await log.append(unborn, [STARTED], at=1)
        await follower.ends()
        assert_says(follower.entries, [STARTED, *tokens(1), *BIG, FINISHED])
        async with (await place.after_crash(log)).open() as found:
            assert_says(await found.snapshot(other), [STARTED, *tokens(2)])
            assert_says(await found.snapshot(unborn), [STARTED])

    @pytest.mark.parametrize("at", [1, 2])
    async def test_what_waits_behind_a_failed_append_fails_too(
        self, log: SqliteTokenLog, place: SqlitePlace, at: int
    ) -> None:
        id, other = new_log(), new_log()
        said: list[Event] = [STARTED] if at == 2 else []
        if said:
            await log.append(id, said, at=1)

        async with disk_full(log):
            with writer_blocked(place.path):
                failing = await begun(log, id, BIG, at=at)
                behind = asyncio.create_task(log.append(id, tokens(1), at=at + 1))
                innocent = asyncio.create_task(log.append(other, [STARTED], at=1))
                await until(lambda: len(log._pending) == 2)
            results = await asyncio.gather(failing, behind, return_exceptions=True)
        await asyncio.wait([innocent])

        assert [type(result) for result in results] == [StorageUnavailable] * 2
        await log.append(id, tokens(2), at=at)
        assert_says(await log.snapshot(id), [*said, *tokens(2)])
        assert innocent.exception() is None
        assert_says(await log.snapshot(other), [STARTED])

    async def test_a_log_deleted_in_mid_append_takes_no_other_with_it(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        id, other = new_log(), new_log()
        for each in (id, other):
            await log.append(each, [STARTED], at=1)

        with writer_blocked(place.path):
            deleting = asyncio.create_task(log.delete([id]))
            await asyncio.sleep(0)
            doomed = asyncio.create_task(log.append(id, tokens(1), at=2))
            innocent = asyncio.create_task(log.append(other, tokens(1), at=2))
            await until(lambda: bool(log._pending))
        await asyncio.wait([deleting, doomed, innocent])

        assert deleting.exception() is None
        assert isinstance(doomed.exception(), OffsetConflict)
        assert innocent.exception() is None
        assert_says(await log.snapshot(other), [STARTED, *tokens(1)])
        with pytest.raises(LogGone):
            await log.snapshot(id)

    async def test_a_log_that_could_not_be_deleted_goes_on(
        self, log: SqliteTokenLog, place: SqlitePlace
    ) -> None:
        id = new_log()
        await log.append(id, [STARTED], at=1)
        follower = Follower(log, id)
        with writer_blocked(place.path):
            await log._write(partial(log._file._writer.execute, "PRAGMA busy_timeout = 1"))
            with pytest.raises(StorageUnavailable):
                await log.delete([id])
        await log.append(id, [FINISHED], at=2)
        await follower.ends()
        assert_says(follower.entries, [STARTED, FINISHED])


class TestOpening:
    async def test_a_log_that_ends_while_it_is_looked_up_is_read_to_its_end(
        self, place: SqlitePlace
    ) -> None:
        id = new_log()
        async with place.open() as log:
            await log.append(id, [STARTED], at=1)
        async with place.open() as log:
            find, looked, slow = log._file.find, threading.Event(), threading.Event()
            calls: list[str] = []

            def find_slowly(name: str) -> Found | None:
                found = find(name)
                calls.append(name)
                if len(calls) == 2:
                    looked.set()
                    slow.wait(PATIENCE_SECONDS)
                return found

            log._file.find = find_slowly  # type: ignore[method-assign]
            ending = asyncio.create_task(log.append(id, [FINISHED], at=2))
            await asyncio.sleep(0)
            follower = Follower(log, id)
            await until(looked.is_set)
            await ending
            slow.set()
            await follower.ends()
            assert_says(follower.entries, [STARTED, FINISHED])
            with pytest.raises(OffsetConflict):
                await log.append(id, [FINISHED], at=3)

    @pytest.mark.parametrize("content", ["another version", "no database"])
    async def test_a_file_that_is_not_ours_is_refused(
        self, place: SqlitePlace, content: str
    ) -> None:
        if content == "no database":
            place.path.write_bytes(b"something else" * 100)
        else:
            async with place.open():
                pass
            with closing(sqlite3.connect(place.path)) as other:
                other.execute("PRAGMA user_version = 99")
        with pytest.raises(StorageUnavailable, match=r"log\.db"):
            async with place.open():
                pass
