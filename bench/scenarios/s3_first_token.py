"""S3: how much later the first token comes than from the model itself, from the POST on."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from functools import partial

from bench.field import Field, Server
from bench.load import END_SECONDS, generations
from bench.reader import ReadError, follow
from bench.results import Goal, Notes, Outcome, Row, Trials, compared, failure, with_unit
from bench.script import Script
from bench.sides import DIRECT, LLMCHAT_SIDE, RELAY, node

SHORT = Script(tokens=2, rate=200)
BACKGROUND = Script(rate=30)
BACKGROUND_STREAMS = 100
GOAL = Goal(3.0)


async def run(field: Field, outcome: Outcome) -> None:
    async with field.serving(DIRECT, RELAY, LLMCHAT_SIDE, node()) as servers:
        idle = await _idle(field.part(0.4), servers)
        outcome.rows.append(_row("first token, added over direct ÷ relay", idle, GOAL))
        busy = await _busy(field, servers[:3])
        outcome.rows.append(_row("the same while 100 generations run", busy, None))
    outcome.data["idle_ms"] = {name: trial.good for name, trial in idle.items()}
    outcome.data["busy_ms"] = {name: trial.good for name, trial in busy.items()}


async def first_token_ms(server: Server) -> float:
    """From the POST to the first token, on a new connection; reads on to the end."""
    reader = await follow(await server.prepare(SHORT), server.side.dialect)
    try:
        async with asyncio.timeout(END_SECONDS):
            await reader.ended
    finally:
        reader.leave()
    if reader.error:
        raise reader.error
    if reader.sequence.count != SHORT.tokens:
        raise ReadError(f"{reader.sequence.count} of {SHORT.tokens} tokens")
    return (reader.sequence.arrivals_ns[0] - reader.asked_ns) / 1e6


async def _idle(field: Field, servers: Sequence[Server]) -> dict[str, Trials[float]]:
    trials = {server.name: Trials[float](server.name) for server in servers}
    for server in servers:
        await first_token_ms(server)
    for _ in field.times(field.choose(150, 40) * field.rounds):
        for server in servers:
            await trials[server.name].run(partial(first_token_ms, server))
    return trials


async def _busy(field: Field, servers: Sequence[Server]) -> dict[str, Trials[float]]:
    trials = {server.name: Trials[float](server.name) for server in servers}
    for _ in field.times(field.choose(field.rounds, 1)):
        for left, server in zip(range(len(servers), 0, -1), servers, strict=True):
            async with generations(server, BACKGROUND, BACKGROUND_STREAMS):
                for _ in field.part(1 / (left + 1)).times(field.choose(100, 40)):
                    await trials[server.name].run(partial(first_token_ms, server))
    return trials


def _row(what: str, trials: Mapping[str, Trials[float]], goal: Goal | None) -> Row:
    errors = [error for trial in trials.values() for error in trial.errors]
    if errors:
        return failure("S3", what, goal, errors)
    direct_ms = statistics.median(trials["direct"].good)
    added = {
        name: statistics.median(trial.good) - direct_ms
        for name, trial in trials.items()
        if name != "direct"
    }
    ours, theirs = added["llmchat"], added["relay"]
    notes: Notes = (f"direct {with_unit(direct_ms, 'ms')}",)
    if "node" in added:
        notes += (f"node adds {with_unit(added['node'], 'ms')}",)
    return compared("S3", what, goal, (ours, theirs), "ms", notes=notes)
