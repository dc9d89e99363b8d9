"""What an experiment shows by now, in numbers and in words, and when it shows nothing yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from llmchat.experiments import intervals
from llmchat.experiments.base import LEAST_WANTED, Experiment, Figures, Phase, Variant
from llmchat.experiments.intervals import CONFIDENCE, Estimate
from llmchat.experiments.wording import NOTES, compared, too_few

Outcome = Literal["unknown", "better", "worse", "no_difference"]


class Metric(StrEnum):
    """What variants are compared by; the first decides, the others are hints."""

    FEEDBACK = "feedback"
    ERROR_RATE = "error_rate"
    FIRST_TOKEN_SECONDS = "first_token_seconds"  # noqa: S105
    OUTPUT_TOKENS = "output_tokens"
    COST_USD = "cost_usd"


PRIMARY = Metric.FEEDBACK


@dataclass(frozen=True, slots=True)
class Way:
    """How a metric is estimated: of how many conversations, its value, and the difference of two
    variants' at a confidence."""

    unit: Literal["share", "seconds", "tokens", "usd"]
    estimator: Literal["rate", "median", "mean"]
    count: Callable[[Figures], int]
    estimate: Callable[[Figures], Estimate]
    difference: Callable[[Figures, Figures, float], Estimate]


WAYS: Mapping[Metric, Way] = {
    Metric.FEEDBACK: Way(
        "share",
        "rate",
        lambda its: its.feedback.clusters,
        lambda its: intervals.rate(its.feedback),
        lambda a, b, at: intervals.rate_difference(a.feedback, b.feedback, at),
    ),
    Metric.ERROR_RATE: Way(
        "share",
        "rate",
        lambda its: its.errors.clusters,
        lambda its: intervals.rate(its.errors),
        lambda a, b, at: intervals.rate_difference(a.errors, b.errors, at),
    ),
    Metric.FIRST_TOKEN_SECONDS: Way(
        "seconds",
        "median",
        lambda its: its.first_token.count,
        lambda its: intervals.median(its.first_token),
        lambda a, b, at: intervals.median_difference(a.first_token, b.first_token, at),
    ),
    Metric.OUTPUT_TOKENS: Way(
        "tokens",
        "mean",
        lambda its: its.output_tokens.count,
        lambda its: intervals.mean(its.output_tokens),
        lambda a, b, at: intervals.mean_difference(a.output_tokens, b.output_tokens, at),
    ),
    Metric.COST_USD: Way(
        "usd",
        "mean",
        lambda its: its.cost_usd.count,
        lambda its: intervals.mean(its.cost_usd),
        lambda a, b, at: intervals.mean_difference(a.cost_usd, b.cost_usd, at),
    ),
}


@dataclass(frozen=True, slots=True)
class Measured:
    metric: Metric
    count: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class VariantResult:
    variant: Variant
    figures: Figures
    metrics: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A metric of a variant, less that of the first variant."""

    metric: Metric
    enough: bool
    difference: Estimate
    outcome: Outcome
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    variant: str
    against: str
    confidence: float
    metrics: Sequence[Contrast]


@dataclass(frozen=True, slots=True)
class Results:
    experiment: Experiment
    enough: bool
    verdict: str
    notes: Sequence[str]
    variants: Sequence[VariantResult]
    comparisons: Sequence[Comparison]


def judged(experiment: Experiment, figures: Mapping[str, Figures]) -> Results:
    """Each variant by itself, and against the first one."""
    first, *others = [
        VariantResult(variant, its := figures[variant.name], _measured(its))
        for variant in experiment.variants
    ]
    # Bonferroni's: with more variants, one of them looks better by chance more often.
    confidence = 1 - (1 - CONFIDENCE) / len(others)
    comparisons = [_comparison(experiment, other, first, confidence) for other in others]
    primary = [comparison.metrics[0] for comparison in comparisons]
    unknown = [contrast for contrast in primary if not contrast.enough]
    return Results(
        experiment,
        enough=not unknown,
        verdict=" ".join(contrast.verdict for contrast in unknown or primary),
        notes=_notes(experiment, [first, *others]),
        variants=[first, *others],
        comparisons=comparisons,
    )


def _measured(figures: Figures) -> Sequence[Measured]:
    return [
        Measured(metric, way.count(figures), way.estimate(figures)) for metric, way in WAYS.items()
    ]


def _comparison(
    experiment: Experiment, one: VariantResult, first: VariantResult, confidence: float
) -> Comparison:
    contrasts = [_contrast(metric, experiment, one, first, confidence) for metric in WAYS]
    return Comparison(one.variant.name, first.variant.name, confidence, contrasts)


def _contrast(
    metric: Metric,
    experiment: Experiment,
    one: VariantResult,
    first: VariantResult,
    confidence: float,
) -> Contrast:
    way = WAYS[metric]
    wanted = experiment.wanted if metric is PRIMARY else LEAST_WANTED
    counts = {it.variant.name: way.count(it.figures) for it in (first, one)}
    difference = way.difference(one.figures, first.figures, confidence)
    if min(counts.values()) < wanted:
        words = too_few(metric, counts, wanted)
        return Contrast(metric, False, difference, "unknown", words)
    outcome = _outcome(metric, difference)
    values = [(it.variant.name, way.estimate(it.figures).value or 0.0) for it in (one, first)]
    words = compared(metric, values, difference, confidence, outcome)
    return Contrast(metric, True, difference, outcome, words)


def _outcome(metric: Metric, difference: Estimate) -> Outcome:
    low, high = difference.low, difference.high
    if low is None or high is None or low <= 0 <= high:
        return "no_difference"
    # A good judgement is wanted; errors, seconds, tokens and costs are not.
    return "better" if (low > 0) == (metric is PRIMARY) else "worse"


def _notes(experiment: Experiment, variants: Sequence[VariantResult]) -> Sequence[str]:
    conversations = sum(it.figures.conversations for it in variants)
    rated = sum(it.figures.feedback.clusters for it in variants)
    said = {
        "running": experiment.status is Phase.RUNNING,
        "hints": True,
        "few_rate": 0 < rated < conversations / 2,
    }
    return [NOTES[name] for name, holds in said.items() if holds]
