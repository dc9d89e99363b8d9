"""What was read from the file lately: readers who all come back at one moment read it once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from llmchat.events import Entry

_KEPT_BATCHES = 32

Place = tuple[int, int, int]
"""(log, after, last offset at that moment): a log only grows, so what is there stays true."""


class Replays:
    """The last batches, each of about BATCH_CHARS at most, and those being read right now."""

    def __init__(self) -> None:
        self._batches: OrderedDict[Place, asyncio.Future[Sequence[Entry]]] = OrderedDict()

    async def get(
        self, place: Place, read: Callable[[], Awaitable[Sequence[Entry]]]
    ) -> Sequence[Entry]:
        """What `read` gives, or gave to somebody else."""
        batch = self._batches.get(place)
        if batch is None:
            batch = self._batches[place] = asyncio.ensure_future(_awaited(read))
            batch.add_done_callback(lambda done: self._forget_failure(place, done))
            if len(self._batches) > _KEPT_BATCHES:
                self._batches.popitem(last=False)
        else:
            self._batches.move_to_end(place)
        # Shielded: a reader who leaves must not take the others' batch with it.
        return batch.result() if batch.done() else await asyncio.shield(batch)

    def _forget_failure(self, place: Place, done: asyncio.Future[Sequence[Entry]]) -> None:
        if (done.cancelled() or done.exception()) and self._batches.get(place) is done:
            del self._batches[place]


async def _awaited(read: Callable[[], Awaitable[Sequence[Entry]]]) -> Sequence[Entry]:
    return await read()
