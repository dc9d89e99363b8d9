"""Finds what its owner abandoned and brings it to its end."""

import asyncio
import time

import structlog

from llmchat.chat.ending import Ending
from llmchat.chat.runner import Runner
from llmchat.errors import LogGone, StorageUnavailable
from llmchat.ids import GenerationId
from llmchat.store.base import GenerationStore, Unfinished
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)

_SWEEPS_PER_LEASE = 2


class Sweep:
    """Looks at all unfinished generations, twice a lease. One whose owner has not renewed it for a
    lease, by this process's own monotonic clock, is taken over: no wall clock decides."""

    def __init__(
        self,
        *,
        runner: Runner,
        log: TokenLog,
        generations: GenerationStore,
        lease_seconds: float,
    ) -> None:
        self._runner = runner
        self._generations = generations
        self._ending = Ending(log, generations, runner.worker)
        self._lease_seconds = lease_seconds
        self._seen: dict[GenerationId, tuple[Unfinished, float]] = {}
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Sweep":
        self._tasks.spawn(self._sweep_for_ever(), name="sweep")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    async def end_all(self) -> None:
        """End everything that does not run here, at once. Only for the one process of an embedded
        service, whose data directory is locked: every other owner is dead."""
        running = set(self._runner.running)
        for unfinished in await self._generations.unfinished():
            if unfinished.id not in running and await self._ending.take_over(unfinished):
                _log.info("An interrupted generation was ended", generation_id=unfinished.id)

    async def look(self) -> None:
        """One round."""
        now = time.monotonic()
        before, self._seen = self._seen, {}
        running = set(self._runner.running)
        for unfinished in await self._generations.unfinished():
            seen, since = before.get(unfinished.id, (unfinished, now))
            if seen != unfinished or unfinished.id in running:
                seen, since = unfinished, now
            if now - since < self._lease_seconds:
                self._seen[unfinished.id] = (seen, since)
            else:
                await self._pick_up(unfinished)

    async def _pick_up(self, unfinished: Unfinished) -> None:
        if unfinished.worker is None:
            # Queued: it waits for its turn, or whoever should have given it the turn is gone.
            try:
                await self._runner.start_queued(unfinished.id)
            except LogGone:
                await self._ending.take_over(unfinished)
        elif await self._ending.take_over(unfinished):
            _log.info("An abandoned generation was ended", generation_id=unfinished.id)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / _SWEEPS_PER_LEASE)
            try:
                await self.look()
            except StorageUnavailable as error:
                _log.error("The sweep cannot look", error=error.detail)
