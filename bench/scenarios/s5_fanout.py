"""S5: one generation and very many readers, beside bare ASGI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.calls import Endpoint, call, request
from bench.field import Field, Server
from bench.load import finish, generations
from bench.process import Command
from bench.reader import OPENAI, Dialect
from bench.results import Goal, Outcome, Trials, compared, failure
from bench.script import Script
from bench.sides import ASGI, LLMCHAT_SIDE
from bench.window import Window, cost, gap, warnings, window

SCRIPT = Script(rate=5)
COST = Goal(1.5)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Bare ASGI that reads one upstream for all."""

    name: str = "asgi"
    dialect: Dialect = OPENAI

    def command(self, port: int, upstream: int, scratch: Path) -> Command | None:
        return ASGI.command(port, upstream, scratch)

    async def begin(self, port: int, script: Script) -> Endpoint:
        body = {"model": script.model, "messages": [], "stream": True}
        await call(port, "POST", "/broadcast", body)
        return Endpoint(port, request("GET", "/broadcast"))

    prepare = begin


async def run(field: Field, outcome: Outcome) -> None:
    readers = field.choose(1000, 300)
    what = f"CPU per event and reader ÷ bare ASGI, {readers:,} readers"
    async with field.serving(Broadcast(), LLMCHAT_SIDE) as servers:
        many = [Trials[Window](server.name) for server in servers]
        for _ in field.times(field.rounds):
            for trials, server in zip(many, servers, strict=True):
                await trials.run(partial(_fanout, field, server, readers))
    theirs, ours = many
    if errors := theirs.errors + ours.errors:
        outcome.rows.append(failure("S5", what, COST, errors))
        return
    costs = ours.median(cost), theirs.median(cost)
    gaps = ours.median(gap), theirs.median(gap)
    disturbed = warnings(ours, theirs)
    rows = [
        compared("S5", what, COST, costs, "µs", warnings=disturbed),
        compared("S5", "gap over the pace, p99 ÷ bare ASGI", None, gaps, "ms", warnings=disturbed),
    ]
    outcome.rows.extend(rows)


async def _fanout(field: Field, server: Server, readers: int) -> Window:
    async with generations(server, SCRIPT, 1, readers) as following:
        await asyncio.sleep(field.choose(2.0, 0.5))
        measured = await window(server, following, field.choose(8.0, 2.0), SCRIPT.rate)
        await finish(server, following, 1)
    return measured
