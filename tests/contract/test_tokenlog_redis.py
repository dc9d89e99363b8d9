"""What only a log of several processes can show: two of them over one Redis."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from llmchat.errors import OffsetConflict
from llmchat.events import Delta, Event
from llmchat.ids import WorkerId
from llmchat.tokenlog.base import Head
from llmchat.tokenlog.redis import RedisTokenLog
from tests.contract.following import (
    FINISHED,
    STARTED,
    Follower,
    assert_says,
    new_log,
    read_all,
    tokens,
)
from tests.redis_server import RedisServer, shared_redis

ONE, OTHER = WorkerId("worker_1"), WorkerId("worker_2")
KEPT_SECONDS = 100.0


@pytest.fixture
async def redis() -> RedisServer:
    server = await shared_redis()
    await server.call("FLUSHALL")
    return server


@pytest.fixture
async def processes(redis: RedisServer) -> AsyncGenerator[tuple[RedisTokenLog, RedisTokenLog]]:
    def log() -> RedisTokenLog:
        return RedisTokenLog(redis.url, retention_seconds=KEPT_SECONDS, now=lambda: 1_000_000.0)

    async with log() as a, log() as b:
        yield a, b


Processes = tuple[RedisTokenLog, RedisTokenLog]


async def test_what_one_process_writes_others_follow(processes: Processes) -> None:
    a, b = processes
    id = new_log()
    events: list[Event] = [STARTED, *tokens(200), FINISHED]
    await a.append(id, events[:1], at=1, writer=ONE)
    followers = [Follower(b, id), Follower(a, id)]
    for offset in range(2, len(events) + 1):
        await a.append(id, [events[offset - 1]], at=offset, writer=ONE)
        if offset % 50 == 0:
            followers.append(Follower(b, id, after=offset))
    for follower in followers:
        await follower.ends()
        assert_says(follower.entries, events, after=follower.after)


@pytest.mark.thorough
async def test_a_reader_ahead_of_what_this_process_heard_is_not_refused(
    processes: Processes,
) -> None:
    a, b = processes
    for _ in range(20):
        id = new_log()
        await a.append(id, [STARTED], at=1, writer=ONE)
        assert await b.head(id) == Head(1, ended=False)
        await a.append(id, tokens(5), at=2, writer=ONE)
        ahead = Follower(b, id, after=6)
        await a.append(id, [FINISHED], at=7, writer=ONE)
        await ahead.ends()
        assert_says(ahead.entries, [STARTED, *tokens(5), FINISHED], after=6)


async def test_an_owner_that_was_fenced_elsewhere_shows_what_the_new_one_writes(
    processes: Processes,
) -> None:
    a, b = processes
    id = new_log()
    await a.append(id, [STARTED, *tokens(2)], at=1, writer=ONE)
    reader = Follower(a, id)
    assert await b.fence(id, OTHER) == Head(3, ended=False)
    with pytest.raises(OffsetConflict):
        await a.append(id, [Delta("late")], at=4, writer=ONE)
    await b.append(id, [Delta("mine"), FINISHED], at=4, writer=OTHER)
    await reader.ends()
    assert_says(reader.entries, [STARTED, *tokens(2), Delta("mine"), FINISHED])


async def test_what_redis_forgets_is_stored_again_in_the_same_place(
    processes: Processes, redis: RedisServer
) -> None:
    a, b = processes
    id = new_log()
    await a.append(id, [STARTED, *tokens(300)], at=1, writer=ONE)
    reader = Follower(b, id)
    await reader.reaches(301)
    await redis.call("FLUSHALL")
    await a.append(id, tokens(1, 300), at=302, writer=ONE)
    await a.append(id, [FINISHED], at=303, writer=ONE)
    await reader.ends()
    assert_says(reader.entries, [STARTED, *tokens(301), FINISHED])
    assert_says(await read_all(b, id), [STARTED, *tokens(301), FINISHED])


async def test_what_was_deleted_is_not_stored_again(
    processes: Processes,
) -> None:
    a, b = processes
    id = new_log()
    await a.append(id, [STARTED, *tokens(3)], at=1, writer=ONE)
    await b.delete([id])
    with pytest.raises(OffsetConflict):
        await a.append(id, [Delta("late")], at=5, writer=ONE)


async def test_redis_itself_forgets_what_ended_long_ago(
    processes: Processes, redis: RedisServer
) -> None:
    a, b = processes
    id = new_log()
    await a.append(id, [STARTED], at=1, writer=ONE)
    reader = Follower(b, id)
    await reader.reaches(1)
    assert await redis.call("TTL", f"llmchat:log:{id}") == -1
    await a.append(id, [FINISHED], at=2, writer=ONE)
    await reader.ends()
    for key in (f"llmchat:log:{id}", f"llmchat:log:{id}:meta"):
        assert await redis.call("TTL", key) > KEPT_SECONDS
    assert await redis.call("EXISTS", f"llmchat:log:{id}:watchers") == 0


@pytest.mark.parametrize(
    ("options", "promises"),
    [
        ({}, []),
        ({"appendonly": False}, ["(P1)"]),
        ({"maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"}, ["(P1, P4)"]),
    ],
)
async def test_a_redis_that_may_lose_logs_is_named(
    tmp_path: Path, options: dict[str, str | bool | int], promises: list[str]
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RedisServer(tmp_path, **options).running())
        log = await stack.enter_async_context(
            RedisTokenLog(server.url, retention_seconds=1, now=lambda: 0.0)
        )
        warnings = await log.warnings()
    assert len(warnings) == len(promises)
    for warning, promise in zip(warnings, promises, strict=True):
        assert promise in warning
