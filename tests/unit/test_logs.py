"""The lines of the log as another program writes them: one for each event, whatever is in it."""

import json
import subprocess
import sys

import pytest

FORGED = "2026-11-21T08:00:00Z [info     ] FORGED"
PROGRAM = """
import logging, structlog, sys
from llmchat import logs
logs.configure("debug", sys.argv[1])
hostile = sys.argv[2]
log = structlog.get_logger("llmchat.x")
log.info("one", value=hostile, listed=[hostile], bare="\\x1b[2J", letters="äß漢🦊")
log.info("two %s" % hostile)
logging.getLogger("elsewhere").warning("three %s", hostile)
logging.getLogger("elsewhere").debug("a secret of a library")
def fail(canary):
    raise ValueError(hostile)
try:
    fail("canary-" + "variable")
except ValueError:
    log.exception("four")
"""


def written(format: str) -> list[str]:
    hostile = f"\x1b[2J\x9b31m\r\u2028\u202e\n{FORGED}"
    command = [sys.executable, "-c", PROGRAM, format, hostile]
    done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    assert "canary-variable" not in done.stderr
    assert "a secret of a library" not in done.stderr
    return done.stderr.removesuffix("\n").split("\n")


def test_a_line_of_json_is_an_event() -> None:
    lines = written("json")

    assert [json.loads(line)["event"][:4].strip() for line in lines] == [
        "one",
        "two",
        "thre",
        "four",
    ]
    assert all(line.isprintable() for line in lines)


def test_a_line_of_text_is_an_event_or_indented() -> None:
    lines = written("text")
    events = [line for line in lines if not line.startswith("    ")]

    assert [line.split("] ")[1].split()[0] for line in events] == ["one", "two", "three", "four"]
    assert all(line.isprintable() for line in lines), lines
    assert "äß漢🦊" in lines[0]
    assert any("ValueError" in line for line in lines[4:])


@pytest.mark.parametrize("format", ["json", "text"])
def test_what_was_sent_can_still_be_read(format: str) -> None:
    assert "[2J" in written(format)[0]
