"""A program that a test starts, holds still and kills; its log is kept over restarts."""

import asyncio
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.forks import Fork, can_fork, fork

PATIENCE_SECONDS = 60
"""Only a test that has already failed waits this long."""
LOOK_SECONDS = 0.02


class Process:
    """Nothing runs before `launch`, and what has ended can be launched again."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | Fork | None = None

    @property
    def log(self) -> str:
        """All that was written so far, to stdout and stderr."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def alive(self) -> bool:
        """Whether there is a process, be it stopped."""
        return self._process is not None and self._process.poll() is None

    def launch(
        self, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it there and do not wait for it."""
        assert not self.alive, "it still runs"
        folder.mkdir(parents=True, exist_ok=True)
        if env is not None and can_fork(command, env):
            self._process = fork(command, folder=folder, env=env, log=self._log_path)
            return
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def signal(self, number: signal.Signals) -> None:
        self._started().send_signal(number)

    async def pause(self) -> None:
        """SIGSTOP; when this returns, not one of its threads runs any more."""
        self.signal(signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - another process sets no Event here
                await asyncio.sleep(LOOK_SECONDS)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    async def exit_code(self) -> int:
        """Wait until it has ended."""
        return await asyncio.to_thread(self._started().wait, PATIENCE_SECONDS)

    async def kill(self) -> None:
        """kill -9, whatever it is doing; nothing when it has ended already."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            await self.exit_code()

    def _started(self) -> subprocess.Popen[bytes] | Fork:
        assert self._process is not None, "it was never started"
        return self._process
