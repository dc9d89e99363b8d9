"""What runs, of everybody, and how an admin stops it: figures only, nobody's text leaves here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from llmchat.access.oversight import MOST_SEEN, Live, OversightStore, User
from llmchat.chat.runner import Runner
from llmchat.chat.stopping import Stopping
from llmchat.domain import Generation
from llmchat.errors import LogGone
from llmchat.ids import GenerationId
from llmchat.store.base import GenerationStore
from llmchat.tokenlog.base import TokenLog

_CHARS_PER_TOKEN = 4
"""About, in most languages. To count them exactly, all that is written would have to be read."""
_SEEN_FOR = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Running:
    """A live generation. `tokens` has it written so far, about, None where that is not known;
    `here`: in the process that was asked."""

    live: Live
    tokens: int | None
    here: bool


@dataclass(frozen=True, slots=True)
class Oversight:
    """For admins; whoever calls it has checked that."""

    store: OversightStore
    generations: GenerationStore
    log: TokenLog
    runner: Runner
    stopping: Stopping
    now: Callable[[], datetime]

    async def running(self) -> Sequence[Running]:
        """Of all processes, the oldest first. No log is read for it."""
        found = await self.store.live(limit=MOST_SEEN)
        worker = self.runner.worker
        return [Running(live, self._tokens(live), live.worker == worker) for live in found]

    async def stop(self, id: GenerationId) -> tuple[Generation, int | None]:
        """The generation, which has ended, and the offset of its end. Raises NotFound."""
        generation = await self.store.find(id)
        if generation.status.live:
            await self.stopping.stop(generation)
            generation = await self.store.find(id)
        try:
            return generation, (await self.log.head(id)).last
        except LogGone:
            return generation, await self.generations.last_event_id(id)

    async def users(self) -> tuple[datetime, Sequence[User]]:
        """Since when the month is, and who is there: who has a key, or was seen of late."""
        now = self.now()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return month, await self.store.users(month=month, seen_since=now - _SEEN_FOR)

    def _tokens(self, live: Live) -> int | None:
        running = self.runner.running.get(live.generation.id)
        chars = live.chars if running is None else running.flow.chars
        return None if chars is None else ceil(chars / _CHARS_PER_TOKEN)
