"""How many seeds and how many images a question takes, and what a study of a given size could have found.

All of it starts from the noise of a pilot and from the difference that would matter, never from the difference that
was seen: power computed from an observed effect is its p value in other clothes (Hoenig and Heisey 2001).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from resbench.report.statistics.interval import Components

ALPHA, POWER = 0.05, 0.8
MOST_SEEDS = 1_000_000


class Need(NamedTuple):
    """What it takes to find a difference.

    Attributes:
        seeds: per arm, shared by both; None if no number of seeds suffices.
        images: test images; those there are, or, if no number of seeds suffices on them, the number beyond which
            seeds begin to help.
    """

    seeds: int | None
    images: int


def pilot_sd(values: npt.ArrayLike, level: float = 0.8) -> tuple[float, float]:
    """Standard deviation between seeds and its one-sided upper confidence bound, `s sqrt((S - 1) / chi2)`.

    Args:
        values: of each seed, `(seeds,)`; a NaN is left out.
        level: confidence of the bound. Planning with s itself leaves a study too small about half of the time.
    """
    x = np.asarray(values, dtype=np.float64)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return math.nan, math.nan
    sd = float(x.std(ddof=1))
    return sd, upper_sd(sd, len(x), level)


def upper_sd(sd: float, seeds: int, level: float = 0.8) -> float:
    """One-sided upper confidence bound of a standard deviation between so many seeds; NaN for fewer than two."""
    return sd * math.sqrt((seeds - 1) / float(stats.chi2.ppf(1 - level, seeds - 1))) if seeds > 1 else math.nan


def power_of(difference: float, se: float, df: float, alpha: float = ALPHA) -> float:
    """Chance that a two-sided t test finds a true difference, from the noncentral t distribution."""
    limit, shift = float(stats.t.isf(alpha / 2, df)), abs(difference) / se
    wrong_side = float(stats.nct.cdf(-limit, df, shift))
    return float(stats.nct.sf(limit, df, shift)) + (0.0 if math.isnan(wrong_side) else wrong_side)  # NaN if negligible


def detectable(sd: float, seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference that a paired t test over seeds finds, on this test set.

    Args:
        sd: standard deviation between seeds of the difference, `sqrt(2 (1 - rho))` times that of one arm.
        seeds: pairs of seeds; NaN results for fewer than two.
        power, alpha: chance to find it, and two-sided level (the smallest of Holm's, to be on the safe side).
    """
    return _shift(seeds - 1, power, alpha) * sd / math.sqrt(seeds) if seeds > 1 else math.nan


