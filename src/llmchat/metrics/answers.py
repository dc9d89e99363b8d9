"""Figures of the answers that this process writes."""

import time
from collections.abc import Sequence

from llmchat.chat.observing import Answer, End, Observer
from llmchat.events import Event, Failed
from llmchat.ids import GenerationId
from llmchat.metrics.models import ModelNames
from llmchat.metrics.registry import Registry

_FIRST_TOKEN = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_WHOLE = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1800)
_GAPS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)


class AnswerMeters(Observer):
    def __init__(self, registry: Registry, names: ModelNames) -> None:
        self._names = names
        self._wrote_at: dict[GenerationId, float] = {}
        self._live = registry.gauge(
            "live_generations", "Answers that are being written here.", ["kind"]
        )
        # There before the first answer: an alert that finds no series finds nothing wrong.
        self._live_of = {kind: self._live.labels(kind) for kind in ("generation", "call")}
        self._ended = registry.counter(
            "generations", "Answers that ended, by how.", ["kind", "model", "outcome"]
        )
        self._failures = registry.counter(
            "generation_failures", "Answers that failed, by the type of the problem.", ["problem"]
        )
        self._seconds = registry.histogram(
            "generation_seconds",
            "How long answers took, from when their turn came.",
            ["kind", "model"],
            buckets=_WHOLE,
        )
        self._first_token = registry.histogram(
            "first_token_seconds",
            "How long the first token of an answer took.",
            ["model"],
            buckets=_FIRST_TOKEN,
        )
        self._gap = registry.histogram(
            "append_gap_seconds", "From one append to an answer's log to the next.", buckets=_GAPS
        )

    def began(self, answer: Answer) -> None:
        self._live_of[_kind(answer)].inc()

    def wrote(self, answer: Answer, events: Sequence[Event]) -> None:
        now = time.perf_counter()
        before = self._wrote_at.get(answer.id)
        self._wrote_at[answer.id] = now
        if before is not None:
            self._gap.observe(now - before)

    def ended(self, answer: Answer, end: End) -> None:
        outcome, kind = end.terminal.status, _kind(answer)
        model = self._names.label(answer.model, answered=outcome == "complete")
        self._ended.labels(kind, model, outcome).inc()
        if isinstance(end.terminal, Failed):
            self._failures.labels(end.terminal.problem.type).inc()
        timing = end.timing
        if timing is not None and timing.first_token_seconds is not None:
            self._first_token.labels(model).observe(timing.first_token_seconds)
        if timing is not None and timing.total_seconds is not None:
            self._seconds.labels(kind, model).observe(timing.total_seconds)

    def left(self, answer: Answer) -> None:
        self._wrote_at.pop(answer.id, None)
        self._live_of[_kind(answer)].dec()


def _kind(answer: Answer) -> str:
    return "generation" if answer.conversation_id is not None else "call"
