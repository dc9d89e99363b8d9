"""Forgets the logs that ended long ago; their messages stay in the history."""

import asyncio
from collections.abc import Callable

import structlog

from llmchat.errors import StorageUnavailable
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import TokenLog

_log = structlog.get_logger(__name__)

_LOOK_SECONDS_MOST = 60.0
_LOOK_SECONDS_LEAST = 0.2
_LOOKS_PER_RETENTION = 4


class Retention:
    """Looks now and then; `now` gives seconds since the epoch."""

    def __init__(
        self, log: TokenLog, *, retention_seconds: float, now: Callable[[], float]
    ) -> None:
        self._log = log
        self._retention_seconds = retention_seconds
        self._now = now
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Retention":
        self._tasks.spawn(self._look_for_ever(), name="log retention")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    async def look(self) -> int:
        """One round; how many logs were forgotten."""
        return await self._log.expire(ended_before=self._now() - self._retention_seconds)

    async def _look_for_ever(self) -> None:
        share = self._retention_seconds / _LOOKS_PER_RETENTION
        pause = min(_LOOK_SECONDS_MOST, max(_LOOK_SECONDS_LEAST, share))
        while True:
            await asyncio.sleep(pause)
            try:
                await self.look()
            except StorageUnavailable as error:
                _log.error("Old logs cannot be deleted", error=error.detail)
