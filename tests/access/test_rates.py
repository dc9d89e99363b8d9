"""What counts how often somebody does something: in one process, and over many."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from llmchat.access.rates import Rates, SharedRates
from llmchat.errors import StorageUnavailable
from llmchat.web.limits import LocalRates
from tests.redis_server import RedisServer

LIMIT = 5


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncGenerator[RedisServer, None]:
    async with RedisServer(tmp_path / "redis").running() as redis:
        yield redis


@pytest.fixture(params=["local", "shared"])
async def rates(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Rates, None]:
    if request.param == "local":
        yield LocalRates()
        return
    async with (
        RedisServer(tmp_path / "redis").running() as redis,
        aclosing(SharedRates(redis.url, strict=False)) as shared,
    ):
        yield shared


async def test_so_much_and_no_more(rates: Rates) -> None:
    taken = [await rates.take("requests", "ann", LIMIT) for _ in range(LIMIT + 3)]

    assert [allowed for allowed, _ in taken] == [True] * LIMIT + [False] * 3
    assert [window.remaining for _, window in taken] == [4, 3, 2, 1, 0, 0, 0, 0]
    assert all(0 < window.reset_seconds <= 60 for _, window in taken)
    assert {window.limit for _, window in taken} == {LIMIT}


async def test_each_has_their_own(rates: Rates) -> None:
    for _ in range(LIMIT):
        await rates.take("requests", "ann", LIMIT)

    assert (await rates.take("requests", "bob", LIMIT))[0]
    assert (await rates.take("wrong keys", "ann", LIMIT))[0]
    assert not (await rates.take("requests", "ann", LIMIT))[0]


async def test_to_look_takes_nothing(rates: Rates) -> None:
    await rates.take("requests", "ann", LIMIT)
    looks = [(await rates.look("requests", "ann", LIMIT)).remaining for _ in range(10)]

    assert looks == [LIMIT - 1] * 10


async def test_of_many_at_once_no_more_than_that_many(rates: Rates) -> None:
    taken = await asyncio.gather(*(rates.take("requests", "ann", LIMIT) for _ in range(40)))

    assert sum(allowed for allowed, _ in taken) == LIMIT


@pytest.mark.parametrize("who", ["é", "a:b", "a/b/c", "*", "\n", "x" * 200])
async def test_any_name_is_a_name(rates: Rates, who: str) -> None:
    taken = [await rates.take("requests", who, 1) for _ in range(2)]

    assert [allowed for allowed, _ in taken] == [True, False]


async def test_processes_count_together(redis: RedisServer) -> None:
    one, other = (SharedRates(redis.url, strict=False) for _ in range(2))
    async with aclosing(one), aclosing(other):
        taken = [await rates.take("requests", "ann", 2) for rates in (one, other, one, other)]

    assert [allowed for allowed, _ in taken] == [True, True, False, False]


async def test_without_redis_nobody_is_limited_or_everybody_refused(redis: RedisServer) -> None:
    lenient, strict = SharedRates(redis.url, strict=False), SharedRates(redis.url, strict=True)
    async with aclosing(lenient), aclosing(strict):
        await redis.kill()
        assert (await lenient.take("requests", "ann", 1))[0]
        assert (await lenient.take("requests", "ann", 1))[0]
        with pytest.raises(StorageUnavailable, match="Redis does not answer"):
            await strict.take("requests", "ann", 1)


async def test_a_silent_redis_holds_nobody_up_for_long(redis: RedisServer) -> None:
    async with aclosing(SharedRates(redis.url, strict=False)) as rates:
        await rates.take("requests", "ann", 1)
        await redis.pause()
        try:
            async with asyncio.timeout(30):
                assert (await rates.take("requests", "ann", 1))[0]
        finally:
            redis.resume()