def detectable_new_images(components: Components, seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference that the crossed interval finds, for new images.

    Noise between seeds has `seeds - 1` degrees of freedom, noise between images one less than images, and their
    sum Satterthwaite's. With two to four seeds that sum can have so many more that the t quantile falls faster than
    the standard error rises; the question about new images is still never the easier one, so the result is at least
    that for this test set.

    Args:
        components: of the differences of a pilot, on as many images as the study will have.
        seeds, power, alpha: as for `detectable`.
    """
    if seeds < 2 or components.images < 2 or math.isnan(components.ms_residual):
        return math.nan
    image, seed = _floor_variance(components), _seed_variance(components)
    variance, spread = image + seed / seeds, image**2 / (components.images - 1) + (seed / seeds) ** 2 / (seeds - 1)
    if variance == 0:
        return 0.0
    found = _shift(variance**2 / spread, power, alpha) * math.sqrt(variance)
    return max(found, detectable(math.sqrt(seed), seeds, power, alpha))


def detectable_floor(components: Components, power: float = POWER, alpha: float = ALPHA) -> float:
    """What remains of `detectable_new_images` however many seeds are run: the images are a sample too."""
    if components.images < 2 or math.isnan(components.ms_residual):
        return math.nan
    return _shift(components.images - 1, power, alpha) * math.sqrt(_floor_variance(components))


def detectable_one_pair(discordant: float, images: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference found with one network per arm, `(z + z) sqrt(discordant) / images` (Connor 1987).

    Args:
        discordant: images that exactly one of the two gets wrong.
        images: test images.
        power, alpha: as for `detectable`.
    """
    z = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
    return z * math.sqrt(discordant) / images if images else math.nan


def seeds_needed(margin: float, sd: float, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """Pairs of seeds that find a difference of `margin` on this test set; None if a million do not.

    Args:
        margin: the difference that would matter, positive.
        sd: standard deviation between seeds of the difference, from `pilot_sd`.
        power, alpha: as for `detectable`.
    """
    return _least(lambda seeds: detectable(sd, seeds, power, alpha), margin)


def needed_new_images(margin: float, components: Components, power: float = POWER, alpha: float = ALPHA) -> Need:
    """Pairs of seeds that find a difference of `margin` for new images, on as many images as the pilot had.

    Args:
        margin: the difference that would matter, positive.
        components: of the differences of a pilot.
        power, alpha: as for `detectable`.
    """
    floor = detectable_floor(components, power, alpha)
    if math.isnan(floor) or not margin > 0:
        return Need(None, components.images)
    if floor >= margin:
        shift = _shift(components.images - 1, power, alpha)
        return Need(None, math.ceil(components.var_image * (shift / margin) ** 2))
    seeds = _least(lambda seeds: detectable_new_images(components, seeds, power, alpha), margin)
    return Need(seeds, components.images)


def power_curve(
    seeds: Sequence[int],
    sd: float,
    components: Components | None = None,
    power: float = POWER,
    alpha: float = ALPHA,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Smallest difference found against the number of seeds, for drawing.

    Args:
        seeds: numbers of seeds.
        sd, components: as for `detectable` and `detectable_new_images`; without components the latter is NaN.
        power, alpha: as for `detectable`.

    Returns:
        On this test set and for new images, both `(len(seeds),)`.
    """
    here = [detectable(sd, one, power, alpha) for one in seeds]
    new = [detectable_new_images(components, one, power, alpha) if components else math.nan for one in seeds]
    return np.array(here, dtype=np.float64), np.array(new, dtype=np.float64)


def minimum_seeds_for_holm(size: int, alpha: float = ALPHA) -> int:
    """Seeds below which no sign-flip test of a family of that size can pass Holm's first step: 2 size <= alpha 2^S."""
    return math.ceil(1 + math.log2(max(size, 1) / alpha))


def seeds_for_improvement(share: float, power: float = 0.95, alpha: float = 0.05) -> int | None:
    """Seeds that tell a probability of improvement from one half, one-sided; None for one half itself (Noether 1987).

    Args:
        share: probability that ours is better than theirs; 0.75 is the customary one (Bouthillier et al. 2021).
        power, alpha: chance to find it, and one-sided level.
    """
    if share == 0.5 or math.isnan(share):
        return None
    z = float(stats.norm.isf(alpha) + stats.norm.ppf(power))
    return math.ceil(z**2 / (6 * (share - 0.5) ** 2))


def _floor_variance(components: Components) -> float:
    return components.var_image / components.images


def _seed_variance(components: Components) -> float:
    """Variance between seeds on fixed images: the seeds' own, and what images and seeds do together."""
    return components.var_seed + components.var_residual / components.images


def _shift(df: float, power: float, alpha: float) -> float:
    """Difference in standard errors that a two-sided t test finds with that power; z + z for large df."""
    if df > 1e5:  # from here on the noncentral t is normal to five digits, and slow
        return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
    limit = float(stats.t.isf(alpha / 2, df))
    # With very few degrees of freedom all that matters is how small the standard error happens to come out.
    shift = limit * math.sqrt(float(stats.chi2.ppf(power, df)) / df)
    if limit > 100:
        return shift
    high = shift + 10
    return float(optimize.brentq(lambda shift: power_of(shift, 1.0, df, alpha) - power, 0.0, high))


def _least(found: Callable[[int], float], margin: float) -> int | None:
    """The smallest number of seeds with `found(seeds) <= margin`, for a function that falls."""
    if not margin > 0 or math.isnan(found(2)):
        return None
    low, high = 1, 2
    while found(high) > margin:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) <= margin else (middle, high)
    return high
