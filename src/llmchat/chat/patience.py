"""What a storage that is away for a moment costs: a pause, not an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmchat.errors import StorageUnavailable

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.25


async def patiently(
    work: Callable[[], Awaitable[T]], *, hurry: Callable[[], bool] = lambda: False
) -> T:
    """Do it, again and again while the storage is away, for PATIENCE_SECONDS at most, and only once
    when there is a `hurry`. For what has not happened when it raises StorageUnavailable, or may
    happen twice."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            return await work()
        except StorageUnavailable:
            if hurry() or loop.time() - began > PATIENCE_SECONDS:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)
