"""The programs that tests drive."""

from pathlib import Path

import pytest

from tests import system


def program(name: str) -> Path:
    """Find a program that a test drives, or skip the test; where all have to run, fail it."""
    wanted = system.PROGRAMS[name]
    if path := wanted.find():
        return path
    if system.none_may_be_missing():
        pytest.fail(wanted.how_to_get, pytrace=False)
    pytest.skip(wanted.how_to_get)
