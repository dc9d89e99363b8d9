"""Figures of what other services are told."""

from collections.abc import Collection

from llmchat.metrics.registry import Registry
from llmchat.webhooks.base import Onlooker, Waiting

_OUTCOMES = ("delivered", "refused", "given_up")


class WebhookMeters(Onlooker):
    """Of these endpoints, by their names in the settings."""

    def __init__(self, registry: Registry, endpoints: Collection[str]) -> None:
        self._attempts = registry.counter(
            "webhooks",
            "Webhooks that were sent: delivered, refused (and sent again), or given up.",
            ["endpoint", "outcome"],
        )
        self._waiting = registry.same_gauge(
            "webhooks_waiting", "Webhooks that are still to be delivered.", ["endpoint"]
        )
        self._oldest = registry.same_gauge(
            "webhooks_oldest_seconds", "How long the oldest of these has waited.", ["endpoint"]
        )
        for endpoint in endpoints:
            # There before the first one: of a counter that appears with 1, no rate tells.
            for outcome in _OUTCOMES:
                self._attempts.labels(endpoint, outcome)

    def delivered(self, endpoint: str) -> None:
        self._attempts.labels(endpoint, "delivered").inc()

    def refused(self, endpoint: str, *, given_up: bool) -> None:
        self._attempts.labels(endpoint, "given_up" if given_up else "refused").inc()

    def waits(self, endpoint: str, waiting: Waiting) -> None:
        self._waiting.labels(endpoint).set(waiting.count)
        self._oldest.labels(endpoint).set(waiting.oldest_seconds)
