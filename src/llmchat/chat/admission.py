"""A stream that ends for a reader who may no longer read it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from llmchat.errors import NotFound, StorageUnavailable, Unauthenticated

ASK_SECONDS = 2.0
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
