"""The bench: `python -m bench [--quick] [--only S1,S4] [--rounds N] [--out DIR]`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from bench import machine, plot, report
from bench.field import Field, start_mock
from bench.launch import take_core
from bench.process import ROOT, Cores, more_descriptors
from bench.results import FAULTS, Outcome, failure
from bench.scenarios import (
    s1_cost,
    s3_first_token,
    s4_replay,
    s5_fanout,
    s6_growth,
    s7_memory,
    s9_gateway,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of S1 to S9, and its share of the time; what it leaves over goes to the next ones."""

    run: Callable[[Field, Outcome], Awaitable[None]]
    seconds: float
    quick_seconds: float


SCENARIOS = {
    "S1": Scenario(s1_cost.run, 600, 33),
    "S3": Scenario(s3_first_token.run, 300, 13),
    "S4": Scenario(s4_replay.run, 300, 10),
    "S5": Scenario(s5_fanout.run, 300, 20),
    "S6": Scenario(s6_growth.run, 1500, 24),
    "S7": Scenario(s7_memory.run, 1000, 26),
    "S9": Scenario(s9_gateway.run, 300, 12),
}
CLOSING_SHARE = 0.9
"""Of a scenario's time: nothing is begun after it that would not be done before the end."""
LEFT_OUT_OF_QUICK = {"S5"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ends within two minutes")
    parser.add_argument("--only", default="", help="scenarios, with commas between them")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each side")
    parser.add_argument("--out", type=Path, help="where JSON, plot and table are written")
    options = parser.parse_args()
    options.only = [name for name in options.only.upper().split(",") if name]
    if unknown := set(options.only) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return options


def chosen(options: argparse.Namespace) -> list[str]:
    """The scenarios of this run, in order."""
    left_out = LEFT_OUT_OF_QUICK if options.quick else set()
    return [name for name in SCENARIOS if name in (options.only or set(SCENARIOS) - left_out)]


async def measure(names: list[str], field: Field, found: report.Report) -> None:
    """Runs the scenarios one after the other; a broken one does not take the others with it."""
    shares = {
        name: field.choose(SCENARIOS[name].seconds, SCENARIOS[name].quick_seconds) for name in names
    }
    until = time.monotonic() + sum(shares.values())
    for at, name in enumerate(names):
        print(f"{name} …", file=sys.stderr, flush=True)
        outcome = found.outcomes[name] = Outcome()
        left = until - time.monotonic()
        seconds = left * shares[name] / sum(shares[later] for later in names[at:])
        limit = asyncio.timeout(seconds)
        timed = replace(field, deadline=time.monotonic() + CLOSING_SHARE * seconds)
        try:
            async with limit:
                await SCENARIOS[name].run(timed, outcome)
        except FAULTS as fault:
            late = f"not done in {seconds:.0f} s"
            error = late if limit.expired() else f"{type(fault).__name__} {fault}"
            outcome.rows.append(failure(name, "the rest", None, [error]))


async def bench(options: argparse.Namespace, found: report.Report) -> None:
    """Sets the field up, measures, and takes it down, whatever happens."""
    cores = Cores.of_this_machine()
    more_descriptors()
    take_core(cores.client)
    gc.disable()  # a collection would show as a gap in every stream
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        mock = await start_mock(cores, Path(scratch))
        field = Field(options.quick, found.rounds, cores, mock, Path(scratch))
        try:
            await measure(chosen(options), field, found)
        finally:
            mock.kill()


def run(options: argparse.Namespace, found: report.Report) -> None:
    """Measures, shows and writes."""
    began = time.monotonic()
    uvloop.run(bench(options, found))
    found.seconds = time.monotonic() - began
    print(report.terminal(found.rows))
    whole = not options.quick and not options.only
    directory = options.out or (ROOT / "docs" if whole else ROOT / "build" / "bench")
    report.write(found, directory)
    plot.draw(found, directory / "performance.svg")
    print(f"\n{found.seconds:.0f} s; written to {directory}")


def main() -> int:
    """Exit status 1 when anything failed; a missed goal is shown, and no failure."""
    options = arguments()
    mode = "quick" if options.quick else "full"
    found = report.Report(machine.facts(), mode, options.rounds or 3)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        run(options, found)
    except KeyboardInterrupt:
        if found.rows and not found.seconds:
            print(report.terminal(found.rows), file=sys.stderr)
        print("interrupted", file=sys.stderr)
        return 130
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
