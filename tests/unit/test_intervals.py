"""The statistics: exactly scipy's where scipy has the method, and held to what an interval says."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from llmchat.experiments import intervals
from llmchat.experiments.base import Moments, Shares, Sorted
from llmchat.experiments.distributions import beta_share, coin_share, normal_quantile, t_quantile
from llmchat.experiments.intervals import Estimate

ROUNDS = 1000
# Of a share of 0.95 over so many rounds: five standard errors.
SLACK = 5 * (0.95 * 0.05 / ROUNDS) ** 0.5
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]


def independent(hits: int, total: int) -> Shares:
    """One answer in each conversation."""
    return Shares(total, total, hits, total, hits, hits)


def clustered(totals: Numbers, hits: Numbers) -> Shares:
    sums = (totals, hits, totals**2, hits**2, totals * hits)
    return Shares(len(totals), *(int(numbers.sum()) for numbers in sums))


def moments(numbers: Numbers) -> Moments:
    mean = float(numbers.mean())
    return Moments(len(numbers), mean, float(((numbers - mean) ** 2).sum()))


def in_order(numbers: Numbers) -> Sorted:
    ascending = np.sort(numbers)
    ranks = intervals.ranks_wanted(len(numbers))
    return Sorted(len(numbers), {rank: float(ascending[rank - 1]) for rank in ranks})


def bounds(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


class TestAgainstScipy:
    @pytest.mark.parametrize("df", [1, 1.5, 2, 4.7, 29, 312.3, 99_999, 100_001, 1e7])
    @pytest.mark.parametrize("p", [0.6, 0.975, 0.99642857, 0.99999])
    def test_t_quantiles(self, p: float, df: float) -> None:
        assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9)

    @pytest.mark.parametrize("p", [1e-9, 0.025, 0.5, 0.975, 0.9999])
    def test_normal_quantiles(self, p: float) -> None:
        assert normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 1), (3, 70), (5000, 2), (1e5, 1e5)])
    @pytest.mark.parametrize("x", [0.0, 1e-6, 0.2, 0.5, 0.9, 1.0])
    def test_beta_shares(self, a: float, b: float, x: float) -> None:
        assert beta_share(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-8, abs=1e-12)

    @pytest.mark.parametrize("n", [1, 2, 31, 1000, 1_000_000])
    def test_coins(self, n: int) -> None:
        for k in (-1, 0, n // 3, n // 2, n - 1, n, n + 1):
            assert coin_share(k, n) == pytest.approx(stats.binom.cdf(k, n, 0.5), abs=1e-9)

    @pytest.mark.parametrize(("hits", "total"), [(0, 1), (1, 1), (0, 40), (7, 40), (40, 40)])
    @pytest.mark.parametrize("confidence", [0.95, 0.9916])
    def test_wilson(self, hits: int, total: int, confidence: float) -> None:
        wanted = stats.binomtest(hits, total).proportion_ci(confidence, method="wilson")
        found = intervals.rate(independent(hits, total), confidence)
        assert bounds(found) == pytest.approx(tuple(wanted), abs=1e-12)
        assert found.value == hits / total

    @pytest.mark.parametrize("count", [2, 3, 31, 500])
    def test_means_and_their_differences(self, count: int) -> None:
        chance = np.random.default_rng(count)
        a, b = chance.lognormal(size=count), chance.lognormal(1, 2, size=count + 7)
        wanted = stats.ttest_1samp(a, 0).confidence_interval(0.95)
        assert bounds(intervals.mean(moments(a))) == pytest.approx(tuple(wanted), rel=1e-9)
        wanted = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.975)
        found = intervals.mean_difference(moments(a), moments(b), 0.975)
        assert bounds(found) == pytest.approx(tuple(wanted), rel=1e-9)

    @pytest.mark.parametrize("count", [6, 7, 8, 9, 17, 30, 101, 1000, 20_001])
    def test_medians(self, count: int) -> None:
        numbers = np.random.default_rng(count).exponential(size=count)
        wanted = stats.quantile_test(numbers, q=0, p=0.5).confidence_interval(0.95)
        found = intervals.median(in_order(numbers))
        assert found.value == pytest.approx(np.median(numbers))
        assert bounds(found) == (wanted.low, wanted.high)


class TestKnownValues:
    def test_newcombe_as_he_printed_them(self) -> None:
        """Newcombe 1998, table II, method 10."""
        cases = {
            (56, 70, 48, 80): (0.0524, 0.3339),
            (9, 10, 3, 10): (0.1705, 0.8090),
            (10, 10, 0, 20): (0.6791, 1.0),
            (6, 7, 2, 7): (0.0582, 0.8062),
            (5, 56, 0, 29): (-0.0381, 0.1926),
        }
        for (x, m, y, n), wanted in cases.items():
            found = intervals.rate_difference(independent(x, m), independent(y, n))
            assert bounds(found) == pytest.approx(wanted, abs=5e-5)

    def test_one_answer_a_conversation_counts_whole_and_copies_count_nothing(self) -> None:
        hits = np.array([1.0] * 12 + [0.0] * 8)
        once = clustered(np.ones(20), hits)
        five_times = clustered(np.full(20, 5.0), 5 * hits)

        assert intervals.sample_size(once) == pytest.approx(20)
        assert intervals.sample_size(five_times) == pytest.approx(20)
        assert bounds(intervals.rate(five_times)) == pytest.approx(bounds(intervals.rate(once)))

    def test_too_little_has_no_bounds(self) -> None:
        one = Sorted(1, {1: 2.0})
        assert intervals.rate(Shares()) == intervals.mean(Moments()) == Estimate()
        assert intervals.median(Sorted(0, {})) == Estimate()
        assert intervals.mean(Moments(1, 2.0)) == intervals.median(one) == Estimate(2.0)
        assert intervals.mean_difference(Moments(1, 2.0), Moments(9, 1.0, 5.0)) == Estimate(1.0)
        assert intervals.median_difference(one, Sorted(1, {1: 0.5})) == Estimate(1.5)
        assert intervals.rate_difference(Shares(), independent(1, 2)) == Estimate()

    def test_what_never_differs_is_known_exactly(self) -> None:
        same = Moments(40, 3.0, 0.0)
        assert intervals.mean_difference(same, same) == Estimate(0.0, 0.0, 0.0)

    @pytest.mark.parametrize("count", range(1, 60))
    def test_the_ranks_are_those_that_are_there(self, count: int) -> None:
        assert all(1 <= rank <= count for rank in intervals.ranks_wanted(count))


def share_that_holds(
    draw: Callable[[np.random.Generator], Estimate], truth: float, seed: int
) -> float:
    """Of many experiments with a known truth, those whose interval has it."""
    chance = np.random.default_rng(seed)
    held = 0
    for _ in range(ROUNDS):
        low, high = bounds(draw(chance))
        held += low <= truth <= high
    return held / ROUNDS


def ratings(chance: np.random.Generator, count: int, mean: float, likeness: float) -> Shares:
    """Of conversations with one to six ratings, which resemble each other."""
    totals = chance.integers(1, 7, count)
    spread = (1 - likeness) / likeness
    shares = chance.beta(mean * spread, (1 - mean) * spread, count)
    return clustered(totals.astype(float), chance.binomial(totals, shares).astype(float))


class TestSimulated:
    """Coverage of at least what is said, within the error of the simulation; a rate and a median
    are allowed to hold a little less or more, for there are only so many whole numbers."""

    @pytest.mark.parametrize(("count", "share"), [(30, 0.5), (30, 0.9), (200, 0.03), (500, 0.7)])
    def test_a_rate(self, count: int, share: float) -> None:
        held = share_that_holds(
            lambda chance: intervals.rate(independent(chance.binomial(count, share), count)),
            share,
            seed=1,
        )
        assert held > 0.935 - SLACK

    @pytest.mark.parametrize("likeness", [0.05, 0.3, 0.7])
    @pytest.mark.parametrize("count", [40, 300])
    def test_a_rate_of_ratings_that_resemble_each_other(self, count: int, likeness: float) -> None:
        held = share_that_holds(
            lambda chance: intervals.rate(ratings(chance, count, 0.75, likeness)), 0.75, seed=2
        )
        assert 0.935 - SLACK < held < 0.95 + 2 * SLACK

    def test_counting_each_rating_would_not_hold(self) -> None:
        """What the size of the sample is for."""

        def naive(chance: np.random.Generator) -> Estimate:
            shares = ratings(chance, 300, 0.75, 0.7)
            return intervals.rate(independent(shares.hits, shares.total))

        assert share_that_holds(naive, 0.75, seed=3) < 0.85

    @pytest.mark.parametrize("counts", [(30, 30), (40, 160), (400, 400)])
    def test_a_difference_of_rates(self, counts: tuple[int, int]) -> None:
        m, n = counts
        held = share_that_holds(
            lambda chance: intervals.rate_difference(
                ratings(chance, m, 0.8, 0.2), ratings(chance, n, 0.7, 0.2)
            ),
            0.1,
            seed=4,
        )
        assert 0.935 - SLACK < held < 0.95 + 2 * SLACK

    def test_a_difference_of_means_with_unlike_variances(self) -> None:
        held = share_that_holds(
            lambda chance: intervals.mean_difference(
                moments(chance.normal(200, 90, 30)), moments(chance.normal(180, 20, 120))
            ),
            20,
            seed=5,
        )
        assert abs(held - 0.95) < SLACK

    @pytest.mark.parametrize("counts", [(30, 30), (60, 200), (501, 500)])
    def test_a_difference_of_medians_of_skewed_numbers(self, counts: tuple[int, int]) -> None:
        m, n = counts
        held = share_that_holds(
            lambda chance: intervals.median_difference(
                in_order(chance.lognormal(0, 1, m)), in_order(2 * chance.lognormal(0, 0.5, n))
            ),
            -1,
            seed=6,
        )
        assert 0.935 - SLACK < held < 0.98

    def test_twins_differ_in_one_experiment_of_twenty(self) -> None:
        """An A/A test: 1 - its coverage is the rate of false alarms."""
        for draw, seed in (
            (
                lambda chance: intervals.rate_difference(
                    ratings(chance, 100, 0.7, 0.3), ratings(chance, 100, 0.7, 0.3)
                ),
                7,
            ),
            (
                lambda chance: intervals.mean_difference(
                    moments(chance.lognormal(5, 0.5, 100)), moments(chance.lognormal(5, 0.5, 100))
                ),
                8,
            ),
        ):
            alarms = 1 - share_that_holds(draw, 0, seed)
            assert abs(alarms - 0.05) < SLACK
