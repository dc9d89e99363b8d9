"""No more answers at once than a server can write well: the others wait in line."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import aclosing, suppress

from llmchat.errors import ProviderBusy
from llmchat.ids import OwnerId
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Restarted
from llmchat.providers.wrapper import Batches, Wrapper

_MOST_WAITING = 1000

_Turn = asyncio.Future[None]


class _RoomWantedError(Exception):
    """Somebody waits for the place of an answer for which nobody waits."""


class _Line:
    """Who waits: the owners in turn, and of each owner the questions in their order."""

    def __init__(self) -> None:
        self._turns: OrderedDict[OwnerId | None, deque[_Turn]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, owner: OwnerId | None) -> _Turn:
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._turns.setdefault(owner, deque()).append(turn)
        self._length += 1
        return turn

    def leave(self, owner: OwnerId | None, turn: _Turn) -> None:
        """Nothing when its turn has come."""
        its = self._turns.get(owner, deque())
        with suppress(ValueError):
            its.remove(turn)
            self._length -= 1
        if not its:
            self._turns.pop(owner, None)

    def pop(self) -> _Turn:
        """Of the owner who has waited longest for a turn. Somebody must be waiting."""
        owner, its = next(iter(self._turns.items()))
        turn = its.popleft()
        self._length -= 1
        if its:
            self._turns.move_to_end(owner)
        else:
            del self._turns[owner]
        return turn


class Limited(Wrapper):
    """A Provider that writes at most `most` answers at once. The others wait: the owners take
    turns, so that the hundred questions of one keep nobody else's waiting, and of each owner the
    first comes first. They wait `queue_seconds` at most; then, or when too many wait already,
    ProviderBusy.

    What is written in the background comes behind all others, and when somebody waits it gives its
    place up and begins again later.

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
        self._line = _Line()
        # Who waits in the background; and who writes there, until somebody else waits.
        self._behind = _Line()
        self._giving_way: list[asyncio.Timeout] = []

    @property
    def most(self) -> int:
        return self._most

    @property
    def writing(self) -> int:
        """How many answers it writes now."""
        return self._most - self._free

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def stream(self, prompt: Prompt) -> Batches:
        whole = False
        while not whole:
            await self._take_place(prompt)
            try:
                async with aclosing(self._inner.stream(prompt)) as batches:
                    while (batch := await self._next(batches, prompt)) is not None:
                        yield batch
                whole = True
            except _RoomWantedError:
                pass
            finally:
                self._give_place()
            if not whole:
                yield [Restarted("It made room for somebody who waits.")]

    async def _next(self, batches: Batches, prompt: Prompt) -> Sequence[ProviderEvent] | None:
        """None behind the last. Raises _RoomWantedError in the background, when somebody waits."""
        if not prompt.background:
            return await anext(batches, None)
        if len(self._line):
            raise _RoomWantedError
        try:
            async with asyncio.timeout(None) as patience:
                self._giving_way.append(patience)
                try:
                    return await anext(batches, None)
                finally:
                    with suppress(ValueError):
                        self._giving_way.remove(patience)
        except TimeoutError:
            raise _RoomWantedError from None

    async def _take_place(self, prompt: Prompt) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._line) + len(self._behind) >= self._most_waiting:
            raise self._busy(f"{self._most_waiting} more wait already")
        line = self._behind if prompt.background else self._line
        turn = line.join(prompt.owner)
        try:
            if not prompt.background and self._giving_way:
                self._giving_way.pop().reschedule(asyncio.get_running_loop().time())
            async with asyncio.timeout(self._queue_seconds):
                await turn
        except BaseException as error:
            self._leave(line, prompt.owner, turn)
            if isinstance(error, TimeoutError):
                waited = f"this one waited for {self._queue_seconds:g} seconds"
                raise self._busy(waited) from None
            raise

    def _leave(self, line: _Line, owner: OwnerId | None, turn: _Turn) -> None:
        if turn.done() and not turn.cancelled():
            # Its turn came at the very moment at which it left.
            self._give_place()
            return
        line.leave(owner, turn)

    def _give_place(self) -> None:
        """To whose turn it is. It is never free in between: nobody can jump the line."""
        while line := self._line or self._behind:
            turn = line.pop()
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
