"""The pieces of a comparison of two arms: classical intervals, p values and effect sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy
from resbench.report.statistics import exact
from resbench.report.statistics.interval import (
    LEVEL,
    Interval,
    clopper_pearson,
    deviation,
    from_standard_error,
    t_interval,
    unknown,
)

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize, special = lazy("scipy.optimize"), lazy("scipy.special")


Values = npt.NDArray[np.float64]


class SeedEffects(NamedTuple):
    """What the seeds say, whatever is known of the images; each is explained at `Contrast`."""

    p_sign_flip: float
    p_wilcoxon: float
    improvement: Interval
    ties: int
    rho: float
    d_z: float
    sd: float


def p_equivalence(interval: Interval, margin: float) -> float:
    """p of two one-sided tests that the estimate lies outside +-margin (Schuirmann 1987)."""
    if math.isnan(margin):
        return math.nan
    return max(interval.p_above(-margin), interval.p_below(margin))


def p_beyond(interval: Interval, margin: float) -> float:
    """p of a difference no larger than the margin, either way.

    Both tails count, so that its size is the level at every margin, down to a margin of 0, where it is the p of no
    difference (Lehmann and Romano 2005, section 3.7, with the two bounds in place of the exact constants).
    """
    distance = abs(interval.estimate)
    beyond = interval._replace(estimate=distance)
    return min(1.0, beyond.p_above(margin) + beyond.p_above(-margin))


def one_pair(only_ours: int, only_theirs: int, images: int, level: float = LEVEL) -> Interval:
    """Difference of two networks on new images, from how many of the same images only one of them misses.

    The interval of the score test (Tango 1998, Statistics in Medicine 17, 891-908). It does not take the number of
    images that one network alone misses as given, as the exact test does, so it may differ from McNemar's exact p near
    the level; it excludes 0 where McNemar's p without correction says so, and only there.
    """
    estimate = (only_ours - only_theirs) / images
    limit = float(special.ndtri((1 + level) / 2))

    def excess(difference: float) -> float:
        return abs(_score(only_ours, only_theirs, images, difference)) - limit

    low = optimize.brentq(excess, -1, estimate, xtol=1e-12) if estimate > -1 else -1.0
    high = optimize.brentq(excess, estimate, 1, xtol=1e-12) if estimate < 1 else 1.0
    se = math.sqrt(max(only_ours + only_theirs - images * estimate**2, 0.0)) / images
    return Interval(estimate, float(low), float(high), se)


def _score(only_ours: int, only_theirs: int, images: int, difference: float) -> float:
    """The distance from a true difference in standard errors, which are those under that difference."""
    b, c, n = only_ours, only_theirs, images
    middle = (2 * n - b + c) * difference - b - c
    share = (math.sqrt(max(middle**2 + 8 * n * c * difference * (1 - difference), 0.0)) - middle) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    distance = b - c - n * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def welch(a: Values, b: Values, level: float = LEVEL) -> Interval:
    """Difference of the means of independent samples with unequal variances (Welch 1947); without NaN."""
    first, second = t_interval(a, level), t_interval(b, level)
    estimate = first.estimate - second.estimate if math.isfinite(first.estimate + second.estimate) else math.nan
    if math.isnan(first.se) or math.isnan(second.se):
        return unknown(estimate)
    variance = first.se**2 + second.se**2
    spread = first.se**4 / (len(a) - 1) + second.se**4 / (len(b) - 1)
    df = variance**2 / spread if spread > 0 else min(len(a), len(b)) - 1
    return from_standard_error(estimate, math.sqrt(variance), df, level)


def correlation(a: Values, b: Values) -> float:
    """Pearson's, over shared seeds `(seeds,)`; NaN below three seeds or if an arm never varies."""
    if len(a) < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()) or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def hedges(df: int) -> float:
    """Factor that takes the upward bias off a standardised mean difference (Hedges 1981, exact form)."""
    if df < 2:
        return math.nan
    return math.exp(float(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))) / math.sqrt(df / 2)


def over_shared_seeds(a: Values, b: Values, d: Values, better: int, level: float) -> SeedEffects:
    """Effects of arms that share their seeds.

    Args:
        a, b, d: the arms and their difference, `(seeds,)`.
        better: the sign of a difference that is an improvement.
        level: confidence level.
    """
    wins = float((better * d > 0).sum() + (d == 0).sum() / 2) if not np.isnan(d).any() else math.nan
    sd = deviation(d) if len(d) > 1 and np.isfinite(d).all() else math.nan
    return SeedEffects(
        p_sign_flip=exact.sign_flip(d),
        p_wilcoxon=exact.signed_rank(d),
        improvement=clopper_pearson(wins, len(d), level),
        ties=int((d == 0).sum()),
        rho=correlation(a, b),
        d_z=float(d.mean()) / sd * hedges(len(d) - 1) if sd > 0 else math.nan,
        sd=sd,
    )


def over_separate_seeds(a: Values, b: Values, better: int) -> SeedEffects:
    """Effects of arms with seeds of their own, a `(seeds of a,)` and b `(seeds of b,)`."""
    df, d = len(a) + len(b) - 2, math.nan
    if min(len(a), len(b)) > 1 and np.isfinite(a).all() and np.isfinite(b).all():
        pooled = math.sqrt((((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / df)
        d = float(a.mean() - b.mean()) / pooled * hedges(df) if pooled > 0 else math.nan
    signs = np.sign(np.subtract.outer(a, b)) * better if np.isfinite(a).all() and np.isfinite(b).all() else np.empty(0)
    return SeedEffects(
        p_sign_flip=exact.two_sample(a, b),
        p_wilcoxon=exact.rank_sum(a, b),
        improvement=unknown(float((signs + 1).mean() / 2) if signs.size else math.nan),
        ties=int((signs == 0).sum()),
        rho=math.nan,
        d_z=d,
        sd=math.nan,
    )
