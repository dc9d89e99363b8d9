"""S4: a reload, after the end and late in a live answer, beside a static body of the same bytes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench.calls import Endpoint, call, request
from bench.field import Field, Server
from bench.load import END_SECONDS, finish, generations
from bench.reader import LLMCHAT, Body, Fetch, ReadError, follow, verified
from bench.results import Goal, Outcome, Row, Trials, compared, failure
from bench.script import Script, at_once
from bench.serving import HOST
from bench.sides import ASGI, LLMCHAT_SIDE
from bench.tokens import token

TOKENS = 10_000
WRITTEN = 9_000
LIVE = Script(rate=30, fast_to=WRITTEN)
MARK_BYTES = 24
AT_ONCE = 50
FRAMES = Goal(5)
TIME = Goal(3.0)


@dataclass(frozen=True, slots=True)
class Replay:
    """One way to reload: where, how one sees that it is whole, and how many tokens that is."""

    what: str
    endpoint: Endpoint
    until: bytes
    tokens: int


@dataclass(frozen=True, slots=True)
class Fetched:
    milliseconds: float
    frames: int
    body: bytes


async def run(field: Field, outcome: Outcome) -> None:
    async with field.serving(LLMCHAT_SIDE, ASGI) as (ours, static):
        await _ended(field.part(0.5), ours, static, outcome)
        await _live(field, ours, static, outcome)


async def _ended(field: Field, ours: Server, static: Server, outcome: Outcome) -> None:
    endpoint = await ours.begin(at_once(TOKENS))
    reader = await follow(endpoint, LLMCHAT)
    async with asyncio.timeout(END_SECONDS):
        await reader.ended
    if reader.error:
        raise reader.error
    replay = Replay("after the end", endpoint, b'"status":"complete"', TOKENS)
    await _compare(field, replay, static, outcome)


async def _live(field: Field, ours: Server, static: Server, outcome: Outcome) -> None:
    async with generations(ours, LIVE, 1) as (reader,):
        async with asyncio.timeout(END_SECONDS):
            await reader.reaches(WRITTEN)
        replay = Replay("late in a live answer", reader.endpoint, token(WRITTEN - 1), WRITTEN)
        await _compare(field, replay, static, outcome)
        await finish(ours, [reader], 1)


async def _compare(field: Field, replay: Replay, static: Server, outcome: Outcome) -> None:
    sample = await _fetch(replay.endpoint, replay.until, replay.tokens)
    await call(static.port, "PUT", "/static", sample.body)
    body = Endpoint(static.port, request("GET", "/static"))
    alone = [Trials[Fetched]("llmchat"), Trials[Fetched]("static")]
    crowd = [Trials[float]("llmchat"), Trials[float]("static")]
    mark = sample.body[-MARK_BYTES:]
    for _ in field.part(0.5).times(field.choose(100, 30)):
        await alone[0].run(partial(_fetch, replay.endpoint, replay.until, replay.tokens))
        await alone[1].run(partial(_fetch, body, mark, replay.tokens))
    for _ in field.times(field.choose(15, 5)):
        await crowd[0].run(partial(_crowd_ms, replay.endpoint, replay.until, replay.tokens))
        await crowd[1].run(partial(_crowd_ms, body, mark, replay.tokens))
    errors = [error for trials in alone for error in trials.errors]
    errors += [error for trials in crowd for error in trials.errors]
    if errors:
        outcome.rows.append(failure("S4", f"replay {replay.what}", TIME, errors))
        return
    frames = max(fetched.frames for fetched in alone[0].good)
    rows = [
        Row("S4", f"frames, {replay.what}", frames, "", FRAMES, f"{len(sample.body):,} bytes"),
        _timed(f"time ÷ static body, {replay.what}", [_times_ms(trials) for trials in alone]),
        _timed(f"{AT_ONCE} readers ÷ static body, {replay.what}", [it.good for it in crowd]),
    ]
    outcome.rows.extend(rows)


def _timed(what: str, times_ms: Sequence[Sequence[float]]) -> Row:
    ours, theirs = (statistics.median(times) for times in times_ms)
    return compared("S4", what, TIME, (ours, theirs), "ms")


def _times_ms(trials: Trials[Fetched]) -> list[float]:
    return [fetched.milliseconds for fetched in trials.good]


async def _fetch_raw(endpoint: Endpoint, until: bytes) -> tuple[int, bytes]:
    loop = asyncio.get_running_loop()
    _, fetch = await loop.create_connection(lambda: Fetch(endpoint, until), HOST, endpoint.port)
    async with asyncio.timeout(END_SECONDS):
        done_ns = await fetch.done
    return done_ns, fetch.raw


async def _fetch(endpoint: Endpoint, until: bytes, tokens: int) -> Fetched:
    began_ns = time.monotonic_ns()
    done_ns, raw = await _fetch_raw(endpoint, until)
    return _checked((done_ns - began_ns) / 1e6, raw, tokens)


async def _crowd_ms(endpoint: Endpoint, until: bytes, tokens: int) -> float:
    began_ns = time.monotonic_ns()
    fetched = await asyncio.gather(*(_fetch_raw(endpoint, until) for _ in range(AT_ONCE)))
    milliseconds = (max(done_ns for done_ns, _ in fetched) - began_ns) / 1e6
    for _, raw in fetched:
        _checked(milliseconds, raw, tokens)
    return milliseconds


def _checked(milliseconds: float, raw: bytes, tokens: int) -> Fetched:
    body = Body(raw)
    if body.status != 200:
        raise ReadError(f"status {body.status}")
    verified(body.data, LLMCHAT, tokens)
    return Fetched(milliseconds, body.data.count(b"data: "), body.data)
