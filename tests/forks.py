"""`llmchat` without the seconds that its imports take: a process has loaded it all, and forks.

Each worker of pytest has one such process. What it forks is a process of its own like any other: it
has the command line, the folder, the environment and the log that it is given, and dies of what it
is sent. The installed command itself is run where a test is about that (tests/e2e/test_workers.py,
and whoever calls `subprocess`).
"""

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

PROGRAM = Path(sys.executable).with_name("llmchat")
_ROOT = Path(__file__).parents[1]
_PRELOADED = ("alembic.command", "llmchat.app", "llmchat.cli", "llmchat.server", "openai")


class Fork:
    """As much of `subprocess.Popen` as tests/process.py needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.ended = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self.ended.wait(timeout):
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        # Until it is said to have ended it is a zombie at worst: its number is nobody else's.
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_fork(command: Sequence[str | Path], env: Mapping[str, str] | None) -> bool:
    """Whether this is `llmchat` as it is installed here."""
    same = env is not None and env.get("PYTHONPATH") == os.environ.get("PYTHONPATH")
    return same and Path(command[0]) == PROGRAM


def fork(command: Sequence[str | Path], *, folder: Path, env: Mapping[str, str], log: Path) -> Fork:
    """Start it there and do not wait for it."""
    return _parent().fork(
        {
            "argv": [str(word) for word in command],
            "folder": str(folder),
            "env": dict(env),
            "log": str(log),
        }
    )


@cache
def _parent() -> "_Parent":
    return _Parent()


class _Parent:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                cwd=_ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._process.kill)
        self._socket = ours
        self._lock = threading.Lock()
        self._forks: dict[int, Fork] = {}
        self._forked: list[Fork] = []
        self._answered = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True, name="forks").start()

    def fork(self, order: Mapping[str, Any]) -> Fork:
        with self._lock:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
            assert self._answered.acquire(timeout=60), "the process that forks does not answer"
            return self._forked.pop()

    def _listen(self) -> None:
        for line in self._socket.makefile("rb"):
            said = json.loads(line)
            if "code" in said:
                ended = self._forks.pop(said["pid"])
                ended.returncode = said["code"]
                ended.ended.set()
            else:
                found = self._forks[said["pid"]] = Fork(said["pid"])
                self._forked.append(found)
                self._answered.release()


def _serve(control: socket.socket) -> NoReturn:
    """The process that forks: an order is a line, and so is what became of it."""
    for name in _PRELOADED:
        __import__(name)
    assert threading.active_count() == 1, "another thread's locks would be held for ever"
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    orders = control.makefile("rb")
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if woken in ready:
            woken.recv(4096)
            _tell_of_the_dead(control)
        if control in ready:
            line = orders.readline()
            if not line:
                sys.exit()
            pid = os.fork()
            if not pid:
                selector.close()
                _become(json.loads(line), [control, woken, waker])
            control.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def _tell_of_the_dead(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        control.sendall(json.dumps({"pid": pid, "code": code}).encode() + b"\n")


def _become(order: Mapping[str, Any], sockets: Sequence[socket.socket]) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for each in sockets:
        each.close()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, fd in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(fd, number)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115 - the same
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = order["argv"]
    sys.path[:] = [path for path in sys.path if path not in ("", str(_ROOT))]
    code = 1
    try:
        from llmchat.cli import main  # noqa: PLC0415 - loaded already; whoever forks has it last

        main()
        code = 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter would end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
