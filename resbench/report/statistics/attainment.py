"""Whether a mean over seeds reaches a number, and how many fresh seeds it takes to show it: arrays in, numbers out.

One-sided, as only a mean above the number reaches it. The seeds are the only noise: a published number is about these
test images.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy
from resbench.report.statistics.power import ALPHA, POWER, nct_sf

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize, special = lazy("scipy.optimize"), lazy("scipy.special")


def attainment_p(values: npt.ArrayLike, least: float) -> npt.NDArray[np.float64]:
    """One-sided p of Student's t test that the mean is above a number.

    Args:
        values: `(..., seeds)`.
        least: the number to reach.

    Returns:
        `(...)`; NaN for fewer than two values, and where all are equal but for rounding, so that no noise is known.
    """
    x = np.asarray(values, dtype=np.float64)
    seeds = x.shape[-1]
    if seeds < 2:
        return np.full(x.shape[:-1], math.nan)
    noise = np.ptp(x, axis=-1) > 1e-9
    se = np.where(noise, x.std(axis=-1, ddof=1), math.nan) / math.sqrt(seeds)
    return np.asarray(special.stdtr(seeds - 1, -((x.mean(axis=-1) - least) / se)))


def attainment_power(deviations: float, seeds: int, alpha: float = ALPHA) -> float:
    """Chance to show that a mean reaches a number, from the noncentral t distribution.

    Args:
        deviations: by how many standard deviations between seeds the true mean lies above the number.
        seeds: on which it is judged, at least two.
    """
    df = seeds - 1
    return nct_sf(-float(special.stdtrit(df, alpha)), df, deviations * math.sqrt(seeds))


def seeds_to_attain(deviations: float, power: float = POWER, alpha: float = ALPHA) -> int:
    """The fewest seeds with this chance, of a mean that lies so many deviations above the number."""
    seeds = 2
    while attainment_power(deviations, seeds, alpha) < power:
        seeds += 1
    return seeds


def attainable(seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """How many deviations above the number a mean must lie for so many seeds to show it with this chance."""
    return float(optimize.brentq(lambda shift: attainment_power(shift, seeds, alpha) - power, 0.0, 1e3))
