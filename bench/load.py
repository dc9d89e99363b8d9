"""A population of generations with one reader each, and what they cost in a window of time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from bisect import bisect_left
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from dataclasses import dataclass

from bench.calls import Endpoint
from bench.field import Server
from bench.process import core_busy_ns
from bench.reader import Reader, ReadError, follow
from bench.results import Notes, Trials
from bench.script import Script
from bench.ticker import period_ns
from bench.tokens import TokenError

OPENING_AT_ONCE = 16
BEGIN_SECONDS = 20.0
END_SECONDS = 30.0
BUSY_SHARE = 0.85
"""Above it, mock and client are the bottleneck and the figure says nothing about the service."""
FOREIGN_SHARE = 0.15
"""Above it, the machine is not the bench's own."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured while the streams ran steadily."""

    streams: int
    tokens: int
    seconds: float
    cpu_us_per_token: float
    service_share: float
    others_share: float
    """What anybody else took of the service's core."""
    mock_share: float
    client_share: float
    load_share: float
    """Of the busiest core that the mock and the client have."""
    gap_p99_over_pace_ms: float
    delay_p50_ms: float
    delay_p99_ms: float

    @property
    def warning(self) -> str:
        """What speaks against this figure, if anything does."""
        if self.load_share > BUSY_SHARE:
            return f"mock and client were at {self.load_share:.0%} of their core"
        if self.others_share > FOREIGN_SHARE:
            return f"other processes took {self.others_share:.0%} of the service's core"
        return ""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_ns: int
    service_ns: int
    core_ns: int
    mock_ns: int
    client_ns: int
    tokens: int


def _sample(server: Server, readers: Sequence[Reader]) -> _Sample:
    return _Sample(
        time.monotonic_ns(),
        server.cpu_ns(),
        core_busy_ns(server.cores.service),
        server.mock.cpu_ns(),
        time.process_time_ns(),
        sum(reader.sequence.count for reader in readers),
    )


async def together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Runs all at once; the first error stops the others before it is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


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
        if reader.error:
            raise reader.error
    if ended.streams != generations:
        raise ReadError(f"{ended.streams} of {generations} generations were live at the end")
    received = sum(reader.sequence.count for reader in readers)
    expected = ended.tokens * len(readers) // generations
    if received != expected:
        raise TokenError(f"{received} of {expected} tokens received")


async def window(server: Server, readers: Sequence[Reader], seconds: float, rate: int) -> Window:
    """Measures for so many seconds."""
    before = _sample(server, readers)
    await asyncio.sleep(seconds)
    after = _sample(server, readers)
    return between(before, after, server, readers, rate)


def between(
    before: _Sample, after: _Sample, server: Server, readers: Sequence[Reader], rate: int
) -> Window:
    elapsed_ns = after.at_ns - before.at_ns
    tokens = after.tokens - before.tokens
    mock = (after.mock_ns - before.mock_ns) / elapsed_ns
    client = (after.client_ns - before.client_ns) / elapsed_ns
    service_ns = after.service_ns - before.service_ns
    gaps, delays = _times(readers, before.at_ns, after.at_ns, rate)
    return Window(
        streams=len(readers),
        tokens=tokens,
        seconds=elapsed_ns / 1e9,
        cpu_us_per_token=service_ns / 1e3 / max(1, tokens),
        service_share=service_ns / elapsed_ns,
        others_share=max(0.0, (after.core_ns - before.core_ns - service_ns) / elapsed_ns),
        mock_share=mock,
        client_share=client,
        load_share=mock + client if server.cores.mock == server.cores.client else max(mock, client),
        gap_p99_over_pace_ms=percentile(gaps, 0.99),
        delay_p50_ms=percentile(delays, 0.5),
        delay_p99_ms=percentile(delays, 0.99),
    )


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


async def paced(
    server: Server, script: Script, streams: int, *, warm_seconds: float, seconds: float
) -> Window:
    """One run: so many generations, warmed up, measured, ended, and every token accounted for."""
    async with generations(server, script, streams) as readers:
        await asyncio.sleep(warm_seconds)
        measured = await window(server, readers, seconds, script.rate)
        await finish(server, readers, streams)
    return measured


def warnings(*trials: Trials[Window]) -> Notes:
    """One warning for each side that has any."""
    found = (
        (trial.side, [measured.warning for measured in trial.good if measured.warning])
        for trial in trials
    )
    return tuple(f"{side}: {texts[0]} ({len(texts)} rounds)" for side, texts in found if texts)
