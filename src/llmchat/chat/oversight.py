"""What runs, of everybody, and how an admin stops it: figures only, nobody's text leaves here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmchat.access.oversight import MOST_SEEN, Live, OversightStore, User
from llmchat.chat.spending import Spending
from llmchat.chat.stopping import Stopping
from llmchat.domain import Generation
from llmchat.errors import LogGone
from llmchat.events import fold
from llmchat.ids import GenerationId, WorkerId
from llmchat.store.base import GenerationStore
from llmchat.tokenlog.base import TokenLog

_COUNTED = 200
"""The tokens of so many are counted, for each of which its log is read."""
_SEEN_FOR = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Running:
    """A live generation. `tokens` has it written so far, None where nobody counted; `here`: in the
    process that was asked."""

    live: Live
    tokens: int | None
    here: bool


@dataclass(frozen=True, slots=True)
class Oversight:
    """For admins; whoever calls it has checked that. `worker` is this process."""

    store: OversightStore
    generations: GenerationStore
    log: TokenLog
    spending: Spending
    stopping: Stopping
    worker: WorkerId
    now: Callable[[], datetime]

    async def running(self) -> Sequence[Running]:
        """Of all processes, the oldest first."""
        found = await self.store.live(limit=MOST_SEEN)
        counted = [await self._tokens(live.generation) for live in found[:_COUNTED]]
        counted += [None] * (len(found) - len(counted))
        return [
            Running(live, tokens, live.worker == self.worker)
            for live, tokens in zip(found, counted, strict=True)
        ]

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

    async def _tokens(self, generation: Generation) -> int | None:
        try:
            said = fold(await self.log.snapshot(generation.id))
        except LogGone:
            # It is just being made.
            return None
        return self.spending.tokens_of(generation.model, said.reasoning + said.answer)
