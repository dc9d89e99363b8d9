"""The distributions that intervals need, without a package for it; tested against scipy."""

import math
from statistics import NormalDist

_TINY = 1e-300
_CLOSE = 1e-15
_MOST_STEPS = 100_000
_MANY = 100_000
_NORMAL = NormalDist()


def normal_quantile(p: float) -> float:
    """Below it lies this share of the standard normal distribution, 0 < p < 1."""
    return _NORMAL.inv_cdf(p)


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction: NIST's Digital
    Library of Mathematical Functions, 8.17.22."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast on the other side only.
        return 1 - beta_share(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """By Lentz's method, as Thompson and Barnett wrote it down (1986)."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d)
            c = _off_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _off_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY


def t_tail(t: float, df: float) -> float:
    """The share of Student's t distribution that lies above `t`, which is not negative."""
    return beta_share(df / (df + t * t), df / 2, 0.5) / 2


def t_quantile(p: float, df: float) -> float:
    """Below it lies the share `p` of Student's t distribution, 0.5 < p < 1, df at least 1."""
    z = normal_quantile(p)
    if df > _MANY:
        # Fisher and Cornish 1960, Technometrics 2: the rest is smaller than a float can tell.
        return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df * df)
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    # Never beyond what is looked for: from there, on a curve that bends down, each of Newton's
    # steps stays before it.
    t = z
    for _ in range(200):
        density = math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))
        step = (t_tail(t, df) - (1 - p)) / density
        t += step
        if abs(step) <= 1e-14 * t:
            break
    return t


def coin_share(k: int, n: int) -> float:
    """How likely it is that of `n` fair coins no more than `k` show heads."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else beta_share(0.5, n - k, k + 1)
