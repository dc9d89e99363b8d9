"""Where a run takes place: its mode, its cores, its mock upstream, and the servers under test."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

from bench.calls import Endpoint, call
from bench.process import Command, Cores, Process, free_port, start
from bench.script import Script
from bench.sides import Side

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """What the mock had sent when it was told to end everything."""

    streams: int
    tokens: int
    worst_lag_ms: float


@dataclass(frozen=True, slots=True)
class Server:
    """One side, running, with the mock behind it."""

    side: Side
    mock: Process
    process: Process | None
    cores: Cores

    @property
    def name(self) -> str:
        return self.side.name

    @property
    def port(self) -> int:
        return self.process.port if self.process else self.mock.port

    def cpu_ns(self) -> int:
        return self.process.cpu_ns() if self.process else 0

    @property
    def running(self) -> Process:
        if self.process is None:
            raise ValueError(f"{self.name} has no process")
        return self.process

    async def prepare(self, script: Script) -> Endpoint:
        return await self.side.prepare(self.port, script)

    async def begin(self, script: Script) -> Endpoint:
        return await self.side.begin(self.port, script)

    async def end_all(self) -> Ended:
        """Lets the mock finish every generation that is still live."""
        ended = cast(dict[str, float], await call(self.mock.port, "POST", "/bench/end"))
        return Ended(int(ended["streams"]), int(ended["tokens"]), ended["worst_lag_ms"])


@dataclass(frozen=True, slots=True)
class Field:
    """What every scenario is given."""

    quick: bool
    rounds: int
    cores: Cores
    mock: Process
    scratch: Path
    deadline: float = float("inf")
    """On time.monotonic(): the scenario is stopped then, so that the others have their time."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def choose(self, full: T, quick: T) -> T:
        """The size of something: for a full run, and for one of two minutes."""
        return quick if self.quick else full

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def part(self, share: float) -> Field:
        """The same with that share of the time that is left."""
        return replace(self, deadline=time.monotonic() + share * self.seconds_left)

    def times(self, wanted: int) -> Iterator[int]:
        """Counts up to what is wanted, or to what fits into the time by how long it has taken."""
        began = time.monotonic()
        for done in range(wanted):
            yield done
            now = time.monotonic()
            if now + (now - began) / (done + 1) > self.deadline:
                return

    @contextlib.asynccontextmanager
    async def serving(self, *sides: Side | None) -> AsyncGenerator[list[Server], None]:
        """The sides, started afresh; killed on the way out. Those that are None are left out."""
        servers: list[Server] = []
        try:
            for side in filter(None, sides):
                server = await self._serve(side)
                servers.append(server)
            yield servers
        finally:
            for server in servers:
                if server.process:
                    server.process.kill()

    async def _serve(self, side: Side) -> Server:
        port = free_port()
        scratch = self.scratch / f"{side.name}-{next(self._numbers)}"
        command = side.command(port, self.mock.port, scratch / "data")
        process = None
        if command is not None:
            process = await start(side.name, command, port, self.cores.service, scratch)
        return Server(side, self.mock, process, self.cores)


async def start_mock(cores: Cores, scratch: Path) -> Process:
    """The mock upstream, on the other core than the service."""
    port = free_port()
    command = Command((sys.executable, "-m", "bench.mock", "--port", str(port)))
    return await start("mock", command, port, cores.mock, scratch / "mock")
