"""A population of live generations and their readers: opened, ended, and all accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence

from bench.calls import Endpoint
from bench.field import Server
from bench.reader import Reader, ReadError, follow
from bench.script import Script
from bench.tokens import TokenError
from bench.window import Window, window

OPENING_AT_ONCE = 16
BEGIN_SECONDS = 20.0
END_SECONDS = 30.0


async def together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Runs all at once; the first error stops the others before it is raised."""
    # Not a TaskGroup: on Python 3.11 a failing task leaves its parent marked as cancelled.
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def open_readers(endpoints: Sequence[Endpoint], server: Server) -> list[Reader]:
    """A reader for each endpoint, when all have their first token."""
    following = (follow(endpoint, server.side.dialect) for endpoint in endpoints)
    readers = await asyncio.gather(*following)
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            await asyncio.gather(*(reader.reaches(1) for reader in readers))
    except TimeoutError:
        waiting = sum(reader.sequence.count == 0 for reader in readers)
        raise ReadError(f"{waiting} of {len(readers)} readers have no first token") from None
    return readers


@contextlib.asynccontextmanager
async def generations(
    server: Server, script: Script, streams: int, readers_each: int = 1
) -> AsyncGenerator[list[Reader], None]:
    """Live generations and their readers; whatever happens, they are ended on the way out."""
    gc.collect()  # here, because the bench runs without a collector that could stop it later
    gate = asyncio.Semaphore(OPENING_AT_ONCE)

    readers: list[Reader] = []

    async def open_one() -> None:
        async with gate:
            readers.extend(await open_readers([await server.begin(script)] * readers_each, server))

    try:
        await together(open_one() for _ in range(streams))
        yield readers
    finally:
        for reader in readers:
            reader.leave()
        await server.end_all()


async def finish(server: Server, readers: Sequence[Reader], generations: int) -> None:
    """Ends the generations and demands that every reader got all that the mock had sent."""
    ended = await server.end_all()
    await asyncio.wait([reader.ended for reader in readers], timeout=END_SECONDS)
    for reader in readers:
        if reader.error or not reader.ended.done():
            raise reader.error or ReadError(f"no end in {END_SECONDS:g} s")
    if ended.streams != generations:
        raise ReadError(f"{ended.streams} of {generations} generations were live at the end")
    received = sum(reader.sequence.count for reader in readers)
    expected = ended.tokens * len(readers) // generations
    if received != expected:
        raise TokenError(f"{received} of {expected} tokens received")


async def paced(
    server: Server, script: Script, streams: int, *, warm_seconds: float, seconds: float
) -> Window:
    """One run: so many generations, warmed up, measured, ended, and every token accounted for."""
    async with generations(server, script, streams) as readers:
        await asyncio.sleep(warm_seconds)
        measured = await window(server, readers, seconds, script.rate)
        await finish(server, readers, streams)
    return measured
