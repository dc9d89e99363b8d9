"""Where each implementation of the token log keeps its logs: a new one joins in PLACES."""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from llmchat.tokenlog.base import TokenLog
from llmchat.tokenlog.logfile import Durability
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.tokenlog.redis import RedisTokenLog
from llmchat.tokenlog.sqlite import SqliteTokenLog
from tests.contract.clocks import SetTime
from tests.redis_server import shared_redis

PATIENCE_SECONDS = 20.0
"""Only a test that has already failed waits this long."""


class LogPlace(Protocol):
    """A place of logs that outlives the object that serves them, unless it is not `durable`."""

    time: SetTime
    durable: bool

    def open(self) -> AbstractAsyncContextManager[TokenLog]: ...

    async def after_crash(self, log: TokenLog) -> "LogPlace":
        """What would be found if every process that uses this place died now."""
        ...

    def waiting_readers(self, log: TokenLog) -> int:
        """How many readers the log keeps in mind."""
        ...


class MemoryPlace:
    durable = False

    def __init__(self, folder: Path) -> None:
        self.time = SetTime()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[TokenLog, None]:
        log = MemoryTokenLog(self.time.seconds)
        yield log
        log.release_readers()

    async def after_crash(self, log: TokenLog) -> LogPlace:
        raise NotImplementedError

    def waiting_readers(self, log: TokenLog) -> int:
        assert isinstance(log, MemoryTokenLog)
        return sum(len(found.tail._waiters) for found in log._logs.values())


class SqlitePlace:
    durable = True

    def __init__(
        self, durability: Durability, folder: Path, time: SetTime | None = None, crashes: int = 0
    ) -> None:
        self.time = time or SetTime()
        self.path = folder / f"after {crashes} crashes" / "log.db"
        self.path.parent.mkdir(exist_ok=True)
        self._durability = durability
        self._folder = folder
        self._crashes = crashes

    def open(self) -> SqliteTokenLog:
        return SqliteTokenLog(self.path, durability=self._durability, now=self.time.seconds)

    async def after_crash(self, log: TokenLog) -> LogPlace:
        """The files as they are, the write-ahead log included, while they are open."""
        assert isinstance(log, SqliteTokenLog)
        found = SqlitePlace(self._durability, self._folder, self.time, self._crashes + 1)
        copy = partial(shutil.copytree, self.path.parent, found.path.parent, dirs_exist_ok=True)
        await log._write(copy)
        return found

    def waiting_readers(self, log: TokenLog) -> int:
        assert isinstance(log, SqliteTokenLog)
        return sum(len(live.tail._waiters) for live in log._live.values())


class RedisPlace:
    """One private server for all tests, emptied for each; a crash is the server's, too."""

    durable = True

    def __init__(self, folder: Path, time: SetTime | None = None) -> None:
        self.time = time or SetTime()
        self._folder = folder
        self._is_new = time is None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[TokenLog, None]:
        redis = await shared_redis()
        if self._is_new:
            await redis.call("FLUSHALL")
            self._is_new = False
        log = RedisTokenLog(redis.url, retention_seconds=86_400, now=self.time.seconds)
        async with log:
            yield log

    async def after_crash(self, log: TokenLog) -> LogPlace:
        redis = await shared_redis()
        await redis.kill()
        await redis.start()
        return RedisPlace(self._folder, self.time)

    def waiting_readers(self, log: TokenLog) -> int:
        assert isinstance(log, RedisTokenLog)
        return sum(len(mirror.tail._waiters) for mirror in log._mirrors)


PLACES: dict[str, Callable[[Path], LogPlace]] = {
    "memory": MemoryPlace,
    "sqlite[process]": partial(SqlitePlace, "process"),
    "sqlite[disk]": partial(SqlitePlace, "disk"),
    "redis": RedisPlace,
}
