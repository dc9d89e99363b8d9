"""docs/clients.md: every example is run, and every field that is taken is listed."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from llmchat.web.openai.requests import ChatRequest
from tests.clients.dialects import Dialects
from tests.clients.environments import PINS, python_of

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
BLOCKS = BLOCK.findall(PAGE)
EXAMPLES = [
    (language, code, output if kind == "text" else "")
    for (language, code), (kind, output) in pairwise([*BLOCKS, ("", "")])
    if language in ("python", "sh")
]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_does_what_it_says(served: Dialects, number: int) -> None:
    language, code, output = EXAMPLES[number]
    code = code.replace(ADDRESS, served.open.base_url)
    python = python_of("newest")
    run = [str(python), "-c", code]
    if language == "sh":
        run = ["env", f"PATH={python.parent}:/usr/local/bin:/usr/bin:/bin", "sh", "-c", code]

    assert (await served.output(*run)).strip() == output.strip()


def test_every_field_that_is_taken_is_listed() -> None:
    rows = PAGE[PAGE.index("## What is supported") : PAGE.index("## What was run")]
    listed = set(re.findall(r"`(\w+)`", rows))

    assert set(ChatRequest.model_fields) <= listed


def test_the_versions_that_were_run_are_those_of_the_tests() -> None:
    shown = dict(re.findall(r"^\| ([a-z-]+) (\d+\.\d+(?:\.\d+)?) \|", PAGE, re.MULTILINE))
    pinned = {pin.partition("==")[2] for pins in PINS.values() for pin in pins}

    assert set(shown.values()) <= pinned
