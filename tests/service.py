"""A real `llmchat serve` process, to talk to, to stop and to kill.

    async with Service(tmp_path).running() as service, service.client() as client:
        sent = await client.send(await client.conversation(), model="demo/story")
        await service.kill()
        await service.start()
        reader = await client.read(sent.generation_id)

See tests/client.py for the client, tests/reader.py for the reader, tests/upstream.py for a fake
model server.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import httpx2
import psutil  # type: ignore[import-untyped]

from tests import process
from tests.client import Client, connect

PATIENCE_SECONDS = process.PATIENCE_SECONDS
LOOK_SECONDS = process.LOOK_SECONDS

# The kernel gives clients their ports from 32768 on: a server that comes back finds its own free.
_PORTS = range(20_000, 32_000)
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds of the machine."""

    file_descriptors: int
    threads: int
    rss_bytes: int
    cpu_seconds: float


class Service:
    """One data directory (`folder`/data), one port, and at most one process at a time on them.

    The settings are environment variables; nothing else of this machine's environment is seen by
    the process, no server on it is looked for, and its log is kept over restarts.
    """

    engines: ClassVar[Callable[[Path], Mapping[str, str]] | None] = None
    """What else is set for the service of a folder: see tests/distributed.py."""

    def __init__(self, folder: Path, **settings: str | float) -> None:
        self.data_dir = folder / "data"
        self.port = free_port()
        found = {} if Service.engines is None else Service.engines(folder)
        self.settings = {name: str(value) for name, value in {**found, **settings}.items()}
        self._folder = folder
        self._process = process.Process(folder / "service.log")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it has a process, be it paused."""
        return self._process.alive

    @property
    def log(self) -> str:
        """All that its processes have written so far, to stdout and stderr."""
        return self._process.log

    @property
    def footprint(self) -> Footprint:
        now = psutil.Process(self._process.pid)
        return Footprint(
            now.num_fds(), now.num_threads(), now.memory_info().rss, sum(now.cpu_times()[:2])
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Started and ready inside, killed behind it."""
        try:
            yield await self.start()
        finally:
            await self.kill()

    async def start(self) -> Self:
        """Start a process and wait until it is ready; again after it has ended: on the same data
        and port."""
        self.launch()
        await self.ready()
        return self

    def launch(self) -> None:
        """Start a process and do not wait for it."""
        self._process.launch(
            [Path(sys.executable).with_name("llmchat"), "serve", *self._arguments()],
            self._folder,
            environment(self.settings),
        )

    async def ready(self) -> None:
        """Wait for /health/ready; fails at once, with the log, when the process has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.client() as client:
            while not (listens(self.port) and await _answers_ready(client)):
                assert self._process.alive, f"llmchat serve ended:\n{self.log}"
                await asyncio.sleep(LOOK_SECONDS)

    def client(self) -> AbstractAsyncContextManager[Client]:
        """A client with its own connections, as many as it needs."""
        return connect(self.base_url)

    def signal(self, number: signal.Signals) -> None:
        self._process.signal(number)

    async def pause(self) -> None:
        """SIGSTOP: frozen as it is, its connections open; nothing of it runs when this returns."""
        await self._process.pause()

    def resume(self) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        self._process.resume()

    async def exit_code(self) -> int:
        """Wait until the process has ended."""
        return await self._process.exit_code()

    async def kill(self) -> None:
        """kill -9, whatever it is doing; nothing when it has ended already."""
        await self._process.kill()

    async def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return await self.exit_code()

    def _arguments(self) -> list[str]:
        return ["--port", str(self.port), "--data-dir", str(self.data_dir)]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What a command of ours may see: these settings, and little of this machine."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {"LLMCHAT_DISCOVER": "false"} | dict(settings)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which no client gets by chance."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("a hundred ports were tried, and none is free")


async def _answers_ready(client: Client) -> bool:
    try:
        return (await client.http.get("/health/ready")).status_code == 200
    except httpx2.TransportError:
        return False


def listens(port: int) -> bool:
    """Whether somebody does: cheap to ask, so that asking does not slow the start down."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
