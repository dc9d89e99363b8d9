"""S1: what a token costs, beside relays that keep nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from bench.field import Field, Server
from bench.load import paced
from bench.results import Goal, Outcome, Row, Trials, compared, failure, with_unit
from bench.script import Script
from bench.sides import LLMCHAT_SIDE, RELAY, node
from bench.window import Window, cost, delay, gap, warnings

STREAMS = 100
SCRIPT = Script(rate=30)
AGAINST = {
    "relay": ("CPU per token ÷ bare relay", Goal(1.5, must=2.0)),
    "node": ("CPU per token ÷ Node's relay", Goal(1.0)),
}


async def run(field: Field, outcome: Outcome) -> None:
    async with field.serving(RELAY, LLMCHAT_SIDE, node()) as servers:
        trials = await rounds(field, servers)
    ours = trials["llmchat"]
    for name, (what, goal) in AGAINST.items():
        if name in trials:
            outcome.rows.append(_against(trials[name], ours, what, goal))
    if not ours.errors:
        outcome.rows.append(_shown("gap between tokens over the pace, p99", gap, trials))
        outcome.rows.append(_shown("from the model to the reader, p50", delay, trials))
    for name, trial in trials.items():
        outcome.data[name] = [asdict(measured) for measured in trial.good]


async def rounds(field: Field, servers: list[Server]) -> dict[str, Trials[Window]]:
    """Every side once a round, so that a noisy minute meets them all."""
    trials = {server.name: Trials[Window](server.name) for server in servers}
    warm, seconds = field.choose((3.0, 8.0), (0.7, 1.8))
    for _ in field.times(field.rounds):
        for server in servers:
            once = partial(paced, server, SCRIPT, STREAMS, warm_seconds=warm, seconds=seconds)
            await trials[server.name].run(once)
    return trials


def _shown(what: str, figure: Callable[[Window], float], trials: dict[str, Trials[Window]]) -> Row:
    """What a low cost may have been bought with: waiting makes every token cheaper."""
    others = [
        f"{name} {with_unit(trial.median(figure), 'ms')}"
        for name, trial in trials.items()
        if trial.good and name != "llmchat"
    ]
    return Row("S1", what, trials["llmchat"].median(figure), "ms", measured=", ".join(others))


def _against(theirs: Trials[Window], ours: Trials[Window], what: str, goal: Goal) -> Row:
    if errors := theirs.errors + ours.errors:
        return failure("S1", what, goal, errors)
    costs = ours.median(cost), theirs.median(cost)
    return compared("S1", what, goal, costs, "µs", warnings=warnings(ours, theirs))
