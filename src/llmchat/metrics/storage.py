"""Figures of where things are kept."""

from typing import get_args

from llmchat.faults import Storage
from llmchat.metrics.registry import Registry

_APPEND = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class StorageMeters:
    def __init__(self, registry: Registry) -> None:
        self._append = registry.histogram(
            "log_append_seconds",
            "How long it took until what was written of an answer was stored.",
            buckets=_APPEND,
        )
        errors = registry.counter(
            "storage_errors", "What a storage could not do, by which.", ["storage"]
        )
        self._errors = {name: errors.labels(name) for name in get_args(Storage)}

    def appended(self, seconds: float) -> None:
        self._append.observe(seconds)

    def failed(self, storage: Storage) -> None:
        self._errors[storage].inc()
