"""What a scenario found: rows of the table, each a figure held against its goal."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from bench.calls import CallError
from bench.process import ProcessError
from bench.reader import ReadError
from bench.tokens import TokenError

T = TypeVar("T")
FAULTS = (CallError, ReadError, ProcessError, TokenError, OSError, TimeoutError)
"""What makes a run a failed one, and not the bench a broken one."""

Notes = tuple[str, ...]


class Verdict(StrEnum):
    MET = "met"
    TOLERATED = "tolerated"
    MISSED = "missed"
    DISTURBED = "disturbed"
    """Measured, but under conditions that would make the judgement worth nothing."""
    FAILED = "failed"
    SHOWN = "shown"
    """Has no goal; it is there to be read."""


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `limit`; up to `must` it is tolerated."""

    limit: float
    must: float | None = None

    def judge(self, value: float) -> Verdict:
        if value <= self.limit:
            return Verdict.MET
        if self.must is not None and value <= self.must:
            return Verdict.TOLERATED
        return Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    scenario: str
    what: str
    value: float | None
    unit: str = "×"
    goal: Goal | None = None
    measured: str = ""
    """What the value was made of."""
    notes: Notes = ()
    warnings: Notes = ()
    error: str = ""

    @property
    def remarks(self) -> Notes:
        """All that is to be read below the line."""
        return (*self.notes, *self.warnings, *filter(None, (self.error,)))

    @property
    def verdict(self) -> Verdict:
        if self.error:
            return Verdict.FAILED
        if self.goal is None or self.value is None:
            return Verdict.SHOWN
        if self.warnings:
            return Verdict.DISTURBED
        return self.goal.judge(self.value)


@dataclass(slots=True)
class Trials(Generic[T]):
    """The rounds of one side; a single failed one makes the whole a failure."""

    side: str
    good: list[T] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def run(self, once: Callable[[], Awaitable[T]]) -> None:
        """One more round."""
        try:
            self.good.append(await once())
        except FAULTS as fault:
            self.errors.append(f"{self.side}: {type(fault).__name__} {fault}".strip())

    def median(self, figure: Callable[[T], float]) -> float:
        return statistics.median(map(figure, self.good))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario's rows, and the figures of every round behind them."""

    rows: list[Row] = field(default_factory=list)
    data: dict[str, object] = field(default_factory=dict)


def with_unit(value: float, unit: str) -> str:
    """A figure with three digits and its unit."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text}{unit}" if unit in ("×", "%") else f"{text} {unit}".strip()


def compared(
    scenario: str,
    what: str,
    goal: Goal | None,
    figures: tuple[float, float],
    unit: str,
    *,
    notes: Notes = (),
    warnings: Notes = (),
) -> Row:
    """A figure as a multiple of what it is held against."""
    ours, theirs = figures
    measured = f"{with_unit(ours, unit)} : {with_unit(theirs, unit)}"
    ratio = ours / theirs if theirs > 0 else None
    return Row(scenario, what, ratio, goal=goal, measured=measured, notes=notes, warnings=warnings)


def failure(
    scenario: str, what: str, goal: Goal | None, errors: Sequence[str], unit: str = "×"
) -> Row:
    """The row of something that could not be measured."""
    return Row(scenario, what, None, unit, goal, error="; ".join(dict.fromkeys(errors))[:400])
