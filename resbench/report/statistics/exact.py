"""Tests that assume nothing but exchangeability: enumerated where that is feasible, drawn with a fixed seed elsewhere.

Ties need no special tables here: a rank test is the permutation test of the (mid)ranks.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy

if TYPE_CHECKING:
    from scipy import stats
else:
    stats = lazy("scipy.stats")


Values = npt.NDArray[np.float64]
ENUMERATED_SEEDS = 20  # 2^19 sums: milliseconds
ENUMERATED_SPLITS = 20_000
DRAWS = 9_999


def sign_flip(d: npt.ArrayLike) -> float:
    """Two-sided p of the paired permutation test: |sum| under all flips of the signs of d, `(seeds,)` (Fisher 1935).

    Exact up to 20 differences that are not 0. No p below `2 / 2**seeds` can come out.
    """
    x = np.asarray(d, dtype=np.float64)
    if len(x) == 0 or not np.isfinite(x).all():
        return math.nan
    x = x[x != 0]  # a flipped 0 changes no sum
    if len(x) == 0:
        return 1.0
    size = np.abs(x)
    limit = abs(float(x.sum())) - 1e-9 * float(size.sum())
    if len(x) > ENUMERATED_SEEDS:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(DRAWS, len(x)))
        return _drawn(np.abs(signs @ size) >= limit)
    sums = size[:1]  # the first sign stays: the other half mirrors this one
    for one in size[1:]:
        sums = np.concatenate([sums + one, sums - one])
    return float((np.abs(sums) >= limit).mean())


def signed_rank(d: npt.ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test on d, `(seeds,)`; zeros are left out, ties get their mean rank."""
    x = np.asarray(d, dtype=np.float64)
    if len(x) == 0 or not np.isfinite(x).all():
        return math.nan
    x = x[x != 0]
    return sign_flip(np.sign(x) * _ranks(np.abs(x))) if len(x) else 1.0


def two_sample(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Two-sided p of the permutation test of the difference of means of a and b, which share no seeds.

    Exact up to 20,000 ways to split the seeds (8 and 8). No p below the inverse of half their number can come out.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = np.concatenate([x, y])
    if not len(x) or not len(y) or not np.isfinite(both).all():
        return math.nan
    both = both - both.mean()
    observed = abs(float(both[: len(x)].sum()))
    limit = observed - 1e-9 * float(np.abs(both).sum())
    if math.comb(len(both), len(x)) > ENUMERATED_SPLITS:
        draws = np.random.default_rng(0).permuted(np.tile(both, (DRAWS, 1)), axis=1)
        return _drawn(np.abs(draws[:, : len(x)].sum(axis=1)) >= limit)
    chosen = np.array(list(itertools.combinations(range(len(both)), len(x))))
    return float((np.abs(both[chosen].sum(axis=1)) >= limit).mean())


def rank_sum(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Two-sided p of the Wilcoxon-Mann-Whitney test of a and b; ties get their mean rank."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = np.concatenate([x, y])
    if not len(both) or not np.isfinite(both).all():
        return math.nan
    ranks = _ranks(both)
    return two_sample(ranks[: len(x)], ranks[len(x) :])


def mcnemar(only_ours: int, only_theirs: int) -> tuple[float, float]:
    """Two-sided p of one pair of networks on the same images: exact, and mid-p (McNemar 1947; Fagerland et al. 2013).

    Args:
        only_ours, only_theirs: images that only the one or only the other network gets wrong.
    """
    n, k = only_ours + only_theirs, min(only_ours, only_theirs)
    if n == 0:
        return 1.0, 1.0
    below, at = float(stats.binom.cdf(k, n, 0.5)), float(stats.binom.pmf(k, n, 0.5))
    exact = min(1.0, 2 * below)
    return exact, 1 - at / 2 if 2 * k == n else 2 * below - at


def _ranks(x: Values) -> Values:
    """Ranks from 1; what differs in the last digits only, 0.3 - 0.2 and 0.2 - 0.1, is a tie."""
    largest = float(np.abs(x).max())
    return mean_ranks(np.round(x / largest, 12) if largest > 0 else x)


def mean_ranks(x: Values) -> Values:
    """Ranks from 1; those that are equal get the mean of theirs."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)


def _drawn(extreme: npt.NDArray[np.bool_]) -> float:
    """The observed assignment is one of the possible ones, so that p is never 0 (Phipson and Smyth 2010)."""
    return (int(extreme.sum()) + 1) / (len(extreme) + 1)
