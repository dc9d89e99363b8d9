"""Intervals around a rate, a mean or a median, and around the difference of two.

Every one of them stands on conversations, which are what an experiment assigns: ratings in one
conversation resemble each other, and counted one by one they would pretend to know more. A rate
counts all of them, with the size of the sample that tells as much (Kish 1965, "Survey Sampling";
Wilson's interval with it: Franco, Little, Louis and Slud 2019, J. Surv. Stat. Methodol. 7).
"""

import math
from dataclasses import dataclass

from llmchat.experiments.base import Moments, Shares, Sorted
from llmchat.experiments.distributions import coin_share, normal_quantile, t_quantile

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """None where too little is known: all of them without data, the bounds with one number."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


NOTHING = Estimate()


def rate(shares: Shares, confidence: float = CONFIDENCE) -> Estimate:
    """Wilson 1927, J. Am. Stat. Assoc. 22."""
    if not shares.total:
        return NOTHING
    value = shares.hits / shares.total
    return Estimate(value, *wilson(value, sample_size(shares), confidence))


def wilson(share: float, count: float, confidence: float) -> tuple[float, float]:
    z = normal_quantile((1 + confidence) / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    reach *= z / (1 + z * z / count)
    # At the ends exactly: rounding must not leave the bound beyond the value.
    low = 0.0 if share == 0 else max(0.0, centre - reach)
    return low, 1.0 if share == 1 else min(1.0, centre + reach)


def sample_size(shares: Shares) -> float:
    """How many independent answers would tell as much as these, which come in clusters."""
    share = shares.hits / shares.total
    # Of each cluster, what its hits differ from those that its size lets expect, squared.
    squares = shares.hit_squares - 2 * share * shares.products + share**2 * shares.total_squares
    if share in (0, 1) or squares <= 0:
        return float(shares.clusters)
    return min(float(shares.total), share * (1 - share) * shares.total**2 / squares)


def rate_difference(a: Shares, b: Shares, confidence: float = CONFIDENCE) -> Estimate:
    """`a` minus `b`. Newcombe 1998, Stat. Med. 17, method 10: from Wilson's bounds of both."""
    one, other = rate(a, confidence), rate(b, confidence)
    if None in (one.value, other.value):
        return NOTHING
    p, low_p, high_p = _known(one)
    q, low_q, high_q = _known(other)
    below = math.hypot(p - low_p, high_q - q)
    above = math.hypot(high_p - p, q - low_q)
    return Estimate(p - q, p - q - below, p - q + above)


def mean(moments: Moments, confidence: float = CONFIDENCE) -> Estimate:
    """Student 1908, Biometrika 6."""
    if not moments.count:
        return NOTHING
    if moments.count == 1:
        return Estimate(moments.mean)
    degrees = moments.count - 1
    reach = t_quantile((1 + confidence) / 2, degrees) * math.sqrt(_squared_error(moments))
    return Estimate(moments.mean, moments.mean - reach, moments.mean + reach)


def mean_difference(a: Moments, b: Moments, confidence: float = CONFIDENCE) -> Estimate:
    """`a` minus `b`, whatever their variances are. Welch 1947, Biometrika 34."""
    if not (a.count and b.count):
        return NOTHING
    difference = a.mean - b.mean
    if min(a.count, b.count) == 1:
        return Estimate(difference)
    one, other = _squared_error(a), _squared_error(b)
    if one + other == 0:
        return Estimate(difference, difference, difference)
    degrees = (one + other) ** 2 / (one**2 / (a.count - 1) + other**2 / (b.count - 1))
    reach = t_quantile((1 + confidence) / 2, degrees) * math.sqrt(one + other)
    return Estimate(difference, difference - reach, difference + reach)


def median(numbers: Sorted) -> Estimate:
    """Between two of the numbers, whatever their distribution is: Conover 1999, "Practical
    Nonparametric Statistics", 3.2. No bounds with fewer than six."""
    if not numbers.count:
        return NOTHING
    value = _middle(numbers)
    low = _low_rank(numbers.count)
    if low < 1:
        return Estimate(value)
    return Estimate(value, numbers.ranks[low], numbers.ranks[numbers.count - low + 1])


def median_difference(a: Sorted, b: Sorted, confidence: float = CONFIDENCE) -> Estimate:
    """`a` minus `b`, whatever their distributions are. Price and Bonett 2002, J. Stat. Comput.
    Simul. 72."""
    if not (a.count and b.count):
        return NOTHING
    difference = _middle(a) - _middle(b)
    if min(a.count, b.count) == 1:
        return Estimate(difference)
    reach = normal_quantile((1 + confidence) / 2) * math.hypot(_median_error(a), _median_error(b))
    return Estimate(difference, difference - reach, difference + reach)


def ranks_wanted(count: int) -> set[int]:
    """Those of `count` numbers that the median and its intervals are made of."""
    if not count:
        return set()
    low, far = max(1, _low_rank(count)), _far_rank(count)
    return {low, count - low + 1, far, count - far + 1, (count + 1) // 2, count // 2 + 1}


def _squared_error(moments: Moments) -> float:
    return moments.squares / (moments.count - 1) / moments.count


def _middle(numbers: Sorted) -> float:
    return (numbers.ranks[(numbers.count + 1) // 2] + numbers.ranks[numbers.count // 2 + 1]) / 2


def _low_rank(count: int) -> int:
    """The last rank below which the median lies with no more than half of what is left to chance;
    0 when there is none."""
    allowed = (1 - CONFIDENCE) / 2
    low, high = 0, count // 2
    while low < high:
        between = (low + high + 1) // 2
        if coin_share(between - 1, count) <= allowed:
            low = between
        else:
            high = between - 1
    return low


def _far_rank(count: int) -> int:
    return max(1, round((count + 1) / 2 - math.sqrt(count)))


def _median_error(numbers: Sorted) -> float:
    rank = _far_rank(numbers.count)
    width = numbers.ranks[numbers.count - rank + 1] - numbers.ranks[rank]
    return width / (2 * normal_quantile(1 - coin_share(rank - 1, numbers.count)))


def _known(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value, estimate.low, estimate.high
