"""A program at a terminal of its own, with somebody who types and reads there.

async with Terminal.running([LLMCHAT, "chat"], env) as terminal:
    terminal.type("hello\\n")
    await terminal.shows("You said: hello")
    terminal.press(CTRL_C)
"""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from tests.process import LOOK_SECONDS, PATIENCE_SECONDS

CTRL_C, CTRL_D = b"\x03", b"\x04"
# Ctrl-C is for whoever has the terminal: the program has to begin a session, and take it.
_TAKE_IT = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """`screen` is all that was shown, with the line ends of a terminal as plain ones."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._shown = b""
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, command: Sequence[str | Path], env: Mapping[str, str], folder: Path
    ) -> AsyncIterator[Self]:
        master, slave = pty.openpty()
        terminal = cls(_start(command, env, folder, slave), master)
        os.close(slave)
        try:
            yield terminal
        finally:
            terminal.kill()
            await terminal.exit_code()
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)

    @property
    def screen(self) -> str:
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        self.press(text.encode())

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def shows(self, pattern: str) -> str:
        """Wait until the screen has it; what it matched."""
        for _ in range(round(PATIENCE_SECONDS / LOOK_SECONDS)):
            found = re.search(pattern, self.screen)
            if found is not None:
                return found[0]
            await asyncio.sleep(LOOK_SECONDS)
        raise AssertionError(f"{pattern!r} is not on the screen:\n{self.screen}")

    def kill(self) -> None:
        self._process.kill()

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self._process.wait, PATIENCE_SECONDS)

    def _read(self) -> None:
        try:
            self._shown += os.read(self._master, 65536)
        except OSError:
            # The other end is closed.
            asyncio.get_running_loop().remove_reader(self._master)


def _start(
    command: Sequence[str | Path], env: Mapping[str, str], folder: Path, slave: int
) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-c", _TAKE_IT, *command]
    return subprocess.Popen(
        program, env=dict(env), cwd=folder, stdin=slave, stdout=slave, stderr=slave
    )
