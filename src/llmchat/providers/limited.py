"""No more answers at once than a server can write well: the others wait in line."""

import asyncio
from collections import deque
from contextlib import aclosing, suppress

from llmchat.errors import ProviderBusy
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider
from llmchat.providers.wrapper import Batches, Wrapper

_MOST_WAITING = 1000


class Limited(Wrapper):
    """A Provider that writes at most `most` answers at once. The others wait, first come, first
    served, for `queue_seconds` at most; then, or when too many wait already, ProviderBusy.

    Waiting is silence, and no sign of life is given meanwhile: the clock of the first token runs,
    and so does a route's patience, so that another model may answer sooner. To whoever waits it is
    all the same why.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        most: int,
        queue_seconds: float,
        where: str,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        super().__init__(inner)
        self._most = most
        self._free = most
        self._queue_seconds = queue_seconds
        self._where = where
        self._most_waiting = most_waiting
        self._line: deque[asyncio.Future[None]] = deque()

    async def stream(self, prompt: Prompt) -> Batches:
        await self._take_place()
        try:
            async with aclosing(self._inner.stream(prompt)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            self._give_place()

    async def _take_place(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._line) >= self._most_waiting:
            raise self._busy(f"{self._most_waiting} more wait already")
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self._queue_seconds):
                await turn
        except BaseException as error:
            self._leave(turn)
            if isinstance(error, TimeoutError):
                waited = f"this one waited for {self._queue_seconds:g} seconds"
                raise self._busy(waited) from None
            raise

    def _leave(self, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():
            # Its turn came at the very moment at which it left.
            self._give_place()
            return
        with suppress(ValueError):
            self._line.remove(turn)

    def _give_place(self) -> None:
        """To whoever waits longest. It is never free in between: nobody can jump the line."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _busy(self, why: str) -> ProviderBusy:
        return ProviderBusy(
            f"{self._where} writes {self._most} answers, no more at once are allowed "
            f"(max_concurrency), and {why}. Try again later.",
            retry_after_seconds=self._queue_seconds,
        )
