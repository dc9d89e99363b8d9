"""Several worker processes that serve on one address: started, kept alive, and stopped together."""

import asyncio
import errno
import os
import signal
import socket
import threading
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

AT_ONCE = signal.SIGQUIT
"""What tells a worker not to wait for anything any more. A second SIGTERM does not: a service
manager sends one to every process, and the supervisor sends its own."""

_STEPS = (signal.SIGTERM, AT_ONCE, signal.SIGKILL)
_BACKLOG = 2048
_FIRST_PAUSE_SECONDS = 0.1
_MOST_PAUSE_SECONDS = 10.0
# Whoever lived this long did not die of how it was started.
_SETTLED_SECONDS = 10.0

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is started with: file descriptors, and whether none was ready before it."""

    number: int
    listeners: Sequence[int]
    lifeline: int
    first: bool


class Supervisor:
    """Keeps `workers` processes alive that serve on `listeners`, until it is told to stop.

    The first one is awaited before the others are started: what it cannot do they cannot either,
    and what has to be done once is then done.
    """

    def __init__(
        self,
        command: Callable[[Launch], Sequence[str]],
        listeners: Sequence[socket.socket],
        *,
        workers: int,
        ended: Callable[[int], None] = lambda _number: None,
    ) -> None:
        """`ended` is told the number of each worker whose process has ended."""
        self._ended = ended
        self._command = command
        self._listeners = listeners
        self._workers = workers
        self._children: set[Process] = set()
        self._told = 0
        self._stopping = asyncio.Event()
        self._begun = asyncio.Event()
        self._was_ready = False
        self._exit_code = 0

    async def run(self) -> int:
        """Until SIGTERM or SIGINT, and then until every worker has ended; or until the first one
        has ended without ever being ready. Returns the worst exit code."""
        loop = asyncio.get_running_loop()
        for request in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(request, self._stop)
        async with asyncio.TaskGroup() as keeping:
            keeping.create_task(self._keep(1), name="worker 1")
            await self._begun.wait()
            if self._was_ready:
                for number in range(2, self._workers + 1):
                    keeping.create_task(self._keep(number), name=f"worker {number}")
        return self._exit_code

    async def _keep(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        pause_seconds = 0.0
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._live(number)
            if self._stopping.is_set() or not self._was_ready:
                self._end(number, code)
                return
            settled = loop.time() - began >= _SETTLED_SECONDS
            log.warning(
                "A worker has ended and is started again.",
                worker=number,
                exit_code=code,
                pause_seconds=0.0 if settled else pause_seconds,
            )
            await self._wait(0.0 if settled else pause_seconds)
            longer = max(_FIRST_PAUSE_SECONDS, pause_seconds * 2)
            pause_seconds = 0.0 if settled else min(longer, _MOST_PAUSE_SECONDS)

    async def _live(self, number: int) -> int:
        """One process from its start to its end."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = await self._start(number, theirs)
            self._children.add(child)
            try:
                if self._told:
                    self._tell(child)
                ours.setblocking(False)
                if await asyncio.get_running_loop().sock_recv(ours, 1):
                    self._was_ready = True
                    self._begun.set()
                return await child.wait()
            finally:
                self._children.discard(child)
                if child.returncode is None:
                    child.kill()
                self._ended(number)

    async def _start(self, number: int, lifeline: socket.socket) -> Process:
        listeners = [listener.fileno() for listener in self._listeners]
        launch = Launch(number, listeners, lifeline.fileno(), not self._was_ready)
        return await asyncio.create_subprocess_exec(
            *self._command(launch),
            pass_fds=(*listeners, lifeline.fileno()),
            stdin=DEVNULL,
            # A terminal sends Ctrl-C to the whole group: it would come twice.
            process_group=0,
        )

    def _end(self, number: int, code: int) -> None:
        if not self._stopping.is_set():
            log.error(
                "The first worker has ended before it was ready, so there will be no others; "
                "what it wrote says why.",
                worker=number,
                exit_code=code,
            )
            code = code or 1
        # One that was told to end before it could say how has not failed.
        elif code == -signal.SIGTERM:
            code = 0
        self._exit_code = max(self._exit_code, code if code >= 0 else 128 - code)
        self._begun.set()

    def _stop(self) -> None:
        self._told += 1
        self._stopping.set()
        self._begun.set()
        for child in self._children:
            self._tell(child)
        # The workers have it as long as they need it. Held here any longer, it would take
        # connections that nobody answers.
        for listener in self._listeners:
            listener.close()

    def _tell(self, child: Process) -> None:
        with suppress(ProcessLookupError):
            child.send_signal(_STEPS[min(self._told, len(_STEPS)) - 1])

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


class Lifeline:
    """A worker's end of what connects it to its supervisor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def hold(self) -> None:
        """From now on the process ends at once when the supervisor is gone, whatever it is doing:
        nobody would end it, and it would keep the address from the next one."""
        threading.Thread(target=self._wait, name="lifeline", daemon=True).start()

    def ready(self) -> None:
        """Tell the supervisor that requests are answered."""
        with suppress(OSError):
            self._socket.send(b"\n")

    def _wait(self) -> None:
        with suppress(OSError):
            self._socket.recv(1)
        os._exit(1)


def listen(host: str, port: int) -> Sequence[socket.socket]:
    """Sockets on every address of the host, as one process would open them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
        try:
            listeners.append(socket.create_server(address[:2], family=family, backlog=_BACKLOG))
        except OSError as error:
            # A name may have an IPv6 address on a machine that has no IPv6.
            if error.errno != errno.EADDRNOTAVAIL or len(found) == 1:
                raise
    return listeners
