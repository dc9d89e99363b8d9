"""The tests' own Redis: what it keeps over a kill, and what it is like when it is held still."""

import asyncio
import socket
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as NoConnection

from tests.redis_server import RedisServer
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS


async def test_it_keeps_what_it_was_told_over_a_kill_and_a_stop(tmp_path: Path) -> None:
    async with RedisServer(tmp_path).running() as redis:
        url = redis.url
        await redis.call("XADD", "log", "0-1", "text", "a")
        await redis.kill()
        await redis.kill()
        with pytest.raises(NoConnection):
            await redis.call("PING")
        await redis.start()
        assert await redis.call("XLEN", "log") == 1
        assert await redis.stop() == 0
        await redis.start()
        assert await redis.call("XLEN", "log") == 1
        assert redis.url == url
        assert await redis.call("FLUSHALL")
        assert await redis.call("XLEN", "log") == 0


async def test_it_is_ready_only_when_it_has_loaded_its_file(tmp_path: Path) -> None:
    async with RedisServer(tmp_path, enable_debug_command="yes").running() as redis:
        await redis.call("DEBUG", "POPULATE", 200_000, "key", 100)
        # What DEBUG does is in no file before it is rewritten.
        await redis.call("BGREWRITEAOF")
        await until_rewritten(redis)
        await redis.kill()
        await redis.start()
        assert await redis.call("DBSIZE") == 200_000


async def until_rewritten(redis: RedisServer) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await is_rewriting(redis):  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)


async def is_rewriting(redis: RedisServer) -> bool:
    state = await redis.call("INFO", "persistence")
    return bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


async def test_what_it_promises_can_be_overridden(tmp_path: Path) -> None:
    async with RedisServer(tmp_path / "default").running() as redis:
        assert await redis.call("CONFIG", "GET", "append*sync") == {"appendfsync": "everysec"}
        assert await redis.call("CONFIG", "GET", "appendonly") == {"appendonly": "yes"}
        assert await redis.call("CONFIG", "GET", "save") == {"save": ""}
        assert await redis.call("CONFIG", "GET", "maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }
    careless = RedisServer(
        tmp_path / "careless", appendonly=False, maxmemory_policy="allkeys-lru", maxmemory="64mb"
    )
    async with careless.running() as redis:
        assert await redis.call("CONFIG", "GET", "appendonly") == {"appendonly": "no"}
        assert await redis.call("CONFIG", "GET", "maxmemory-policy") == {
            "maxmemory-policy": "allkeys-lru"
        }
        await redis.call("SET", "a", "b")
        await redis.kill()
        await redis.start()
        assert await redis.call("GET", "a") is None


async def test_held_still_it_takes_connections_and_answers_later(tmp_path: Path) -> None:
    async with RedisServer(tmp_path).running() as redis:
        await redis.pause()
        with socket.create_connection(("127.0.0.1", redis.port)) as connection:
            connection.sendall(b"PING\r\n")
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(16)
            redis.resume()
            connection.settimeout(PATIENCE_SECONDS)
            assert await asyncio.to_thread(connection.recv, 16) == b"+PONG\r\n"
        await redis.pause()
    assert "Redis" in redis.log


async def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path, no_such_option=1)
    with pytest.raises(AssertionError, match="Bad directive"):
        await redis.start()
