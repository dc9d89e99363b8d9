"""The names and labels in PromQL: no parser of it, only what a misspelt one needs to be found."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

DEPLOY = Path(__file__).parents[1] / "deploy"
ALERTS = DEPLOY / "prometheus/alerts.yml"
DASHBOARD = DEPLOY / "grafana/llmchat.json"
_NAME = re.compile(r"\b(up|(?:llmchat|process|python)_\w+)\b")
_TEXT = re.compile(r'"[^"]*"')
_SELECTOR = re.compile(r"\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def names(expression: str) -> set[str]:
    """Of the series that it selects."""
    return set(_NAME.findall(_TEXT.sub("", expression)))


def labels(expression: str) -> set[str]:
    """By which it selects or groups."""
    bare = _TEXT.sub('""', expression)
    selectors = ",".join(_SELECTOR.findall(bare))
    found = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors)
    for group in _GROUPING.findall(bare):
        found += [label.strip() for label in group.split(",") if label.strip()]
    return set(found)


def rules() -> list[Mapping[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def of_alerts() -> dict[str, str]:
    """Their expressions, by name."""
    return {rule["alert"]: rule["expr"] for rule in rules()}


def of_dashboard() -> dict[str, str]:
    """The expressions of its panels and annotations, by where they stand."""
    found = dict(_expressions(json.loads(DASHBOARD.read_text()), "dashboard"))
    assert found
    return found


def _expressions(part: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "expr":
                yield where, value
            else:
                yield from _expressions(value, f"{where}.{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _expressions(value, f"{where}[{number}]")
