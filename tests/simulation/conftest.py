"""How many worlds there are, and which."""

import pytest

_SEEDS = 250
_A_TEST_HAS = 100


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("llmchat")
    group.addoption("--seeds", type=int, default=_SEEDS, help="how many worlds to simulate")
    group.addoption("--first-seed", type=int, default=0, help="the first of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" in metafunc.fixturenames:
        # The options are unknown when pytest was not told this folder.
        first = metafunc.config.getoption("--first-seed", 0)
        end = first + metafunc.config.getoption("--seeds", _SEEDS)
        starts = range(first, end, _A_TEST_HAS)
        seeds = [range(start, min(start + _A_TEST_HAS, end)) for start in starts]
        ids = [f"{each.start}-{each.stop - 1}" for each in seeds]
        metafunc.parametrize("seeds", seeds, ids=ids)
