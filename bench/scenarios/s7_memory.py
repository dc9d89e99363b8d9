"""S7: memory per live stream and per idle connection, and whether it stays flat over a soak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from bench.calls import EVENT_STREAM, Endpoint, call, request
from bench.field import Field, Server
from bench.load import finish, generations
from bench.reader import Reader, follow
from bench.results import FAULTS, Goal, Outcome, Row, failure
from bench.script import Script
from bench.sides import LLMCHAT_SIDE, RELAY, Side
from bench.soak import Soak

KIB = 1024
LIVE_STREAM = Goal(32)
IDLE_CONNECTION = Goal(64)
FLAT = Goal(5)
PACED = Script(rate=30)
SILENT = Script(rate=0)
WARM_STREAMS = 20
CONNECTED_SECONDS = 0.5
LEAST_SOAK_SECONDS = 5.0
START_SECONDS = 3.0


async def run(field: Field, outcome: Outcome) -> None:
    parts = (
        ("RSS per live stream", LIVE_STREAM, partial(_live, field, LLMCHAT_SIDE)),
        ("the same, bare relay", None, partial(_live, field, RELAY)),
        ("RSS per reader of a silent generation", IDLE_CONNECTION, partial(_silent, field)),
        ("RSS per idle conversation stream", IDLE_CONNECTION, partial(_idle, field)),
    )
    for what, goal, measure in parts:
        outcome.rows.append(await _row(what, goal, measure))
    wanted_seconds = field.choose(600.0, 20.0)
    soak = Soak(max(LEAST_SOAK_SECONDS, min(wanted_seconds, field.seconds_left - START_SECONDS)))
    outcome.rows.append(await _flat(field, soak))
    outcome.data["soak"] = soak.series()


async def _row(what: str, goal: Goal | None, measure: Callable[[], Awaitable[float]]) -> Row:
    try:
        kib = await measure()
    except FAULTS as fault:
        return failure("S7", what, goal, [f"{type(fault).__name__} {fault}"], "KiB")
    return Row("S7", what, kib, "KiB", goal)


async def _flat(field: Field, soak: Soak) -> Row:
    what = f"RSS growth over a soak of {soak.seconds:.0f} s"
    try:
        async with field.serving(LLMCHAT_SIDE) as (server,):
            await soak.run(server)
    except FAULTS as fault:
        return failure("S7", what, FLAT, [f"{type(fault).__name__} {fault}"], "%")
    notes = (f"{soak.ended:,} generations", f"{soak.more_descriptors:+d} descriptors")
    return Row("S7", what, soak.growth_percent, "%", FLAT, soak.summary(), notes)


@contextlib.asynccontextmanager
async def _warm(field: Field, side: Side) -> AsyncGenerator[Server, None]:
    """A server that has run before, so that what it loads once is not counted."""
    async with field.serving(side) as (server,):
        async with generations(server, PACED, WARM_STREAMS) as readers:
            await asyncio.sleep(CONNECTED_SECONDS)
            await finish(server, readers, WARM_STREAMS)
        yield server


async def _kib_each(
    server: Server, opened: AbstractAsyncContextManager[list[Reader]], seconds: float
) -> float:
    before = server.running.rss_bytes()
    async with opened as readers:
        await asyncio.sleep(seconds)
        after = server.running.rss_bytes()
        for reader in readers:
            if reader.error:
                raise reader.error
    return (after - before) / KIB / len(readers)


async def _live(field: Field, side: Side) -> float:
    streams = field.choose(400, 100)
    async with _warm(field, side) as server:
        opened = generations(server, PACED, streams)
        return await _kib_each(server, opened, field.choose(5.0, 1.5))


async def _silent(field: Field) -> float:
    readers = field.choose(400, 200)
    async with _warm(field, LLMCHAT_SIDE) as server:
        opened = generations(server, SILENT, 1, readers)
        return await _kib_each(server, opened, CONNECTED_SECONDS)


async def _idle(field: Field) -> float:
    connections = field.choose(400, 200)
    async with _warm(field, LLMCHAT_SIDE) as server:
        made = await call(server.port, "POST", "/api/conversations", {})
        path = f"/api/conversations/{made['id']}/stream"
        endpoint = Endpoint(server.port, request("GET", path, headers=EVENT_STREAM))
        opened = _followers(server, endpoint, connections)
        return await _kib_each(server, opened, CONNECTED_SECONDS)


@contextlib.asynccontextmanager
async def _followers(
    server: Server, endpoint: Endpoint, connections: int
) -> AsyncGenerator[list[Reader], None]:
    """Connections on which nothing happens."""
    followers = [await follow(endpoint, server.side.dialect) for _ in range(connections)]
    try:
        yield followers
    finally:
        for follower in followers:
            follower.leave()
