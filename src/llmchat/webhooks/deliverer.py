"""Sends what waits in the outbox, until it is taken or given up."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from llmchat.errors import StorageUnavailable
from llmchat.tasks import TaskSet
from llmchat.webhooks.abandoned import Abandoned
from llmchat.webhooks.base import Due, Endpoint, Onlooker, Outbox
from llmchat.webhooks.posting import MOST_SECONDS, Poster

_log = structlog.get_logger(__name__)

RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after each refusal it is tried again: over three days, as the standard suggests."""

_AT_ONCE = 4
# Twice what sending may take: only a process that died leaves anything for longer.
_CLAIM_SECONDS = 2 * MOST_SECONDS
_LOOK_SECONDS = 5.0
# Counting reads all that waits.
_COUNT_SECONDS = 15.0
_KEPT = timedelta(days=7)
_FORGET_SECONDS = 3600.0
_JITTER = 0.1


class Deliverer:
    """One per process. Each endpoint has a task of its own: one that hangs holds up no other.
    `now` gives the time of day, `clock` seconds that go on whatever that does, `retry_seconds` the
    pause after each refusal."""

    def __init__(
        self,
        outbox: Outbox,
        endpoints: Sequence[Endpoint],
        poster: Poster,
        *,
        now: Callable[[], datetime],
        onlooker: Onlooker,
        clock: Callable[[], float] = time.monotonic,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._outbox = outbox
        self._endpoints = endpoints
        self._poster = poster
        self._now = now
        self._onlooker = onlooker
        self._abandoned = Abandoned(outbox, seconds=_CLAIM_SECONDS, clock=clock)
        self._retry_seconds = retry_seconds
        self._news = {endpoint.name: asyncio.Event() for endpoint in endpoints}
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Deliverer":
        for endpoint in self._endpoints:
            self._tasks.spawn(self._send_for_ever(endpoint), name=f"webhook {endpoint.name}")
            self._tasks.spawn(self._count_for_ever(endpoint), name=f"count {endpoint.name}")
        self._tasks.spawn(self._forget_for_ever(), name="old webhooks")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()
        await self._poster.aclose()

    def wake(self) -> None:
        """There may be something new."""
        for news in self._news.values():
            news.set()

    async def send_due(self, endpoint: Endpoint) -> None:
        """All that is due for it now, each once. Raises StorageUnavailable."""
        while True:
            await self._abandoned.release(endpoint.name)
            claimed = await self._outbox.claim(endpoint.name, limit=_AT_ONCE)
            if not claimed:
                return
            # All of them, or those that go on would have no owner when one cannot be noted.
            results = await asyncio.gather(
                *(self._send(endpoint, due) for due in claimed), return_exceptions=True
            )
            for error in filter(None, results):
                raise error

    async def count(self, endpoint: Endpoint) -> None:
        """Tell the onlooker what waits. Raises StorageUnavailable."""
        self._onlooker.waits(endpoint.name, await self._outbox.waiting(endpoint.name))

    async def _send_for_ever(self, endpoint: Endpoint) -> None:
        news = self._news[endpoint.name]
        while True:
            news.clear()
            try:
                await self.send_due(endpoint)
            except StorageUnavailable as error:
                _log.warning("Webhooks cannot be read", endpoint=endpoint.name, error=error.detail)
            except Exception as error:  # noqa: BLE001 - or nothing more is sent until a restart
                _log.error("Webhooks cannot be sent", endpoint=endpoint.name, exc_info=error)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await news.wait()

    async def _send(self, endpoint: Endpoint, due: Due) -> None:
        refusal = await self._poster.post(endpoint, due.message)
        if refusal is None:
            await self._outbox.sent(due)
            self._onlooker.delivered(endpoint.name)
            return
        gives_up = refusal.final or due.attempt > len(self._retry_seconds)
        _log.warning(
            "A webhook was given up" if gives_up else "A webhook was not taken",
            endpoint=endpoint.name,
            webhook_id=due.message.id,
            attempt=due.attempt,
            why=refusal.why,
        )
        pause = None if gives_up else self._pause(due, refusal.retry_after_seconds)
        await self._outbox.failed(due, refusal.why, again_seconds=pause)
        self._onlooker.refused(endpoint.name, given_up=gives_up)

    def _pause(self, due: Due, least_seconds: float) -> float:
        pause = self._retry_seconds[due.attempt - 1]
        # Not all at one moment, when a receiver comes back.
        pause *= 1 + random.uniform(0, _JITTER)  # noqa: S311 - nothing secret
        return max(pause, least_seconds)

    async def _count_for_ever(self, endpoint: Endpoint) -> None:
        while True:
            with suppress(StorageUnavailable):
                await self.count(endpoint)
            await asyncio.sleep(_COUNT_SECONDS)

    async def _forget_for_ever(self) -> None:
        while True:
            with suppress(StorageUnavailable):
                await self._outbox.forget(self._now() - _KEPT)
            await asyncio.sleep(_FORGET_SECONDS)
