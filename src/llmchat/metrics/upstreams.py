"""Figures of the models' servers, as this process sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from llmchat.metrics.registry import Registry
from llmchat.providers.base import Circuit


@dataclass(frozen=True, slots=True)
class Server:
    """One endpoint of a provider."""

    provider: str
    endpoint: str
    circuit: Circuit


@dataclass(frozen=True, slots=True)
class Line:
    """Of a provider that writes no more than `most` answers at once, and lets others wait."""

    provider: str
    most: int
    writing: int
    waiting: int


class UpstreamMeters:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._circuits = registry.gauge(
            "provider_circuits",
            "Processes that have the circuit of a model's server in this state.",
            ["provider", "endpoint", "state"],
        )
        self._most = registry.gauge(
            "provider_places", "Answers that a provider may write at once.", ["provider"]
        )
        self._writing = registry.gauge(
            "provider_places_taken", "Answers that a limited provider writes.", ["provider"]
        )
        self._waiting = registry.gauge(
            "provider_queue", "Answers that wait for a place at a limited provider.", ["provider"]
        )

    def look_at(
        self, servers: Callable[[], Sequence[Server]], lines: Callable[[], Sequence[Line]]
    ) -> None:
        def sample() -> None:
            for server in servers():
                for state in get_args(Circuit):
                    labels = self._circuits.labels(server.provider, server.endpoint, state)
                    labels.set(server.circuit == state)
            for line in lines():
                self._most.labels(line.provider).set(line.most)
                self._writing.labels(line.provider).set(line.writing)
                self._waiting.labels(line.provider).set(line.waiting)

        self._registry.sample_with(sample)
