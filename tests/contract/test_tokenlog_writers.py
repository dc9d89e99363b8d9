"""Who may write a log: one writer at a time, and a new one when the old one is lost."""

import asyncio

import pytest

from llmchat.errors import LogGone, OffsetConflict
from llmchat.events import Delta, Entry, Reset
from llmchat.ids import WorkerId
from llmchat.tokenlog.base import Head, TokenLog
from tests.contract.following import (
    FINISHED,
    STARTED,
    Follower,
    assert_says,
    new_log,
    read_all,
    read_upto,
    tokens,
)

ONE, OTHER = WorkerId("worker_1"), WorkerId("worker_2")
UPTO = 1_000_000
RESET = Reset(2, "lost", "t0 t1 ")


async def test_only_its_maker_writes_a_log(log: TokenLog) -> None:
    id = new_log()
    await log.append(id, [STARTED], at=1, writer=ONE)
    with pytest.raises(OffsetConflict):
        await log.append(id, [Delta("x")], at=2, writer=OTHER)
    with pytest.raises(OffsetConflict):
        await log.append(id, [Delta("x")], at=2)
    await log.append(id, [Delta("mine")], at=2, writer=ONE)
    assert_says(await log.snapshot(id), [STARTED, Delta("mine")])


async def test_whoever_fences_a_log_is_its_only_writer(log: TokenLog) -> None:
    id = new_log()
    await log.append(id, [STARTED, *tokens(3)], at=1, writer=ONE)
    follower = Follower(log, id)

    assert await log.fence(id, OTHER) == Head(4, ended=False)
    for at in (4, 5, 6):
        with pytest.raises(OffsetConflict):
            await log.append(id, [Delta("late")], at=at, writer=ONE)
    await log.append(id, [FINISHED], at=5, writer=OTHER)

    await follower.ends()
    assert_says(follower.entries, [STARTED, *tokens(3), FINISHED])
    assert await log.fence(id, ONE) == Head(5, ended=True)


async def test_a_fence_knows_all_that_was_stored_before_it(log: TokenLog) -> None:
    for _ in range(20):
        id = new_log()
        await log.append(id, [STARTED], at=1, writer=ONE)
        last = asyncio.create_task(log.append(id, tokens(2), at=2, writer=ONE))
        await asyncio.sleep(0)
        head = await log.fence(id, OTHER)
        (result,) = await asyncio.gather(last, return_exceptions=True)
        assert head.last == (3 if result is None else 1)
        await log.append(id, [FINISHED], at=head.last + 1, writer=OTHER)


async def test_what_does_not_exist_is_not_fenced(log: TokenLog) -> None:
    with pytest.raises(LogGone):
        await log.fence(new_log(), ONE)


async def test_a_lost_log_begins_again_with_a_reset_for_every_cursor(log: TokenLog) -> None:
    id = new_log()
    await log.append(id, [STARTED, *tokens(500)], at=1, writer=ONE)
    await log.delete([id])

    await log.restore(id, STARTED, RESET, upto=UPTO, writer=OTHER)

    assert await log.head(id) == Head(UPTO, ended=False)
    with pytest.raises(OffsetConflict):
        await log.append(id, [Delta("late")], at=UPTO + 1, writer=ONE)
    live = Follower(log, id, after=501)
    await log.append(id, [Delta("more")], at=UPTO + 1, writer=OTHER)
    await log.append(id, [FINISHED], at=UPTO + 2, writer=OTHER)
    await live.ends()
    whole = await read_all(log, id)
    assert said(whole) == [
        (1, 1, STARTED),
        (2, UPTO, RESET),
        (UPTO + 1, UPTO + 1, Delta("more")),
        (UPTO + 2, UPTO + 2, FINISHED),
    ]
    for after in (1, 2, 501, 5_000, UPTO - 1):
        found = await read_all(log, id, after=after)
        assert said(found) == [(after + 1, UPTO, RESET), *said(whole)[2:]]
    assert said(live.entries) == said(await read_all(log, id, after=501))
    assert said(await read_all(log, id, after=UPTO)) == said(whole)[2:]


async def test_what_is_there_is_not_restored(log: TokenLog) -> None:
    id = new_log()
    await log.append(id, [STARTED, *tokens(1)], at=1, writer=ONE)
    with pytest.raises(OffsetConflict):
        await log.restore(id, STARTED, RESET, upto=UPTO, writer=OTHER)
    await read_upto(log, id, 2)
    await log.append(id, [FINISHED], at=3, writer=ONE)
    with pytest.raises(OffsetConflict):
        await log.restore(id, STARTED, RESET, upto=UPTO, writer=OTHER)
    assert_says(await read_all(log, id), [STARTED, *tokens(1), FINISHED])


def said(entries: list[Entry]) -> list[tuple[int, int, object]]:
    return [(entry.first, entry.last, entry.event) for entry in entries]
