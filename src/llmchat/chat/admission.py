"""A stream that ends for a member who is removed while they read it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from llmchat.errors import NotFound, StorageUnavailable

ASK_SECONDS = 2.0
T = TypeVar("T")


async def while_admitted(
    items: AsyncGenerator[T, None], check: Callable[[], Awaitable[object]]
) -> AsyncGenerator[T, None]:
    """The items until `check`, or whoever gives them, raises NotFound. It is asked every
    ASK_SECONDS: in silence the items must be idle ones, at least as often."""
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    # Whoever gives them looks anew now and then, and may be the first to find the door closed.
    with suppress(NotFound):
        async with aclosing(items):
            async for item in items:
                if clock() - asked_at >= ASK_SECONDS:
                    # Where it does not answer, nobody can be removed either.
                    with suppress(StorageUnavailable):
                        await check()
                    asked_at = clock()
                yield item
