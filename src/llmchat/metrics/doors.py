"""Figures of the doors: requests, refusals, open streams."""

from collections.abc import Callable, Mapping
from functools import cache

from llmchat.metrics.registry import Registry

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_LIMITS = ("requests", "wrong_keys", "streams", "live_generations", "allowance", "frames")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class DoorMeters:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._requests = registry.counter(
            "http_requests",
            "Requests that were answered, by the template of their route.",
            ["method", "route", "status"],
        )
        self._seconds = registry.histogram(
            "http_request_seconds",
            "How long it took until an answer began: a stream then goes on.",
            ["method", "route"],
            buckets=_SECONDS,
        )
        self._refused = registry.counter(
            "refused_requests", "Requests refused by a limit, by which.", ["limit"]
        )
        for limit in _LIMITS:
            # There before the first one: of a counter that appears with 1, no rate tells.
            self._refused.labels(limit)
        self._streams = registry.gauge("open_streams", "Readers, by their door.", ["door"])
        self._mqtt = registry.gauge(
            "mqtt_connections", "Processes whose MQTT broker is in this state.", ["state"]
        )
        # Each request would otherwise look for its own behind a lock, by labels made into texts.
        self._of = cache(self._meters_of)

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """`route` is the template that was found, None for a path that there is not."""
        method, found = method if method in _METHODS else "other", route or "none"
        count, observe = self._of(method, found, status // 100)
        count()
        observe(seconds)

    def _meters_of(
        self, method: str, route: str, hundreds: int
    ) -> tuple[Callable[[], None], Callable[[float], None]]:
        """There are few: methods, routes and statuses are all bounded."""
        counter = self._requests.labels(method, route, f"{hundreds}xx")
        return counter.inc, self._seconds.labels(method, route).observe

    def refused(self, limit: str) -> None:
        self._refused.labels(limit).inc()

    def look_at(
        self, streams: Callable[[], Mapping[str, int]], broker: Callable[[], bool | None]
    ) -> None:
        """How many are open, by door; and whether the broker is there, None without one."""

        def sample() -> None:
            self._mqtt.labels("connected").set(broker() is True)
            self._mqtt.labels("away").set(broker() is False)
            for door, count in streams().items():
                self._streams.labels(door).set(count)

        self._registry.sample_with(sample)
