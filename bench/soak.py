"""A soak: generations that start and end for a long time, and the memory while they do."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

from bench.field import Server
from bench.load import END_SECONDS, together
from bench.reader import ReadError, follow
from bench.script import Script

MIB = 1024 * 1024
STREAMS = 50
TOKENS = (30, 150)
RATE = 30
SAMPLES = 100


class Soak:
    """Keeps so many generations alive, each as long as chance has it, and samples the RSS."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended = 0
        self.more_descriptors = 0
        self._rss_bytes: list[tuple[float, int]] = []
        self._random = random.Random(1)

    async def run(self, server: Server) -> None:
        """Raises at the first generation that is not whole."""
        before = server.running.descriptors()
        until = time.monotonic() + self.seconds
        sampling = asyncio.create_task(self._sample(server, until))
        try:
            await together(self._keep_one(server, until) for _ in range(STREAMS))
        finally:
            sampling.cancel()
        self.more_descriptors = server.running.descriptors() - before

    async def _keep_one(self, server: Server, until: float) -> None:
        while time.monotonic() < until:
            script = Script(tokens=self._random.randint(*TOKENS), rate=RATE)
            reader = await follow(await server.begin(script), server.side.dialect)
            try:
                async with asyncio.timeout(END_SECONDS):
                    await reader.ended
            finally:
                reader.leave()
            if reader.error:
                raise reader.error
            if reader.sequence.count != script.tokens:
                raise ReadError(f"{reader.sequence.count} of {script.tokens} tokens")
            self.ended += 1

    async def _sample(self, server: Server, until: float) -> None:
        began = time.monotonic()
        while time.monotonic() < until:
            await asyncio.sleep(self.seconds / SAMPLES)
            self._rss_bytes.append((time.monotonic() - began, server.running.rss_bytes()))

    @property
    def growth_percent(self) -> float:
        """From the second quarter, when it is warm, to the last."""
        early, late = self._quarter(1), self._quarter(3)
        return 100 * (late - early) / early

    def _quarter(self, number: int) -> float:
        size = len(self._rss_bytes) // 4
        return statistics.median(
            rss for _, rss in self._rss_bytes[number * size : (number + 1) * size]
        )

    def summary(self) -> str:
        return f"{self._quarter(1) / MIB:.1f} → {self._quarter(3) / MIB:.1f} MiB"

    def series(self) -> Sequence[dict[str, float]]:
        """The samples, for the plot."""
        return [{"seconds": at, "rss_mib": rss / MIB} for at, rss in self._rss_bytes]
