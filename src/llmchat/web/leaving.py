"""Work that is only for the caller who waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException

from llmchat.tasks import cancel

T = TypeVar("T")

_CLIENT_LEFT = 499


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result, unless the caller leaves first: nobody else could ever read it, so the model's
    server is not kept busy with it."""
    working = asyncio.create_task(work, name="answer")
    leaving = asyncio.create_task(_left(request), name="disconnect")
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(_CLIENT_LEFT, "The client left before the answer was there.")
        return working.result()
    finally:
        await cancel(working)
        await cancel(leaving)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
