"""A run as a picture: what a token costs, every figure against its goal, memory over the soak."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report import Report
from bench.results import Row, Verdict

INCHES = (10, 9)
COLOURS = {Verdict.MET: "#2a9d5c", Verdict.TOLERATED: "#e0a100", Verdict.MISSED: "#c8442f"}
NEUTRAL = "#4a6fa5"
Figures = list[dict[str, float]]


def draw(report: Report, path: Path) -> None:
    """Writes the picture as SVG, the same bytes for the same figures."""
    with mpl.rc_context({"svg.hashsalt": "bench", "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=INCHES, layout="constrained")
        panels = figure.subplot_mosaic([["goals", "goals"], ["cost", "soak"]], height_ratios=[2, 1])
        _goals(panels["goals"], [row for row in report.rows if row.goal and row.value is not None])
        _cost(panels["cost"], report)
        _soak(panels["soak"], report)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _goals(axes: Axes, rows: list[Row]) -> None:
    """Each figure as a share of its limit, so that one line is the goal of all."""
    shares = [(row.value or 0) / row.goal.limit if row.goal else 0 for row in rows]
    places = range(len(rows))
    axes.barh(places, shares, color=[COLOURS.get(row.verdict, NEUTRAL) for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(places, [f"{row.scenario}  {row.what}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("share of the limit: left of the line, the goal is met")
    axes.set_xlim(left=0)


def _cost(axes: Axes, report: Report) -> None:
    """µs per token of every side, all rounds as dots."""
    data = report.outcomes["S1"].data if "S1" in report.outcomes else {}
    for at, (side, windows) in enumerate(data.items()):
        costs = [window["cpu_us_per_token"] for window in cast(Figures, windows)]
        axes.bar(at, sorted(costs)[len(costs) // 2] if costs else 0, color=NEUTRAL, alpha=0.6)
        axes.plot([at] * len(costs), costs, "o", color="black", markersize=3)
        axes.text(at, 0, side, ha="center", va="bottom")
    axes.set_xticks([])
    axes.set_title("CPU µs per token, 100 generations")


def _soak(axes: Axes, report: Report) -> None:
    data = report.outcomes["S7"].data if "S7" in report.outcomes else {}
    series = cast(Figures, data.get("soak", []))
    axes.plot([at["seconds"] for at in series], [at["rss_mib"] for at in series], color=NEUTRAL)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds")
    axes.set_title("RSS over the soak, MiB")
