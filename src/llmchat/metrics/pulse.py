"""How late this process is: a task that wants to run twice a second, and what it says of that."""

import asyncio
import platform

from llmchat.metrics.registry import Registry
from llmchat.tasks import TaskSet

_PULSE_SECONDS = 0.5
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Pulse:
    """Use it as an async context manager. With each beat the gauges are looked at as well: of
    several workers only one is asked by Prometheus, and knows the others by what they wrote."""

    def __init__(self, registry: Registry, *, version: str, engines: str) -> None:
        self._registry = registry
        self._tasks = TaskSet()
        self._lag = registry.histogram(
            "event_loop_lag_seconds",
            "How late the event loop was with what was due.",
            buckets=_LAG,
        )
        registry.same_gauge(
            "build_info",
            "What runs: always 1.",
            ["version", "python", "engines"],
        ).labels(version, platform.python_version(), engines).set(1)
        registry.gauge("processes", "Processes that serve.").set(1)

    async def __aenter__(self) -> "Pulse":
        self._tasks.spawn(self._beat_for_ever(), name="pulse")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    async def _beat_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _PULSE_SECONDS
            await asyncio.sleep(_PULSE_SECONDS)
            self._lag.observe(max(0.0, loop.time() - due))
            self._registry.sample()
