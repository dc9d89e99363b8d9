"""What every folder of tests may use."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import distributed
from tests.programs import program
from tests.service import Service

# A busy machine misses any deadline, and is slow to draw what costs nothing. A test that is run
# again has another instance of its class, and would fail for that alone.
settings.register_profile(
    "llmchat",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("llmchat")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("llmchat")
    group.addoption(
        "--chaos-rounds", type=int, default=4, help="how often a chaos test does its worst"
    )
    group.addoption(
        "--chaos-seed",
        type=int,
        default=random.randrange(1_000_000),
        help="what a chaos test draws its moments from; the head of every run names it",
    )
    group.addoption(
        "--distributed",
        action="store_true",
        help="let every service keep its data in Postgres and Redis",
    )
    group.addoption(
        "--schemathesis-examples",
        type=int,
        default=2,
        help="how many requests are made up for each operation",
    )
    group.addoption(
        "--thorough", action="store_true", help="also what resembles other tests and takes long"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: about what only an embedded service has")
    config.addinivalue_line("markers", "thorough: runs with --thorough")
    if config.getoption("distributed"):
        Service.engines = distributed.settings_of


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("distributed"):
        for item in items:
            distributed.skip_embedded_only(item)
    if not config.getoption("thorough"):
        thorough = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


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
