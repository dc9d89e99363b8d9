"""Whatever happens to a service of a few processes, its promises hold: in hundreds of worlds."""

import pytest

from tests.simulation.connections import SimulatedTokenLog
from tests.simulation.durable import DurableProvider
from tests.simulation.planted import (
    ChecksThenAppends,
    FencesNobody,
    ForgetsWhereItWas,
    LooksBeforeItSubscribes,
    ReadsOneTokenAgain,
    ShowsBeforeItStores,
)
from tests.simulation.process import MakeLog
from tests.simulation.redis import SimulatedRedis
from tests.simulation.simulate import broken_in

_SEEDS_TO_FIND_IT = 1000


def test_all_promises_hold_in_all_worlds(seeds: range) -> None:
    for seed in seeds:
        if (report := broken_in(seed)) is not None:
            pytest.fail(report, pytrace=False)


@pytest.mark.parametrize(
    "make_log", [ShowsBeforeItStores, LooksBeforeItSubscribes, ChecksThenAppends]
)
def test_a_bug_in_the_log_is_found(make_log: MakeLog) -> None:
    assert finds(make_log=make_log) is not None


@pytest.mark.thorough
def test_a_take_over_that_fences_nobody_is_found() -> None:
    assert finds(make_redis=FencesNobody) is not None


@pytest.mark.parametrize("make_durable", [ReadsOneTokenAgain, ForgetsWhereItWas])
def test_a_mark_that_is_wrong_is_found(make_durable: type[DurableProvider]) -> None:
    assert finds(make_durable=make_durable) is not None


def test_a_seed_says_everything() -> None:
    seed = finds(make_log=ShowsBeforeItStores)
    assert seed is not None
    one, other = (broken_in(seed, make_log=ShowsBeforeItStores) for _ in range(2))
    assert one == other


def finds(
    *,
    make_redis: type[SimulatedRedis] = SimulatedRedis,
    make_log: MakeLog = SimulatedTokenLog,
    make_durable: type[DurableProvider] = DurableProvider,
) -> int | None:
    """The first seed in whose world it shows."""
    for seed in range(_SEEDS_TO_FIND_IT):
        if broken_in(seed, make_redis=make_redis, make_log=make_log, make_durable=make_durable):
            return seed
    return None
