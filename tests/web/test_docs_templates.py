"""docs/templates.md: every example is run, in its order, and what is said of it is so."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmchat.experiments.base import LEAST_WANTED, MOST_EXPERIMENTS
from llmchat.experiments.results import Metric
from llmchat.templates.base import MOST_TEMPLATES, MOST_VERSIONS
from tests.web.conftest import serving

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("docs")) as url:
        yield url


def run(code: str) -> list[Any]:
    """What its commands answer, each in JSON."""
    done = subprocess.run(["sh", "-ec", code], check=True, capture_output=True, text=True)
    decoder, rest, answers = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    return answers


def test_its_examples_do_what_they_say(url: str) -> None:
    answers: list[Any] = []
    for language, code in BLOCK.findall(PAGE):
        if language == "sh":
            answers += run(code.replace(ADDRESS, url))
        else:
            assert answers[-1] == json.loads(code)

    assert not [answer for answer in answers if answer.get("type")], "a problem"
    made, changed, _, begun, drafted, started, results = answers
    assert (made["version"], changed["version"]) == (1, 2)
    given = {"name": "support", "version": 2, "experiment": None, "variant": None}
    assert begun["template"] == given
    assert json.dumps(given) in PAGE
    assert [drafted["status"], started["status"]] == ["draft", "running"]
    assert "at least 400 in each are wanted" in results["verdict"]


def test_its_metrics_and_bounds_are_those_of_the_code() -> None:
    assert re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)[-len(Metric) :] == list(Metric)
    bounds = f"{MOST_TEMPLATES} templates with {MOST_VERSIONS} versions each, {MOST_EXPERIMENTS}"
    assert bounds in PAGE
    assert f"(at least {LEAST_WANTED})" in PAGE
