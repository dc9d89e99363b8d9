"""The processes of a run: started on their core, measured from outside, killed at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.calls import CallError, call
from bench.serving import HOST

CPUCLOCK_SCHED = 2
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = resource.getpagesize()
INHERITED = ("PATH", "HOME", "LANG")
"""Everything else in the environment could configure the service under test."""
ROOT = Path(__file__).parents[1]
READY_SECONDS = 20.0
POLL_SECONDS = 0.02
LAST_WORDS = 30


class ProcessError(Exception):
    """A process did not become ready, or died; the message ends with what it printed."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: the service has a core of its own wherever there are two."""

    service: int
    mock: int
    client: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[min(1, len(cores) - 1)], cores[min(2, len(cores) - 1)])


@dataclass(frozen=True, slots=True)
class Command:
    """What to start, and the path that answers 200 once it is ready ("" for an open port)."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_path: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A server of the run; what it costs is read for all of its processes and threads."""

    name: str
    port: int
    popen: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        """Itself and its children; raises ProcessError once it has ended."""
        if self.popen.poll() is not None:
            raise ProcessError(f"{self.name} died: {self.printed()}")
        return _family(self.popen.pid)

    def cpu_ns(self) -> int:
        """CPU time so far, user and system, of all its processes."""
        return sum(_cpu_ns(pid) for pid in self.pids())

    def rss_bytes(self) -> int:
        return sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
            for pid in self.pids()
        )

    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())

    def printed(self) -> str:
        """The last words of its output, in one line."""
        return " ".join(self.log.read_text(errors="replace").split()[-LAST_WORDS:])

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError):
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found.extend(map(int, children.read_text().split()))
    return found


def _cpu_ns(pid: int) -> int:
    """The process's own CPU clock: what /proc/<pid>/stat rounds to 10 ms, in nanoseconds."""
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)


def core_busy_ns(core: int) -> int:
    """How long a core has not been idle so far, whoever used it, the host machine too."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, *others = map(int, ticks[:8])
            return (user + nice + system + sum(others)) * TICK_NS
    return 0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def more_descriptors() -> None:
    """Raises the limit of open files as far as it goes, here and for every child."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def start(name: str, command: Command, port: int, core: int, scratch: Path) -> Process:
    """Starts a server in a directory of its own, with a bare environment; returns when ready."""
    process = _spawn(name, command, port, core, scratch)
    try:
        await _ready(process, command.ready_path)
    except BaseException:
        process.kill()
        raise
    return process


def _spawn(name: str, command: Command, port: int, core: int, scratch: Path) -> Process:
    scratch.mkdir(parents=True)
    path = scratch / "output.log"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with path.open("wb") as log:
        popen = subprocess.Popen(
            (sys.executable, "-m", "bench.launch", str(core), *command.arguments),
            env={**inherited, "PYTHONPATH": str(ROOT), **command.environment},
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Process(name, port, popen, path)


async def _ready(process: Process, path: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.popen.poll() is None:
        try:
            if path:
                await call(process.port, "GET", path)
            else:
                socket.create_connection((HOST, process.port)).close()
        except (CallError, OSError):
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
    raise ProcessError(f"{process.name} did not start: {process.printed()}")
