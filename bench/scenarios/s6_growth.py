"""S6: whether a token costs more with more generations, in a long answer, or over a full store."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from bench.calls import connect
from bench.field import Field, Server
from bench.load import finish, generations, paced, together
from bench.results import Goal, Outcome, Row, Trials, compared, failure
from bench.script import Script
from bench.sides import LLMCHAT_SIDE, PROMPT
from bench.window import Window, cost, warnings, window

GOAL = Goal(1.15)
PACED = Script(rate=30)
FEW = 10
LONG_STREAMS = 8
LONG_RATE = 300
HEAD_TOKENS = 1_000
FILLERS = 4


async def run(field: Field, outcome: Outcome) -> None:
    outcome.rows.append(await _generations(field.part(0.4)))
    outcome.rows.append(await _long(field.part(0.5)))
    outcome.rows.append(await _stored(field))


async def _generations(field: Field) -> Row:
    most = field.choose(500, 200)
    few, many = Trials[Window](f"{FEW} generations"), Trials[Window](f"{most} generations")
    warm, seconds = field.choose((2.0, 8.0), (0.5, 2.0))
    async with field.serving(LLMCHAT_SIDE) as (server,):
        for _ in field.times(field.choose(field.rounds, 2)):
            for trials, streams in ((few, FEW), (many, most)):
                once = partial(paced, server, PACED, streams, warm_seconds=warm, seconds=seconds)
                await trials.run(once)
    return _grown(f"CPU per token, {most} generations ÷ {FEW}", many, few)


async def _long(field: Field) -> Row:
    tokens = field.choose(100_000, 20_000)
    script = Script(rate=LONG_RATE, fast_from=HEAD_TOKENS, fast_to=tokens)
    head, tail = Trials[Window]("first tokens"), Trials[Window]("last tokens")
    async with field.serving(LLMCHAT_SIDE) as (server,):
        for _ in field.times(field.choose(field.rounds, 1)):
            await tail.run(partial(_head_and_tail, server, script, head))
    return _grown(f"CPU per token, after {tokens:,} tokens ÷ the first {HEAD_TOKENS:,}", tail, head)


async def _head_and_tail(server: Server, script: Script, head: Trials[Window]) -> Window:
    """Measures before the fast part, and again after it."""
    seconds = 0.6 * HEAD_TOKENS / LONG_RATE
    async with generations(server, script, LONG_STREAMS) as readers:
        await asyncio.sleep(0.2 * HEAD_TOKENS / LONG_RATE)
        head.good.append(await window(server, readers, seconds, script.rate))
        settled = script.fast_to + LONG_RATE // 2
        await asyncio.gather(*(reader.reaches(settled) for reader in readers))
        tail = await window(server, readers, seconds, script.rate)
        await finish(server, readers, LONG_STREAMS)
    return tail


async def _stored(field: Field) -> Row:
    empty, full = Trials[Window]("empty store"), Trials[Window]("full store")
    warm, seconds = field.choose((2.0, 6.0), (0.5, 2.0))
    async with field.serving(LLMCHAT_SIDE, LLMCHAT_SIDE) as servers:
        stored = await _fill(field.part(0.5), servers[1])
        for _ in field.times(field.choose(field.rounds, 1)):
            for trials, server in zip((empty, full), servers, strict=True):
                await trials.run(
                    partial(paced, server, PACED, 100, warm_seconds=warm, seconds=seconds)
                )
    return _grown(f"CPU per token, {stored:,} stored conversations ÷ none", full, empty)


async def _fill(field: Field, server: Server) -> int:
    """Stores conversations with one message and its answer, as many as time allows."""
    model = f"openai/{Script(tokens=1).model}"
    remaining = iter(range(field.choose(10_000, 1_000)))
    stored = 0

    async def filler() -> None:
        nonlocal stored
        caller = await connect(server.port)
        try:
            for _ in remaining:
                if time.monotonic() > field.deadline:
                    return
                made = await caller.call("POST", "/api/conversations", {})
                path = f"/api/conversations/{made['id']}/messages"
                await caller.call("POST", path, {"content": PROMPT, "model": model})
                stored += 1
        finally:
            caller.close()

    await together(filler() for _ in range(FILLERS))
    return stored


def _grown(what: str, after: Trials[Window], before: Trials[Window]) -> Row:
    if errors := before.errors + after.errors:
        return failure("S6", what, GOAL, errors)
    costs = after.median(cost), before.median(cost)
    return compared("S6", what, GOAL, costs, "µs", warnings=warnings(after, before))
