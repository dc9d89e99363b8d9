"""The promises name the tests that hold them, and those are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_each_promise_names_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/promises.md").read_text().splitlines() if "| P" in line]
    assert len(rows) == 22
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            source = (ROOT / file).read_text()
            assert f"def {test}(" in source if test else "def test_" in source, f"{file}::{test}"
