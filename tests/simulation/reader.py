"""A client that follows one generation to its end, over as many connections as it takes."""

import asyncio
import random
from collections.abc import Callable, Sequence

from llmchat.domain import LOCAL_OWNER
from llmchat.errors import BadCursor, LlmchatError
from llmchat.events import Entry, Transcript, fold, is_terminal
from llmchat.ids import GenerationId
from tests.simulation.monitor import Monitor
from tests.simulation.process import Process

_HEARTBEAT_SECONDS = 2.0
_SILENT_SECONDS = 6.0
_AGAIN_SECONDS = 0.3


class Reader:
    """Comes back with its cursor when its connection was cut, to any process that serves."""

    def __init__(
        self,
        name: str,
        id: GenerationId,
        monitor: Monitor,
        rng: random.Random,
        serving: Callable[[], Sequence[Process]],
    ) -> None:
        self.name = name
        self.id = id
        self._monitor = monitor
        self._rng = rng
        self._serving = serving
        self._entries: list[Entry] = []
        self._connection: asyncio.Task[None] | None = None
        self._connections = 0
        self._heard_at = 0.0

    @property
    def cursor(self) -> int:
        return self._entries[-1].last if self._entries else 0

    @property
    def ended(self) -> bool:
        return bool(self._entries) and is_terminal(self._entries[-1].event)

    def transcript(self) -> Transcript:
        return fold(self._entries)

    def cut(self) -> None:
        """The connection breaks; the server notices."""
        if self._connection is not None:
            self._connection.cancel()

    async def follow(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.ended:
            processes = self._serving()
            if not processes:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            process = self._rng.choice(processes)
            self._connections += 1
            self._heard_at = loop.time()
            connection = process.start(self._connect(process, self._connections), self.name)
            self._connection = connection
            while not connection.done() and loop.time() - self._heard_at < _SILENT_SECONDS:
                if process.machine.killed:
                    break
                await asyncio.wait([connection], timeout=_AGAIN_SECONDS)
            self._connections += 1
            connection.cancel()
            await asyncio.sleep(self._rng.uniform(0, _AGAIN_SECONDS))

    async def _connect(self, process: Process, connection: int) -> None:
        try:
            batches = await process.chat.follow(
                LOCAL_OWNER, self.id, after=self.cursor, idle_seconds=_HEARTBEAT_SECONDS
            )
            if batches is None:
                self._monitor.wrong(f"{self.name} is told that nothing follows {self.cursor}")
                return
            async for entries in batches:
                if connection == self._connections:
                    self._take(entries)
        except BadCursor as error:
            self._monitor.wrong(f"{self.name}: {error.detail}")
        except LlmchatError:
            return

    def _take(self, entries: Sequence[Entry]) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self.ended and entries:
            self._monitor.wrong(f"{self.name} gets more behind the terminal")
        self._monitor.shown(self.id, self.cursor, entries, self.name)
        self._entries.extend(entries)
