"""A private Redis, to talk to, to hold still, to stop and to kill.

    async with RedisServer(tmp_path / "redis").running() as redis:
        await redis.call("SET", "a", "b")
        await redis.kill()
        await redis.start()
        assert await redis.call("GET", "a") == "b"

It keeps an append-only file that is synced every second, as a deployment should. Options are lines
of redis.conf, with `_` for `-`: `RedisServer(folder, appendonly=False)`.
"""

import asyncio
import atexit
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from tests.process import LOOK_SECONDS, PATIENCE_SECONDS, Process
from tests.programs import program
from tests.service import free_port, listens

_DEFAULTS: dict[str, str | bool | int] = {
    "appendonly": True,
    "appendfsync": "everysec",
    # No snapshots: what survives is what the append-only file holds.
    "save": "",
}
_ANSWER_SECONDS = 5


class RedisServer:
    """One folder of files, one port, and at most one process at a time on them."""

    def __init__(self, folder: Path, **options: str | bool | int) -> None:
        self.port = free_port()
        self.options = _DEFAULTS | options
        self._folder = folder
        self._process = Process(folder / "redis.log")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log(self) -> str:
        """All that its processes have written so far."""
        return self._process.log

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Started and ready inside, killed behind it."""
        try:
            yield await self.start()
        finally:
            await self.kill()

    async def start(self) -> Self:
        """Start a process, on the files and the port of the last one, and wait until it has loaded
        them."""
        self.launch()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (listens(self.port) and await self._answers()):
                assert self._process.alive, f"redis-server ended:\n{self.log}"
                await asyncio.sleep(LOOK_SECONDS)
        return self

    def launch(self) -> None:
        """Start it and do not wait for it."""
        self._process.launch([program("redis-server"), *self._arguments()], self._folder)

    async def call(self, *command: str | bytes | float) -> Any:
        """One command over a connection of its own, and the answer as redis-py reads it."""
        async with Redis(
            port=self.port,
            decode_responses=True,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            # Ten retries by default: a test that a dead server fails would take minutes to say so.
            retry=Retry(NoBackoff(), 0),
        ) as redis:
            return await redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def pause(self) -> None:
        """SIGSTOP: its connections stay open, new ones too, and it answers nothing."""
        await self._process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.signal(signal.SIGTERM)
        return await self._process.exit_code()

    async def kill(self) -> None:
        """kill -9, whatever it is doing; nothing when it has ended already."""
        await self._process.kill()

    @property
    def alive(self) -> bool:
        return self._process.alive

    def end(self) -> None:
        """The same without waiting, for when no loop is left."""
        if self.alive:
            self._process.signal(signal.SIGKILL)

    def _arguments(self) -> list[str]:
        options = self.options | {"bind": "127.0.0.1", "port": self.port, "daemonize": False}
        arguments: list[str] = []
        for name, value in options.items():
            text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
            arguments += [f"--{name.replace('_', '-')}", text]
        return arguments

    async def _answers(self) -> bool:
        try:
            return bool(await self.call("PING"))
        except (NoConnection, NoAnswer):  # also while it loads
            return False


@cache
def _shared() -> RedisServer:
    folder = TemporaryDirectory(prefix="llmchat redis ")
    # With `everysec` a busy disk holds writes back for up to two seconds, after they were answered
    # for: a kill -9 would then lose what these tests count on. `no` writes before it answers.
    server = RedisServer(Path(folder.name), appendfsync="no")
    atexit.register(server.end)
    atexit.register(folder.cleanup)
    return server


def started_redis() -> RedisServer:
    """The same, perhaps not ready yet."""
    server = _shared()
    if not server.alive:
        server.launch()
    return server


async def shared_redis() -> RedisServer:
    """One for the whole session, running: for tests that empty it and leave it running."""
    server = _shared()
    return server if server.alive else await server.start()
