"""One test for a whole specification curve: is the median of all differences other than nothing?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_ENUMERATED_SEEDS = 11  # 1,024 medians
_DRAWS = 999


class MedianEffect(NamedTuple):
    """The median of the differences of all comparisons.

    Attributes:
        median: in the unit of the differences.
        p: two-sided, under flips of whole seeds; NaN below two seeds.
        seeds: that all comparisons share.
    """

    median: float
    p: float
    seeds: int


def median_effect(d: npt.NDArray[np.float64]) -> MedianEffect:
    """Median over comparisons of their mean difference, and p of no effect in any of them.

    If the arms do not differ in any comparison, they could be swapped in each seed. All differences of a seed are flipped
    together, so that what comparisons share, such as data, order and initialisation, stays as it is (Simonsohn, Simmons and
    Nelson 2020, with Fisher's sign flips of the seeds). No p below `2 / 2**seeds` can come out.

    Args:
        d: differences of the arms, `(comparisons, seeds)`, columns of the same seeds.
    """
    seeds = d.shape[1]
    if not d.size:
        return MedianEffect(math.nan, math.nan, seeds)
    observed = float(np.median(d.mean(axis=1)))
    if seeds < 2:
        return MedianEffect(observed, math.nan, seeds)
    flipped = np.abs(np.median(_signs(seeds) @ d.T / seeds, axis=1))
    extreme = flipped >= abs(observed) - 1e-9 * float(np.abs(d).max())
    if seeds <= _ENUMERATED_SEEDS:
        return MedianEffect(observed, float(extreme.mean()), seeds)
    return MedianEffect(observed, (int(extreme.sum()) + 1) / (len(extreme) + 1), seeds)  # Phipson and Smyth 2010


def _signs(seeds: int) -> npt.NDArray[np.float64]:
    """All flips but for their mirror images, which have the same size, or so many drawn ones, `(flips, seeds)`."""
    if seeds > _ENUMERATED_SEEDS:
        return np.random.default_rng(0).choice([-1.0, 1.0], size=(_DRAWS, seeds))
    bits = np.arange(2 ** (seeds - 1))[:, None] >> np.arange(seeds) & 1
    return np.asarray(1.0 - 2.0 * bits)
