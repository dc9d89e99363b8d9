"""S9: what a token costs at the door of OpenAI's clients, which keeps nothing."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from bench.field import Field, Server
from bench.load import paced
from bench.results import Goal, Outcome, Trials, compared, failure
from bench.script import Script
from bench.sides import GATEWAY, RELAY
from bench.window import Window, cost, warnings

STREAMS = 100
SCRIPT = Script(rate=30)
WHAT = "CPU per token of /v1/chat/completions ÷ bare relay"
GOAL = Goal(1.4, must=2.0)


async def run(field: Field, outcome: Outcome) -> None:
    async with field.serving(RELAY, GATEWAY) as servers:
        theirs, ours = await rounds(field, servers)
    if errors := theirs.errors + ours.errors:
        outcome.rows.append(failure("S9", WHAT, GOAL, errors))
        return
    costs = ours.median(cost), theirs.median(cost)
    outcome.rows.append(compared("S9", WHAT, GOAL, costs, "µs", warnings=warnings(ours, theirs)))
    for name, trial in (("relay", theirs), ("gateway", ours)):
        outcome.data[name] = [asdict(measured) for measured in trial.good]


async def rounds(field: Field, servers: list[Server]) -> list[Trials[Window]]:
    """Both sides once a round, so that a noisy minute meets both."""
    trials = [Trials[Window](server.name) for server in servers]
    warm, seconds = field.choose((3.0, 8.0), (0.7, 1.8))
    for _ in field.times(field.rounds):
        for server, trial in zip(servers, trials, strict=True):
            once = partial(paced, server, SCRIPT, STREAMS, warm_seconds=warm, seconds=seconds)
            await trial.run(once)
    return trials
