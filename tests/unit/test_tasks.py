"""No task without an owner, no failure in silence, no cancellation that gets lost."""

import asyncio
import gc

import pytest
from structlog.testing import capture_logs

from llmchat.tasks import TaskSet, cancel

PATIENCE_SECONDS = 20.0


async def test_a_task_is_kept_alive_and_forgotten_when_done() -> None:
    tasks, go, done = TaskSet(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    tasks.spawn(work(), name="work")
    await asyncio.sleep(0)
    gc.collect()
    assert len(tasks) == 1
    go.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await done.wait()
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_a_failure_in_the_background_is_logged_with_its_name() -> None:
    tasks = TaskSet()

    async def fail() -> None:
        raise ValueError("broken")

    with capture_logs() as logged:
        tasks.spawn(fail(), name="the task that fails")
        while len(tasks):  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    (line,) = logged
    assert (line["log_level"], line["task"]) == ("error", "the task that fails")
    assert isinstance(line["exc_info"], ValueError)


async def test_who_waits_for_a_task_gets_its_result_or_its_error() -> None:
    tasks = TaskSet()

    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise ValueError("broken")

    with capture_logs() as logged:
        assert await tasks.start(answer(), name="answer") == 42
        with pytest.raises(ValueError, match="broken"):
            await tasks.start(fail(), name="fail")
    assert logged == []


async def test_cancelling_all_waits_until_all_have_ended() -> None:
    tasks, cleaned = TaskSet(), []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    with capture_logs() as logged:
        for number in range(3):
            tasks.spawn(work(number), name=f"work {number}")
        await asyncio.sleep(0)
        await tasks.cancel_all()

    assert sorted(cleaned) == [0, 1, 2]
    assert len(tasks) == 0
    assert logged == [], "to be cancelled is no failure"


async def test_a_cancellation_that_got_lost_is_asked_again() -> None:
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await cancel(task)
    assert task.cancelled()
    assert swallowed == 2


async def test_what_has_ended_need_not_be_cancelled() -> None:
    async def work() -> int:
        return 1

    task = asyncio.create_task(work())
    assert await task == 1
    await cancel(task)
    assert not task.cancelled()
