"""What was read from the file lately: readers who all come back at one moment read it once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence

from llmchat.events import Entry
from llmchat.tasks import TaskSet
from llmchat.tokenlog.tail import Tail

_KEPT_BATCHES = 32
# Replays end at multiples of this in a live log, so that they can be shared.
_ALIGNED_EVENTS = 1024

Place = tuple[Hashable, int, int]
"""(log, after, last offset at that moment): a log only grows, so what is there stays true."""


class Replays:
    """The last batches, each of about BATCH_CHARS at most, and those being read right now."""

    def __init__(self, tasks: TaskSet | None = None) -> None:
        self._batches: OrderedDict[Place, asyncio.Future[Sequence[Entry]]] = OrderedDict()
        self._tasks = TaskSet() if tasks is None else tasks

    async def get(
        self, place: Place, read: Callable[[], Awaitable[Sequence[Entry]]]
    ) -> Sequence[Entry]:
        """What `read` gives, or gave to somebody else."""
        batch = self._batches.get(place)
        if batch is None:
            batch = self._tasks.start(_awaited(read), name=f"replay {place}")
            self._batches[place] = batch
            batch.add_done_callback(lambda done: self._forget_failure(place, done))
            if len(self._batches) > _KEPT_BATCHES:
                self._batches.popitem(last=False)
        else:
            self._batches.move_to_end(place)
        # Shielded: a reader who leaves must not take the others' batch with it.
        return batch.result() if batch.done() else await asyncio.shield(batch)

    def forget(self, log: Hashable) -> None:
        """It was deleted; another log may have its name."""
        for place in [place for place in self._batches if place[0] == log]:
            del self._batches[place]

    def _forget_failure(self, place: Place, done: asyncio.Future[Sequence[Entry]]) -> None:
        if (done.cancelled() or done.exception()) and self._batches.get(place) is done:
            del self._batches[place]


async def _awaited(read: Callable[[], Awaitable[Sequence[Entry]]]) -> Sequence[Entry]:
    return await read()


def replay_end(tail: Tail, after: int) -> int:
    """How far a replay goes at once: to the end of a log that has ended; in a live one to where
    the next reader's would go, too."""
    aligned = tail.last // _ALIGNED_EVENTS * _ALIGNED_EVENTS
    return tail.last if tail.ended or aligned <= after else aligned
