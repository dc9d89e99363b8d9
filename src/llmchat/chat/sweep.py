"""Finds what its owner abandoned and brings it to its end."""

import asyncio
from contextlib import suppress

import structlog

from llmchat.chat.recovery import Recovery
from llmchat.chat.runner import Runner
from llmchat.errors import LlmchatError, LogGone, OffsetConflict, StorageUnavailable
from llmchat.ids import GenerationId
from llmchat.store.base import RELEASED, GenerationStore, Unfinished
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_SWEEPS_PER_LEASE = 4


class Sweep:
    """Looks at all unfinished generations, some times a lease. One whose owner has not renewed it
    for a lease, by this process's own monotonic clock, is taken over: no wall clock decides."""

    def __init__(
        self,
        *,
        runner: Runner,
        recovery: Recovery,
        generations: GenerationStore,
        lease_seconds: float,
    ) -> None:
        self._runner = runner
        self._recovery = recovery
        self._generations = generations
        self._lease_seconds = lease_seconds
        self._seen: dict[GenerationId, tuple[Unfinished, float]] = {}
        self._wanted = asyncio.Event()
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Sweep":
        self._tasks.spawn(self._sweep_for_ever(), name="sweep")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    async def recover_all(self) -> None:
        """Take over everything that does not run here, at once. Only for the one process of an
        embedded service, whose data directory is locked: every other owner is dead."""
        running = set(self._runner.running)
        for unfinished in await self._generations.unfinished():
            if unfinished.id in running or self._is_for_the_next_start(unfinished):
                continue
            if unfinished.worker is None and self._runner.hands_over:
                await self._pick_up(unfinished)
            else:
                await self._recovery.take_over(unfinished)

    def _is_for_the_next_start(self, unfinished: Unfinished) -> bool:
        return self._runner.draining and unfinished.worker == RELEASED

    def wake(self) -> None:
        """Look now: something was left to whoever comes first."""
        self._wanted.set()

    async def look(self) -> None:
        """One round."""
        now = asyncio.get_running_loop().time()
        before, self._seen = self._seen, {}
        running = set(self._runner.running)
        for unfinished in await self._generations.unfinished():
            seen, since = before.get(unfinished.id, (unfinished, now))
            if seen != unfinished or unfinished.id in running:
                seen, since = unfinished, now
            if now - since < self._lease_seconds and unfinished.worker != RELEASED:
                self._seen[unfinished.id] = (seen, since)
            else:
                await self._try(unfinished)

    async def _try(self, unfinished: Unfinished) -> None:
        """One that cannot be ended must not keep the others from their end."""
        try:
            await self._pick_up(unfinished)
        except StorageUnavailable:
            raise
        except OffsetConflict:
            _log.warning("Another took over at the same moment", generation_id=unfinished.id)
        except LlmchatError as error:
            _log.error("It cannot be ended", generation_id=unfinished.id, error=error.detail)

    async def _pick_up(self, unfinished: Unfinished) -> None:
        if self._runner.draining:
            return
        if unfinished.worker is not None:
            await self._recovery.take_over(unfinished)
            return
        # Queued: it waits for its turn, or whoever should have given it the turn is gone.
        try:
            await self._runner.start_queued(unfinished.id)
        except LogGone:
            await self._recovery.take_over(unfinished)

    async def _sweep_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_seconds / _SWEEPS_PER_LEASE):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.look()
            except StorageUnavailable as error:
                # While nobody could renew, nobody has failed to.
                self._seen = {}
                _log.error("The sweep cannot look", error=error.detail)
