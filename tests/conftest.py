"""What every folder of tests may use."""

import random
from pathlib import Path

import pytest

from tests import system


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("llmchat")
    group.addoption(
        "--chaos-rounds", type=int, default=20, help="how often a chaos test does its worst"
    )
    group.addoption(
        "--chaos-seed",
        type=int,
        default=random.randrange(1_000_000),
        help="what a chaos test draws its moments from; the head of every run names it",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos seed: {config.getoption('chaos_seed')}"


@pytest.fixture(scope="session")
def chaos_rounds(pytestconfig: pytest.Config) -> int:
    rounds: int = pytestconfig.getoption("chaos_rounds")
    return rounds


@pytest.fixture
def chaos(pytestconfig: pytest.Config) -> random.Random:
    """The source of every random choice in a chaos test, the same again for the same seed."""
    return random.Random(pytestconfig.getoption("chaos_seed"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's Chromium, or whichever there is."""
    return program("chromium")


def program(name: str) -> Path:
    """Find a program that a test drives, or skip the test; where all have to run, fail it."""
    wanted = system.PROGRAMS[name]
    if path := wanted.find():
        return path
    if system.none_may_be_missing():
        pytest.fail(wanted.how_to_get, pytrace=False)
    pytest.skip(wanted.how_to_get)
