"""Who gets which variant: always the same one, and in proportion."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from llmchat.experiments.assigning import assigned
from llmchat.experiments.base import Variant

UNITS = [f"conv_{number}" for number in range(6000)]


def variants(*weights: int) -> list[Variant]:
    return [Variant(f"v{at}", "support", 1, weight) for at, weight in enumerate(weights)]


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (7, 2, 1), (1, 0, 1), (1000, 1)])
def test_the_shares_are_those_of_the_weights(weights: tuple[int, ...]) -> None:
    given = [assigned("polite", unit, variants(*weights)).name for unit in UNITS]
    counts = [given.count(f"v{at}") for at, weight in enumerate(weights) if weight]
    expected = [len(UNITS) * weight / sum(weights) for weight in weights if weight]

    assert sum(counts) == len(UNITS), "a weight of 0 got somebody"
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_it_is_the_same_in_every_process_and_version() -> None:
    given = [assigned("polite", unit, variants(1, 1, 1)).name for unit in UNITS[:12]]
    assert "".join(given).replace("v", "") == "212121202120"


def test_two_experiments_assign_independently() -> None:
    one, other = (
        [assigned(name, unit, variants(1, 1)).name for unit in UNITS] for name in ("a", "b")
    )
    pairs = list(zip(one, other, strict=True))
    table = [[pairs.count((x, y)) for y in ("v0", "v1")] for x in ("v0", "v1")]

    assert stats.chi2_contingency(table).pvalue > 0.001


@given(st.text(), st.text(), st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_there_is_always_one_that_has_a_weight(
    experiment: str, unit: str, weights: list[int]
) -> None:
    experiment, unit = (text.encode("utf-8", "replace").decode() for text in (experiment, unit))
    if any(weights):
        chosen = assigned(experiment, unit, variants(*weights))
        assert chosen.weight > 0
        assert chosen == assigned(experiment, unit, variants(*weights))
    else:
        with pytest.raises(ValueError, match="weight"):
            assigned(experiment, unit, variants(*weights))


def test_more_weight_moves_nobody_away_from_what_gets_it() -> None:
    before = {unit: assigned("polite", unit, variants(1, 1)).name for unit in UNITS}
    after = {unit: assigned("polite", unit, variants(1, 3)).name for unit in UNITS}
    moved = {(before[unit], after[unit]) for unit in UNITS if before[unit] != after[unit]}

    assert moved == {("v0", "v1")}
    assert all(a in ("v0", "v1") for a in itertools.chain(before.values(), after.values()))
