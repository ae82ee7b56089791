"""How many seeds and how many images a question takes, and what a study of a given size could have found.

All of it starts from the noise of a pilot and from the difference that would matter, never from the difference that
was seen: power computed from an observed effect is its p value in other clothes (Hoenig and Heisey 2001).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from resbench.core.lazy import lazy
from resbench.report.statistics.crossed import Components

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize, special = lazy("scipy.optimize"), lazy("scipy.special")


ALPHA, POWER = 0.05, 0.8
MAX_SEEDS = 1_000_000


class Need(NamedTuple):
    """What it takes to find a difference.

    Attributes:
        seeds: per arm, shared by both; None if no number of seeds suffices.
        images: test images of the pilot, or, if no number of seeds suffices on them, the number beyond which
            seeds begin to help.
    """

    seeds: int | None
    images: int


def upper_sd(sd: float, seeds: int, level: float = 0.8) -> float:
    """One-sided upper confidence bound of a standard deviation, `sd sqrt((seeds - 1) / chi2)`; NaN below two seeds.

    Planning with the deviation itself leaves a study too small about half of the time.

    Args:
        sd: between so many seeds.
        level: confidence of the bound.
    """
    return sd * math.sqrt((seeds - 1) / _chi2_quantile(1 - level, seeds - 1)) if seeds > 1 else math.nan


def power_of(difference: float, se: float, df: float, alpha: float = ALPHA) -> float:
    """Chance that a two-sided t test finds a true difference, from the noncentral t distribution."""
    limit, shift = -float(special.stdtrit(df, alpha / 2)), abs(difference) / se
    wrong_side = float(special.nctdtr(df, shift, -limit))
    return nct_sf(limit, df, shift) + (0.0 if math.isnan(wrong_side) else wrong_side)  # NaN if negligible


def detectable(sd: float, seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference that a paired t test over seeds finds, on this test set.

    Args:
        sd: standard deviation between seeds of the difference, `sqrt(2 (1 - rho))` times that of one arm.
        seeds: pairs of seeds; NaN results for fewer than two.
        power, alpha: chance to find it, and two-sided level (the smallest of Holm's, to be on the safe side).
    """
    return _shift(seeds - 1, power, alpha) * sd / math.sqrt(seeds) if seeds > 1 else math.nan


def detectable_new_images(components: Components, seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference that the interval for new images finds.

    It puts together what images alone and seeds alone would ask for, as the interval does: `sqrt(sum s_i^2 V_i)` with
    `s_i` the shift that a test with the degrees of freedom of the source finds. So it is never less than for this test set.

    Args:
        components: of the differences of a pilot, on as many images as the study will have.
        seeds, power, alpha: as for `detectable`.
    """
    if seeds < 2 or components.images < 2 or math.isnan(components.ms_residual):
        return math.nan
    return math.hypot(
        detectable_floor(components, power, alpha),
        detectable(math.sqrt(_seed_variance(components)), seeds, power, alpha),
    )


def detectable_floor(components: Components, power: float = POWER, alpha: float = ALPHA) -> float:
    """What remains of `detectable_new_images` however many seeds are run: the images are a sample too."""
    if components.images < 2 or math.isnan(components.ms_residual):
        return math.nan
    return _shift(math.inf, power, alpha) * math.sqrt(_floor_variance(components))


def seeds_needed(margin: float, sd: float, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """Pairs of seeds that find a difference of `margin` on this test set; None if a million do not.

    Args:
        margin: the difference that would matter, positive.
        sd: standard deviation between seeds of the difference, or its upper bound.
        power, alpha: as for `detectable`.
    """
    return _smallest(lambda seeds: detectable(sd, seeds, power, alpha), margin)


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
        return Need(None, math.ceil(components.var_image * (_shift(math.inf, power, alpha) / margin) ** 2))
    seeds = _smallest(lambda seeds: detectable_new_images(components, seeds, power, alpha), margin)
    return Need(seeds, components.images)


def _floor_variance(components: Components) -> float:
    return components.var_image / components.images


def _seed_variance(components: Components) -> float:
    """Variance between seeds on fixed images: the seeds' own, and what images and seeds do together."""
    return components.var_seed + components.var_residual / components.images


@lru_cache(maxsize=4096)
def _shift(df: float, power: float, alpha: float) -> float:
    """Difference in standard errors that a two-sided t test finds with that power; z + z for large df."""
    if df > 1e5:  # from here on the noncentral t is normal to five digits, and slow
        return float(-special.ndtri(alpha / 2) + special.ndtri(power))
    limit = -float(special.stdtrit(df, alpha / 2))
    # With very few degrees of freedom all that matters is how small the standard error happens to come out.
    shift = limit * math.sqrt(_chi2_quantile(power, df) / df)
    if limit > 100:
        return shift
    high = shift + 10
    return float(optimize.brentq(lambda shift: power_of(shift, 1.0, df, alpha) - power, 0.0, high))


def _smallest(difference: Callable[[int], float], margin: float) -> int | None:
    """The smallest number of seeds with `difference(seeds) <= margin`, for a function that falls."""
    if not margin > 0 or math.isnan(difference(2)):
        return None
    low, high = 1, 2
    while difference(high) > margin:
        low, high = high, 2 * high
        if high > MAX_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if difference(middle) <= margin else (middle, high)
    return high


def nct_sf(x: float, df: float, shift: float) -> float:
    """As `scipy.stats.nct.sf`, whose import takes longer than a check: T of a shift exceeds x as often as that of -shift is below -x."""
    return float(special.nctdtr(df, -shift, -x))


def _chi2_quantile(q: float, df: float) -> float:
    """As `scipy.stats.chi2.ppf`, whose import takes longer than all else here."""
    return 2 * float(special.gammaincinv(df / 2, q))
