"""deploy/: alerts that can be loaded, each with its section in docs/operations.md."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from llmchat.metrics.meters import Meters
from tests import promql

PAGE = Path(__file__).parents[2] / "docs/operations.md"


def test_each_alert_has_a_section_that_says_what_to_do() -> None:
    sections = re.findall(
        r"^### (Llmchat\w+)\n\n(.+?)(?=^#)", PAGE.read_text() + "\n#", re.M | re.S
    )
    assert [name for name, _ in sections] == list(promql.of_alerts())
    for name, text in sections:
        assert "**Do**" in text, name


def test_each_figure_of_ours_is_explained() -> None:
    meters = Meters(version="1", engines="embedded", models=())
    text, _ = asyncio.run(meters.registry.text(""))
    made = set(re.findall(rb"^# TYPE (llmchat_\w+) ", text, re.MULTILINE))
    named = {name.decode() for name in made if not name.endswith(b"_created")}

    assert named
    assert {name for name in named if f"`{name}`" not in PAGE.read_text()} == set()


def test_each_alert_is_whole() -> None:
    for rule in promql.rules():
        expression = rule["expr"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary"}
        assert expression.count("(") == expression.count(")")
        assert re.search(r"[<>=]", expression), rule["alert"]
        # What a summary names must be left by the sums of its expression.
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        kept = re.findall(r"sum by \(([^)]*)\)", expression)
        for group in kept:
            assert used <= {label.strip() for label in group.split(",")}, rule["alert"]


def test_the_scrape_finds_the_job_that_the_alerts_are_about() -> None:
    config = yaml.safe_load((promql.DEPLOY / "prometheus/prometheus.yml").read_text())
    jobs = {it["job_name"] for it in config["scrape_configs"]}
    named = {job for it in promql.of_alerts().values() for job in re.findall(r'job="(\w+)"', it)}

    assert named == jobs == {"llmchat"}
    assert config["rule_files"] == [promql.ALERTS.name]


def test_prometheus_takes_them() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not there, and too big to fetch")
    config = promql.DEPLOY / "prometheus/prometheus.yml"
    subprocess.run([promtool, "check", "config", config], check=True, capture_output=True)


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    panels = json.loads(promql.DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
