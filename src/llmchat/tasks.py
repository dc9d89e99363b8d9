"""Background tasks that have an owner: kept alive, named, awaited, and never failing in silence."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class TaskSet:
    """The tasks of one owner. asyncio itself holds tasks weakly and drops their exceptions."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Run it in the background; what it returns is dropped, what it raises is logged."""
        self.start(work, name=name).add_done_callback(self._done)

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """The same, for whoever waits for the task."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A background task failed", task=task.get_name(), exc_info=error)

    async def join(self) -> None:
        """Wait until each has ended by itself."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def cancel_all(self) -> None:
        for task in list(self._tasks):
            await cancel(task)
            # Its callback comes a turn later: whoever loops until none is left would never wait.
            self._tasks.discard(task)


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel and wait until it has ended.

    Asked again until it works: on Python 3.11 a cancellation that meets an expiring timeout or a
    future that has just finished can be swallowed, and a shutdown that asks once then hangs.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.2)
