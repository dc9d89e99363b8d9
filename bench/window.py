"""What was measured while streams ran steadily, and what speaks against it."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.field import Server
from bench.process import core_busy_ns
from bench.reader import Reader
from bench.results import Notes, Trials
from bench.ticker import period_ns

BUSY_SHARE = 0.85
"""Above it, mock and client are the bottleneck and the figure says nothing about the service."""
OTHERS_SHARE = 0.15
"""Above it, others delay the wake-ups, tokens pile up, and each seems to cost less than it does."""


@dataclass(frozen=True, slots=True)
class Window:
    """The figures of one steady stretch of time."""

    streams: int
    tokens: int
    seconds: float
    cpu_us_per_token: float
    service_share: float
    mock_share: float
    client_share: float
    load_share: float
    """Of the busiest core that the mock and the client have."""
    others_share: float
    """What anybody else took of the core of which they took most."""
    gap_p99_over_pace_ms: float
    delay_p50_ms: float
    delay_p99_ms: float

    @property
    def warning(self) -> str:
        """What speaks against this figure, if anything does."""
        if self.load_share > BUSY_SHARE:
            return f"mock and client were at {self.load_share:.0%} of their core"
        if self.others_share > OTHERS_SHARE:
            return f"other processes took {self.others_share:.0%} of a core"
        return ""


class _Sample:
    """The counters at one moment."""

    def __init__(self, server: Server, readers: Sequence[Reader]) -> None:
        cores = server.cores
        self.at_ns = time.monotonic_ns()
        self.service_ns = server.cpu_ns()
        self.mock_ns = server.mock.cpu_ns()
        self.client_ns = time.process_time_ns()
        self.tokens = sum(reader.sequence.count for reader in readers)
        self.ours_ns = Counter({cores.service: self.service_ns})
        self.ours_ns[cores.mock] += self.mock_ns
        self.ours_ns[cores.client] += self.client_ns
        self.busy_ns = {core: core_busy_ns(core) for core in self.ours_ns}


async def window(server: Server, readers: Sequence[Reader], seconds: float, rate: int) -> Window:
    """Measures for so many seconds."""
    before = _Sample(server, readers)
    await asyncio.sleep(seconds)
    after = _Sample(server, readers)
    elapsed_ns = after.at_ns - before.at_ns
    tokens = after.tokens - before.tokens
    service_ns = after.service_ns - before.service_ns
    mock = (after.mock_ns - before.mock_ns) / elapsed_ns
    client = (after.client_ns - before.client_ns) / elapsed_ns
    shared = server.cores.mock == server.cores.client
    gaps, delays = _times(readers, before.at_ns, after.at_ns, rate)
    return Window(
        streams=len(readers),
        tokens=tokens,
        seconds=elapsed_ns / 1e9,
        cpu_us_per_token=service_ns / 1e3 / max(1, tokens),
        service_share=service_ns / elapsed_ns,
        mock_share=mock,
        client_share=client,
        load_share=mock + client if shared else max(mock, client),
        others_share=_others_ns(before, after) / elapsed_ns,
        gap_p99_over_pace_ms=percentile(gaps, 0.99),
        delay_p50_ms=percentile(delays, 0.5),
        delay_p99_ms=percentile(delays, 0.99),
    )


def _others_ns(before: _Sample, after: _Sample) -> int:
    def others(core: int) -> int:
        busy = after.busy_ns[core] - before.busy_ns[core]
        return busy - (after.ours_ns[core] - before.ours_ns[core])

    return max(0, *map(others, after.busy_ns))


def _times(
    readers: Sequence[Reader], from_ns: int, to_ns: int, rate: int
) -> tuple[list[float], list[float]]:
    """Each token's gap to the one before, over the pace, and its delay after it was due; in ms."""
    pace_ns = period_ns(rate)
    gaps: list[float] = []
    delays: list[float] = []
    for reader in readers:
        arrivals = reader.sequence.arrivals_ns
        due_ns = reader.sequence.sent_ns - pace_ns
        first = max(2, bisect_left(arrivals, from_ns))
        for number in range(first, bisect_left(arrivals, to_ns)):
            gaps.append((arrivals[number] - arrivals[number - 1] - pace_ns) / 1e6)
            delays.append((arrivals[number] - due_ns - number * pace_ns) / 1e6)
    return gaps, delays


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def cost(measured: Window) -> float:
    """CPU microseconds of the serving process per token delivered."""
    return measured.cpu_us_per_token


def gap(measured: Window) -> float:
    """How much longer than the pace it takes, at p99, for the next token to come."""
    return measured.gap_p99_over_pace_ms


def delay(measured: Window) -> float:
    """How long after the model sent it a token has come, in the median."""
    return measured.delay_p50_ms


def warnings(*trials: Trials[Window]) -> Notes:
    """The worst warning of each side of which half the rounds or more have one."""
    notes: Notes = ()
    for trial in trials:
        texts = [measured.warning for measured in trial.good if measured.warning]
        if 2 * len(texts) >= len(trial.good) and texts:
            notes += (f"{trial.side}: {max(texts)} ({len(texts)} of {len(trial.good)} rounds)",)
    return notes
