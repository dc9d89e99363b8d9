"""A stream that ends for a reader who may no longer read it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing, suppress
from time import monotonic
from typing import TypeVar

from llmchat.errors import NotFound, StorageUnavailable, Unauthenticated

ASK_SECONDS = 2.0
_MOST_REMEMBERED = 10_000
T = TypeVar("T")


async def while_admitted(
    items: AsyncGenerator[T, None], check: Callable[[], Awaitable[object]]
) -> AsyncGenerator[T, None]:
    """The items until `check`, or whoever gives them, raises NotFound or Unauthenticated. It is
    asked every ASK_SECONDS, between two items: in silence, as often as there is an idle one."""
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    # Whoever gives them looks anew now and then, and may be the first to find the door closed.
    with suppress(NotFound, Unauthenticated):
        async with aclosing(items):
            async for item in items:
                if clock() - asked_at >= ASK_SECONDS:
                    # Where it does not answer, nobody can be shut out either.
                    with suppress(StorageUnavailable):
                        await check()
                    asked_at = clock()
                yield item


class Lately:
    """What is asked for one of many streams of the same person holds for all of them: else hundreds
    of sockets in a room ask the store for nothing else."""

    def __init__(self) -> None:
        self._asked_at: dict[Hashable, float] = {}

    async def check(self, who: Hashable, ask: Callable[[], Awaitable[object]]) -> None:
        """Asks, unless that was done, or begun, within ASK_SECONDS. Raises what `ask` does, and
        remembers only what was answered well."""
        now = monotonic()
        if now - self._asked_at.get(who, -ASK_SECONDS) < ASK_SECONDS:
            return
        if len(self._asked_at) >= _MOST_REMEMBERED:
            self._asked_at.clear()
        self._asked_at[who] = now
        try:
            await ask()
        except BaseException:
            self._asked_at.pop(who, None)
            raise
