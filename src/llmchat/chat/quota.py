"""How many answers one caller may have written at the same time."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from llmchat.errors import RateLimited
from llmchat.ids import OwnerId
from llmchat.store.base import GenerationStore

_RETRY_SECONDS = 5


class Quota:
    """Counts what the store says is live, for all processes, and what this one is about to add to
    it: of many sends at one moment, no more than that many are taken."""

    def __init__(self, generations: GenerationStore, most_live: int | None) -> None:
        self._generations = generations
        self._most_live = most_live
        self._coming: Counter[OwnerId] = Counter()

    @asynccontextmanager
    async def place(self, owner: OwnerId) -> AsyncGenerator[None, None]:
        """For as long as a generation is being stored, or one that is not stored is written.
        Raises RateLimited, before anything is done."""
        if self._most_live is None:
            yield
            return
        self._coming[owner] += 1
        try:
            if await self._generations.count_live(owner) + self._coming[owner] > self._most_live:
                raise RateLimited(
                    f"You have {self._most_live} answers that are being written, which is the most "
                    "at once. Wait for one to end, or stop it.",
                    limit=self._most_live,
                    remaining=0,
                    retry_after_seconds=_RETRY_SECONDS,
                    kind="live_generations",
                )
            yield
        finally:
            self._coming[owner] -= 1
            if not self._coming[owner]:
                del self._coming[owner]
