"""A private MQTT broker, to stop and to kill.

    async with Mosquitto(tmp_path / "mosquitto").running() as broker:
        await broker.kill()
        await broker.start()

It keeps sessions and what waits in them over a kill, as a deployment should. `lines` are further
lines of mosquitto.conf.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from tests.process import LOOK_SECONDS, PATIENCE_SECONDS, Process
from tests.programs import program
from tests.service import free_port, listens

_OPEN = ("allow_anonymous true",)


class Mosquitto:
    """One folder of files, one port, and at most one process at a time on them."""

    def __init__(
        self, folder: Path, lines: tuple[str, ...] = _OPEN, *, config: Path | None = None
    ) -> None:
        """With a `config`, that file is the broker's, all of it."""
        self.port = free_port()
        self._folder = folder
        self._lines = lines
        self._config = config
        self._process = Process(folder / "mosquitto.log")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._process.log

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Started and ready inside, killed behind it."""
        try:
            yield await self.start()
        finally:
            await self.kill()

    async def start(self) -> Self:
        """Start a process, on the files and the port of the last one, and wait until it listens."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._config or self._written()
        self._process.launch([program("mosquitto"), "-c", config], self._folder)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listens(self.port):
                assert self._process.alive, f"mosquitto ended:\n{self.log}"
                await asyncio.sleep(LOOK_SECONDS)
        return self

    async def stop(self) -> int:
        """SIGTERM, and the exit code: it writes down what it has."""
        self._process.signal(signal.SIGTERM)
        return await self._process.exit_code()

    async def kill(self) -> None:
        """kill -9; nothing when it has ended already."""
        await self._process.kill()

    async def pause(self) -> None:
        """SIGSTOP: its connections stay open, and it answers nothing."""
        await self._process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    def _written(self) -> Path:
        config = self._folder / "mosquitto.conf"
        lines = (
            f"listener {self.port} 127.0.0.1",
            # As root it would else become a user who cannot write here.
            "user root",
            "persistence true",
            f"persistence_location {self._folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            *self._lines,
        )
        config.write_text("\n".join(lines) + "\n")
        return config
