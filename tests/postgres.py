"""A private Postgres: its own folder, its own port, and nothing that a test may not do to it."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Literal

import psutil  # type: ignore[import-untyped]

from llmchat.store import migrations
from tests.programs import program
from tests.service import PATIENCE_SECONDS, free_port

USER = "llmchat"
PASSWORD = "only-in-tests"
_POLL_SECONDS = 0.02
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "200",
    "logging_collector": "off",
}
_FAST = {"fsync": "off", "full_page_writes": "off"}
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Postgres:
    """One server. `fast` gives up what a power cut needs; a `kill` loses nothing either way."""

    def __init__(self, *, fast: bool = True) -> None:
        self._bin = program("postgres").resolve().parent
        self._settings = _SETTINGS | (_FAST if fast else {})
        self.folder = Path(tempfile.mkdtemp(prefix="llmchat-postgres-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in count(1))
        if self._user:
            shutil.chown(self.folder, self._user)
        self._create()

    @property
    def _user(self) -> str | None:
        """Whom it runs as: it refuses to be root."""
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in known else "nobody"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it can be asked."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", f"-p{self.port}", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                extra_groups=[] if self._user else None,
                # A Ctrl-C is for pytest; it would be a shutdown for Postgres.
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(_POLL_SECONDS)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """`immediate` is a crash that Postgres knows of: every client is cut off at once."""
        if self.process is not None:
            self.process.send_signal(_STOPS[mode])
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """`kill -9` of the server and all of its sessions."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    @contextmanager
    def frozen(self) -> Generator[None, None, None]:
        """It takes connections, as its machine does that for it, and answers nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def close(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.stop("immediate")
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name: str) -> Path:
        """One of those that come with it, such as pg_dump."""
        return self._bin / name

    def execute(self, sql: str, database: str = "postgres") -> str:
        """What psql prints for a statement."""
        command = [str(self._bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run(
            [*command, self.url(database)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout).strip()

    @contextmanager
    def database(self, template: str = "template0") -> Generator[str, None, None]:
        """The URL of a new one, which is dropped afterwards."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def migrated_database(self) -> AbstractContextManager[str]:
        """Like `database`, with the tables in it."""
        return self.database(self._migrated)

    @cached_property
    def _migrated(self) -> str:
        name = "migrated"
        self.execute(f"CREATE DATABASE {name}")
        # In a thread: a migration has an event loop of its own.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(migrations.upgrade, self.url(name)).result()
        return name

    def _create(self) -> None:
        subprocess.run(
            [
                self._bin / "initdb",
                *("--pgdata", self.folder / "data", "--username", USER),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            cwd=self.folder,
            user=self._user,
            extra_groups=[] if self._user else None,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def _answers(self) -> bool:
        asked = [str(self._bin / "pg_isready"), "-q", "-h127.0.0.1", f"-p{self.port}"]
        return subprocess.run(asked, check=False).returncode == 0

    def _signal(self, number: signal.Signals) -> None:
        """To the server and its sessions, each of which is a process group of its own."""
        assert self.process is not None
        server = psutil.Process(self.process.pid)
        for process in (server, *server.children()):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@contextmanager
def private(*, fast: bool = True) -> Generator[Postgres, None, None]:
    """One that a test may stop and kill."""
    with closing(Postgres(fast=fast)) as server:
        server.start()
        yield server


@cache
def shared() -> Postgres:
    """One for all tests that leave it alone, until the last of them is done."""
    server = Postgres()
    atexit.register(server.close)
    server.start()
    return server
