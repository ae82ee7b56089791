"""Intervals on proportions and on means over seeds, and p values that agree with them: arrays in, numbers out.

An estimate whose noise has several sources has an interval of half-width `h` with `h(alpha)^2 = sum t_i^2 V_i`, where `V_i`
is what a source adds to the variance of the estimate and `t_i` Student's quantile at `1 - alpha / 2` with its degrees of
freedom (MOVER: Howe 1974; Graybill and Wang 1980; Zou and Donner 2008). It holds at every level, also far out in the
tails, where one t with Satterthwaite's degrees of freedom does not. p is the level at which the interval touches the null.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize, special = lazy("scipy.optimize"), lazy("scipy.special")


LEVEL = 0.95
_SMALLEST = 1e-250  # below it p is given by its upper bound
_EQUAL = 1e-9  # values whose range is smaller than this share of the largest differ by rounding alone


class Variance(NamedTuple):
    """What one source of noise adds to the variance of an estimate.

    Attributes:
        value: in the squared unit of the estimate.
        df: degrees of freedom with which it is known; infinite for images, of which there are many.
    """

    value: float
    df: float


class Interval(NamedTuple):
    """An estimate with its confidence limits, all in the unit of the data; NaN where the data do not allow one.

    Attributes:
        estimate: the mean or the proportion.
        low, high: confidence limits.
        se: standard error of the estimate.
        variances: by source, where the interval is symmetric; none of a binomial one.
    """

    estimate: float
    low: float
    high: float
    se: float
    variances: tuple[Variance, ...] = ()

    def half_width(self, alpha: float) -> float:
        """Of the interval at level `1 - alpha`; not for binomial ones."""
        return half_width(self.variances, alpha)

    def at_level(self, level: float) -> Interval:
        """The same estimate at another level; not for binomial ones."""
        return from_variances(self.estimate, self.variances, level) if self.variances else self

    def within(self, low: float, high: float) -> Interval:
        """With limits no further out than what is possible."""
        return self._replace(low=max(self.low, low), high=min(self.high, high))  # a NaN comes first, so it stays

    def p_two_sided(self, null: float = 0.0) -> float:
        """p of the true value being `null`; without any variance 1 for the estimate itself and 0 for all else.

        NaN for binomial intervals, which have tests of their own.
        """
        distance = abs(self.estimate - null)
        if math.isnan(self.se) or math.isnan(distance):
            return math.nan
        if self.se == 0:
            return float(distance == 0)
        if not self.variances:
            return math.nan
        return _p_of_distance(self.variances, distance)

    def p_above(self, null: float) -> float:
        """One-sided p of the true value being `null` or less: small where the estimate lies well above it."""
        p = self.p_two_sided(null)
        if self.se == 0:
            return float(self.estimate <= null)
        return p / 2 if self.estimate >= null else 1 - p / 2

    def p_below(self, null: float) -> float:
        """One-sided p of the true value being `null` or more: small where the estimate lies well below it."""
        p = self.p_two_sided(null)
        if self.se == 0:
            return float(self.estimate >= null)
        return p / 2 if self.estimate <= null else 1 - p / 2


def half_width(variances: Sequence[Variance], alpha: float) -> float:
    """`sqrt(sum t_i^2 V_i)` at level `1 - alpha`."""
    return math.hypot(*(_quantile(alpha, df) * math.sqrt(value) for value, df in variances if value > 0))


def _quantile(alpha: float, df: float) -> float:
    """Student's upper quantile at `alpha / 2`, taken from the lower tail, where small numbers keep their digits."""
    lower = special.ndtri(alpha / 2) if math.isinf(df) else special.stdtrit(df, alpha / 2)
    return -float(lower)


def _tails(distance: float, df: float) -> float:
    """Probability of both tails of Student's t beyond a distance in standard errors."""
    return 2 * float(special.ndtr(-distance) if math.isinf(df) else special.stdtr(df, -distance))


def _p_of_distance(variances: Sequence[Variance], distance: float) -> float:
    """The alpha with `half_width(alpha) = distance`.

    It is at least that of each source alone, and at most that of all the variance with the fewest degrees of freedom.
    """
    sources = [(math.sqrt(value), df) for value, df in variances if value > 0]
    least = max(_tails(distance / sd, df) for sd, df in sources)
    most = _tails(distance / math.hypot(*(sd for sd, _ in sources)), min(df for _, df in sources))
    if not _SMALLEST < least < most:
        return most

    def excess(log_alpha: float) -> float:
        return half_width(variances, math.exp(log_alpha)) - distance

    low, high = math.log(least), math.log(most)
    if excess(low) <= 0 or excess(high) >= 0:  # both bounds are p, but for rounding
        return most
    return math.exp(float(optimize.brentq(excess, low, high, xtol=1e-13)))


def unknown(estimate: float = math.nan) -> Interval:
    """An estimate without limits."""
    return Interval(float(estimate), math.nan, math.nan, math.nan)


def from_variances(estimate: float, variances: Sequence[Variance], level: float = LEVEL) -> Interval:
    """The symmetric interval of an estimate from what each source adds to its variance."""
    half, se = half_width(variances, 1 - level), math.sqrt(math.fsum(value for value, _ in variances))
    return Interval(float(estimate), float(estimate - half), float(estimate + half), se, tuple(variances))


def from_standard_error(estimate: float, se: float, df: float, level: float = LEVEL) -> Interval:
    """The symmetric Student t interval of an estimate."""
    return from_variances(estimate, (Variance(float(se) ** 2, float(df)),), level)


def t_interval(values: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of independent values with Student's interval.

    Args:
        values: `(seeds,)`; a NaN is a missing value and is left out, as `df` shows.
        level: confidence level.

    Returns:
        NaN limits for fewer than two values; NaN throughout if a value is infinite.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[~np.isnan(x)]
    if not np.isfinite(x).all():
        return unknown()
    if len(x) < 2:
        return unknown(x[0] if len(x) else math.nan)
    return from_standard_error(float(x.mean()), deviation(x) / math.sqrt(len(x)), len(x) - 1, level)


def deviation(x: npt.NDArray[np.float64]) -> float:
    """Standard deviation of at least two finite values `(seeds,)`; 0 where they are equal but for rounding."""
    return 0.0 if np.ptp(x) <= _EQUAL * np.abs(x).max() else float(x.std(ddof=1))


def wilson(k: float, n: int, level: float = LEVEL) -> Interval:
    """Proportion k of n with Wilson's score interval (Wilson 1927), for one run or for a share of failures."""
    if n < 1 or math.isnan(k):
        return unknown()
    p, z = k / n, float(special.ndtri(0.5 + level / 2))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max(0.0, centre - half) if k > 0 else 0.0, min(1.0, centre + half) if k < n else 1.0
    return Interval(p, low, high, math.sqrt(p * (1 - p) / n))


def clopper_pearson(k: float, n: int, level: float = LEVEL) -> Interval:
    """Proportion k of n with the exact interval (Clopper and Pearson 1934).

    A k with a half, from a tie that counts half, interpolates through the same beta quantiles.
    """
    if n < 1 or math.isnan(k):
        return unknown()
    tail = (1 - level) / 2
    low = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    p = k / n
    return Interval(p, low, high, math.sqrt(p * (1 - p) / n))
