"""All figures of a service, and how Prometheus reads them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from llmchat.metrics.board import Board

__all__ = ["Counter", "Gauge", "Histogram", "Registry"]

_PREFIX = "llmchat_"


class Registry:
    """Of one process; or with a `board` of one worker, which answers for all that write on it."""

    def __init__(self, board: Board | None = None) -> None:
        self._own = CollectorRegistry()
        self._shown = self._own if board is None else CollectorRegistry()
        if board is None:
            ProcessCollector(registry=self._shown)
            GCCollector(registry=self._shown)
        else:
            MultiProcessCollector(self._shown, str(board.folder))  # type: ignore[no-untyped-call]
            self._shown.register(_Processes(board))
        PlatformCollector(registry=self._shown)
        self._samplers: list[Callable[[], None]] = []

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(_PREFIX + name, help, labels, registry=self._own)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        """Of several workers, their sum."""
        return Gauge(_PREFIX + name, help, labels, registry=self._own, multiprocess_mode="livesum")

    def same_gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        """Of which every worker says the same."""
        return Gauge(_PREFIX + name, help, labels, registry=self._own, multiprocess_mode="livemax")

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float]
    ) -> Histogram:
        return Histogram(_PREFIX + name, help, labels, buckets=buckets, registry=self._own)

    def sample_with(self, sampler: Callable[[], None]) -> None:
        """It sets the gauges of what is not told when it changes, but looked at."""
        self._samplers.append(sampler)

    def sample(self) -> None:
        for sampler in self._samplers:
            sampler()

    async def text(self, accept: str) -> tuple[bytes, str]:
        """All figures in the format that is asked for, and its media type."""
        self.sample()
        encode, media_type = choose_encoder(accept)
        # Thousands of lines: the streams of this process do not wait for them.
        return await asyncio.to_thread(encode, self._shown), media_type


class _Processes(Collector):
    """What the system says of each worker, which has a label for that."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for number, pid in self._board.workers().items():
            for family in _of_process(pid):
                known = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    known.add_sample(sample.name, {"worker": str(number)}, sample.value)
        return families.values()


def _of_process(pid: int) -> Iterator[Metric]:
    yield from ProcessCollector(pid=lambda: pid, registry=None).collect()
