"""What is kept as JSON in a column, or in several columns, and back."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from llmchat.domain import Given, Image, Part, Timing
from llmchat.events import ToolCall, Usage
from llmchat.origin import Origin
from llmchat.problem import Problem


def usage_of(members: dict[str, Any] | None) -> Usage | None:
    return None if members is None else Usage(**members)


def problem_of(members: dict[str, Any] | None) -> Problem | None:
    return None if members is None else Problem.from_json(members)


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else asdict(usage)


def problem_json(problem: Problem | None) -> dict[str, Any] | None:
    return None if problem is None else problem.as_json()


def timing_json(timing: Timing | None) -> dict[str, Any] | None:
    return None if timing is None else asdict(timing)


def timing_of(members: dict[str, Any] | None) -> Timing | None:
    return None if members is None else Timing(**members)


def origin_json(origin: Origin) -> dict[str, Any] | None:
    members = {name: value for name, value in asdict(origin).items() if value is not None}
    return members or None


def origin_of(members: dict[str, Any] | None) -> Origin:
    return Origin(**(members or {}))


def parts_json(parts: Sequence[Part]) -> list[Any] | None:
    """Texts as they are, images as objects; None when there are none."""
    return [part if isinstance(part, str) else asdict(part) for part in parts] or None


def parts_of(parts: Sequence[Any]) -> Sequence[Part]:
    return tuple(part if isinstance(part, str) else Image(**part) for part in parts)


def tool_calls_json(calls: Sequence[ToolCall]) -> list[Any] | None:
    return [
        {"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls
    ] or None


def tool_calls_of(calls: Sequence[Any]) -> Sequence[ToolCall]:
    return tuple(ToolCall(index, **call) for index, call in enumerate(calls))


def given_of(
    name: str | None, version: int | None, experiment: str | None, variant: str | None
) -> Given | None:
    return None if name is None else Given(name, version or 1, experiment, variant)


def given_columns(given: Given | None) -> dict[str, Any]:
    return {
        "template": given and given.name,
        "template_version": given and given.version,
        "experiment": given and given.experiment,
        "variant": given and given.variant,
    }
