"""Keeps the text of what runs in the store, for the case that its log is lost with its owner."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from llmchat.chat.flow import Flow
from llmchat.errors import StorageUnavailable
from llmchat.ids import WorkerId
from llmchat.store.base import GenerationStore

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.25
_MOST_SECONDS = 2.0
_MOST_EVENTS = 1024


class Checkpoints:
    """One of each generation every two seconds, or 1,024 events, whichever comes first."""

    def __init__(self, generations: GenerationStore, worker: WorkerId) -> None:
        self._generations = generations
        self._worker = worker
        self._kept: dict[Flow, tuple[int, float]] = {}

    async def keep_for_ever(self, flows: Callable[[], Sequence[Flow]]) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._keep(flows())
            except StorageUnavailable as error:
                _log.error("Checkpoints cannot be stored", error=error.detail)

    async def _keep(self, flows: Sequence[Flow]) -> None:
        now = asyncio.get_running_loop().time()
        self._kept = {flow: self._kept.get(flow, (flow.last, now)) for flow in flows}
        due = [flow for flow in flows if self._is_due(flow, now)]
        if due:
            checkpoints = [flow.checkpoint() for flow in due]
            await self._generations.checkpoint(self._worker, checkpoints)
            for flow, checkpoint in zip(due, checkpoints, strict=True):
                self._kept[flow] = (checkpoint.last, now)

    def _is_due(self, flow: Flow, now: float) -> bool:
        last, at = self._kept[flow]
        return flow.last - last >= _MOST_EVENTS or (flow.last > last and now - at >= _MOST_SECONDS)
