"""A run as a table on the terminal, as JSON, and as the table in docs/performance.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.results import Outcome, Row, Verdict, with_unit

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"
HEADER = ("", "what", "value", "goal", "", "ours : theirs")
VERDICT = 4
COLOURS = {
    Verdict.MET: 32,
    Verdict.TOLERATED: 33,
    Verdict.MISSED: 31,
    Verdict.FAILED: 31,
    Verdict.DISTURBED: 35,
}


@dataclass(slots=True)
class Report:
    """Everything that a run found."""

    machine: dict[str, object]
    mode: str
    rounds: int
    seconds: float = 0.0
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        return [row for outcome in self.outcomes.values() for row in outcome.rows]

    @property
    def failed(self) -> bool:
        return any(row.verdict is Verdict.FAILED for row in self.rows)


def _cells(row: Row) -> tuple[str, ...]:
    value = "" if row.value is None else with_unit(row.value, row.unit)
    goal = f"≤ {with_unit(row.goal.limit, row.unit)}" if row.goal else ""
    if row.goal and row.goal.must:
        goal += f" (must {with_unit(row.goal.must, row.unit)})"
    verdict = "" if row.verdict is Verdict.SHOWN else str(row.verdict)
    return row.scenario, row.what, value, goal, verdict, row.measured


def terminal(rows: Sequence[Row]) -> str:
    """The table in aligned columns, coloured where the terminal can."""
    lines = [HEADER, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(HEADER, widths, strict=True))]
    text.append("  ".join("─" * width for width in widths))
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(_cells(row), widths, strict=True)]
        if sys.stdout.isatty() and row.verdict in COLOURS:
            cells[VERDICT] = f"\033[{COLOURS[row.verdict]}m{cells[VERDICT]}\033[0m"
        text.append("  ".join(cells).rstrip())
        text.extend(f"    {note}" for note in row.remarks)
    return "\n".join(text)


def markdown(report: Report) -> str:
    """The table and the machine, as they stand in docs/performance.md."""
    machine = report.machine
    text = [
        "| " + " | ".join(HEADER) + " |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in report.rows:
        cells = list(_cells(row))
        cells[-1] += "".join(f"<br>{note}" for note in row.remarks)
        text.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    text += [
        "",
        f"A {report.mode} run of {report.seconds:.0f} s at commit {machine['commit']},",
        f"{machine['date']}, on {machine['cpu']}, {machine['cores']} cores,",
        f"{machine['system']}, Python {machine['python']}, Node {machine['node'] or 'absent'}.",
    ]
    return "\n".join(text)


def as_json(report: Report) -> str:
    """All figures, of all rounds."""
    rows = [
        {
            "scenario": row.scenario,
            "what": row.what,
            "measured": row.measured,
            "value": row.value,
            "limit": row.goal.limit if row.goal else None,
            "must": row.goal.must if row.goal else None,
            "unit": row.unit,
            "verdict": row.verdict,
            "notes": row.notes,
            "warnings": row.warnings,
            "error": row.error,
        }
        for row in report.rows
    ]
    value = {
        "machine": report.machine,
        "mode": report.mode,
        "rounds": report.rounds,
        "seconds": round(report.seconds, 1),
        "rows": rows,
        "data": {name: outcome.data for name, outcome in report.outcomes.items()},
    }
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write(report: Report, directory: Path) -> None:
    """Writes the JSON, and the table into performance.md: in its place there, or at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "performance.json").write_text(as_json(report))
    page = directory / "performance.md"
    before = page.read_text() if page.exists() else "# Performance\n"
    if BEGIN not in before or END not in before:
        before += f"\n{BEGIN}\n{END}\n"
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    _replace(page, f"{head}{BEGIN}\n{markdown(report)}\n{END}{tail}")


def _replace(page: Path, text: str) -> None:
    """In one step, so that an interrupted run leaves the old page."""
    new = page.with_suffix(".new")
    new.write_text(text)
    new.replace(page)
