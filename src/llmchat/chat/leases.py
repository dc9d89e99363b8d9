"""The leases of what runs in this process: renewed some times before they expire."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from llmchat.chat.ending import interrupted, stopped
from llmchat.chat.running import Running
from llmchat.errors import StorageUnavailable
from llmchat.ids import GenerationId, WorkerId
from llmchat.store.base import GenerationStore, Lease

_log = structlog.get_logger(__name__)

_RENEWALS_PER_LEASE = 3


class Leases:
    """A renewal also tells what somebody wants stopped, and what is another's by now."""

    def __init__(
        self, generations: GenerationStore, worker: WorkerId, *, lease_seconds: float
    ) -> None:
        self._generations = generations
        self._worker = worker
        self._lease_seconds = lease_seconds

    async def renew_for_ever(self, running: Callable[[], Mapping[GenerationId, Running]]) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / _RENEWALS_PER_LEASE)
            try:
                await self._renew(running())
            except StorageUnavailable as error:
                _log.error("Leases cannot be renewed", error=error.detail)

    async def _renew(self, running: Mapping[GenerationId, Running]) -> None:
        if not running:
            return
        leases = await self._generations.renew(self._worker, list(running))
        for id, lease in leases.items():
            if (its := running.get(id)) is not None and lease is not Lease.HELD:
                its.flow.end(stopped() if lease is Lease.STOP else interrupted("Lease lost."))
