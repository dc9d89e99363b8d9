"""A template and an experiment on it, as every answer that shows them would."""

from typing import Any

from llmchat.domain import Status
from llmchat.experiments.results import WAYS, Metric
from llmchat.experiments.wording import NOTES

Example = dict[str, Any]

_MADE: Example = {"created_at": "2026-11-21T08:40:11.114203Z", "created_by": "ann"}
_SUMMARY: Example = {
    "name": "support",
    "version": 2,
    "latest_version": 2,
    "description": "Answers of the help desk",
    "model": "demo/echo",
    "variables": [
        {"name": "product", "description": "As it is called in the shop", "default": None},
        {"name": "language", "description": None, "default": "English"},
    ],
    "archived": False,
    **_MADE,
}
_SAID: Example = {
    "system_prompt": "You help users of {{product}}. Answer in {{language}}.",
    "params": {"temperature": 0.2},
}
_RENDERED: Example = {
    "name": "support",
    "version": 2,
    "system_prompt": "You help users of llmchat. Answer in English.",
    "model": "demo/echo",
    "params": {"temperature": 0.2},
}
_VARIANTS: list[Example] = [
    {"name": "plain", "template": "support", "version": 1, "weight": 1},
    {"name": "warm", "template": "support", "version": 2, "weight": 1},
]
_EXPERIMENT: Example = {
    "name": "polite",
    "description": "Does warmth help?",
    "template": "support",
    "status": "stopped",
    "wanted": 100,
    "variants": _VARIANTS,
    **_MADE,
    "started_at": "2026-11-21T08:41:00.215004Z",
    "stopped_at": "2026-12-05T08:00:12.801553Z",
}
_VERDICT = (
    "warm is rated better than plain: 85.0 % against 70.0 % positive ratings; the difference lies "
    "between +6.8 points and +22.9 points, with 95 % confidence."
)
_NO_DATA = (
    "Not enough data: 0 answered conversations in plain, 0 in warm; at least 30 in each are wanted."
)


def _metric(metric: Metric, count: int, *bounds: float | None) -> Example:
    value, low, high = bounds
    way = WAYS[metric]
    units = {"metric": metric, "unit": way.unit, "estimator": way.estimator}
    return {**units, "count": count, "value": value, "low": low, "high": high}


def _variant(variant: Example, positive: int, *bounds: float) -> Example:
    rest = [metric for metric in Metric if metric is not Metric.FEEDBACK]
    return {
        **variant,
        "conversations": 210,
        "generations": {**dict.fromkeys(Status, 0), Status.COMPLETE: 420},
        "rated": 200,
        "positive": positive,
        "metrics": [
            _metric(Metric.FEEDBACK, 200, *bounds),
            *(_metric(metric, 0, None, None, None) for metric in rest),
        ],
    }


def _difference(metric: Metric) -> Example:
    known = metric is Metric.FEEDBACK
    low, high = (0.068, 0.229) if known else (None, None)
    return {
        "metric": metric,
        "primary": known,
        "unit": WAYS[metric].unit,
        "enough": known,
        "difference": 0.15 if known else None,
        "low": low,
        "high": high,
        "outcome": "better" if known else "unknown",
        "verdict": _VERDICT if known else _NO_DATA,
    }


_RESULTS: Example = {
    "experiment": _EXPERIMENT,
    "primary": Metric.FEEDBACK,
    "confidence": 0.95,
    "enough": True,
    "verdict": _VERDICT,
    "notes": [NOTES["hints"]],
    "variants": [
        _variant(_VARIANTS[0], 140, 0.7, 0.633, 0.759),
        _variant(_VARIANTS[1], 170, 0.85, 0.794, 0.893),
    ],
    "comparisons": [
        {
            "variant": "warm",
            "against": "plain",
            "confidence": 0.95,
            "metrics": [_difference(metric) for metric in Metric],
        }
    ],
}

BY_SCHEMA: dict[str, Example] = {
    "Experiment": _EXPERIMENT,
    "ExperimentList": {"items": [_EXPERIMENT]},
    "ExperimentResults": _RESULTS,
    "Rendered": _RENDERED,
    "Template": {**_SUMMARY, **_SAID},
    "TemplateList": {"items": [_SUMMARY]},
}
