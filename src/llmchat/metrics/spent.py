"""Figures of what models were asked for: requests, tokens, money."""

from collections.abc import Sequence
from itertools import zip_longest

from llmchat.access.usage import Entry
from llmchat.metering import Attempt, AttemptStatus
from llmchat.metrics.models import ModelNames
from llmchat.metrics.registry import Registry

_BY = ["model", "estimated"]


class SpentMeters:
    """What is noted as used up is counted here, and nothing else: the sums are those of
    /api/usage."""

    def __init__(self, registry: Registry, names: ModelNames) -> None:
        self._names = names
        self._requests = registry.counter(
            "model_requests",
            "Requests to models, by how they ended; retried and fallen_back had a successor.",
            ["model", "outcome"],
        )
        self._input = registry.counter("input_tokens", "Tokens sent to models.", _BY)
        self._cached = registry.counter(
            "cached_input_tokens", "Those of the input tokens that a server had kept.", _BY
        )
        self._output = registry.counter("output_tokens", "Tokens that models wrote.", _BY)
        self._reasoning = registry.counter(
            "reasoning_tokens", "Those of the output tokens that were reasoning.", _BY
        )
        self._cost = registry.counter(
            "cost_usd", "US dollars spent on models whose prices are known.", ["model"]
        )
        self._hits = registry.counter("cache_hits", "Answers given from memory.")

    def noted(self, entries: Sequence[Entry]) -> None:
        """These were stored as used up, all of one answer."""
        attempts = [entry.attempt for entry in entries]
        for attempt, following in zip_longest(attempts, attempts[1:]):
            self._note(attempt, _outcome(attempt, following))

    def _note(self, attempt: Attempt, outcome: str) -> None:
        usage = attempt.usage
        model = self._names.label(attempt.model, answered=attempt.status is AttemptStatus.COMPLETE)
        self._requests.labels(model, outcome).inc()
        estimated = "true" if usage.estimated else "false"
        for counter, tokens in (
            (self._input, usage.input_tokens),
            (self._cached, usage.cached_tokens),
            (self._output, usage.output_tokens),
            (self._reasoning, usage.reasoning_tokens),
        ):
            # A server may say anything; a counter takes nothing below zero.
            counter.labels(model, estimated).inc(max(0, tokens))
        if attempt.cost is not None and attempt.cost > 0:
            self._cost.labels(model).inc(float(attempt.cost))
        if attempt.status is AttemptStatus.CACHED:
            self._hits.inc()


def _outcome(attempt: Attempt, following: Attempt | None) -> str:
    again = following is not None and following.model == attempt.model
    if again and attempt.status is AttemptStatus.FALLEN_BACK:
        return "retried"
    return attempt.status.value
