"""Tests at several looks: boundaries that spend a level along the information, and what looks without a plan cost.

The estimates at two looks have the variance of the later one as their covariance, whether seeds alone are the noise or
images as well, so that their z values are a Brownian motion in information, seen at its fractions (Jennison and Turnbull
2000, chapter 11). What is left of it inside the boundaries goes from look to look by numerical integration (Armitage,
McPherson and Rowe 1969), which the package gsdesign does. A level that z values keep is nearly kept by t values where
each look's p value is compared with its nominal level (Jennison and Turnbull 2000, section 11.2); `of_t` mends the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from resbench.core.lazy import lazy

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize, special = lazy("scipy.optimize"), lazy("scipy.special")


LEAST_STEP = 0.02  # between fractions: closer looks are one look, and the integration would need more points
_POINTS = 18  # of the integration, as in gsDesign: levels keep six digits
_FAR = 38.0  # standard errors, beyond which a normal tail is no number
_LEAST_Z = 0.0125  # z value of the level 0.99: beyond it levels do not tell looks apart
_Z2 = 5.0  # square of a z value at a boundary
_Fractions = tuple[float, ...]


def pocock(fraction: float, alpha: float) -> float:
    """How much of the level is spent up to a fraction, with nearly equal nominal levels (Lan and DeMets 1983)."""
    return alpha * math.log1p((math.e - 1) * fraction)


def obrien_fleming(fraction: float, alpha: float) -> float:
    """The same with hardly anything early and nearly all at the last look (Lan and DeMets 1983)."""
    return 2 * float(special.ndtr(special.ndtri(alpha / 2) / math.sqrt(fraction)))


SPENDING_FUNCTIONS: dict[str, Callable[[float, float], float]] = {"pocock": pocock, "obrien_fleming": obrien_fleming}


def information_fraction(image_variance: float, seed_variance: float, seeds: int, total: int) -> float:
    """Share of the last look's information that a look has, `I_k / I_K` with `I_k = 1 / (V_image + V_seed / S_k)`.

    Args:
        image_variance: what the images add to the variance of the estimate, whatever the number of seeds.
        seed_variance: variance between seeds on these images.
        seeds, total: of this look and of the last one.
    """
    now = image_variance + seed_variance / seeds
    return (image_variance + seed_variance / total) / now if now > 0 else seeds / total


def of_t(fraction: float, seed_share: float, seeds: int) -> float:
    """The information at which z values are as little correlated with later ones as t values are at a fraction.

    With `W` the estimated variance over the true one, `t = z / sqrt(W)` is near `z - z (W - 1) / 2`, whose second part has
    the variance `z^2 / (2 df)` and shrinks from look to look. Where only a share of the variance is estimated from
    few seeds, that shrinks with its square. Without this a level of 5 % is exceeded by up to 14 % of it; with it by up
    to 7 %, and smaller levels by up to 11 %.

    Args:
        fraction: of the information.
        seed_share: of the variance of the estimate, what the seeds add.
        seeds: of this look, at least 2.
    """
    return fraction / (1 + _Z2 * seed_share**2 / (2 * (seeds - 1)))


def rising(fractions: Sequence[float], looks: int) -> tuple[float, ...]:
    """Fractions of the looks so far such that each is above the one before, and that of the last of all looks is 1.

    Each depends on those before it alone: what was known at a look is never changed by a later one.
    """
    out: list[float] = []
    step = min(LEAST_STEP, 0.5 / looks)
    for place, fraction in enumerate(fractions):
        low, high = (out[-1] if out else 0.0) + step, 1 - (looks - 1 - place) * step
        out.append(1.0 if place == looks - 1 else min(max(fraction, low), high))
    return tuple(out)


def spent(fractions: Sequence[float], alpha: float, spend: str) -> list[float]:
    """How much of a level is spent up to each look."""
    return [SPENDING_FUNCTIONS[spend](fraction, alpha) for fraction in fractions]


def nominal_levels(
    fractions: Sequence[float], alpha: float, spend: str, information: Sequence[float] = ()
) -> list[float]:
    """The two-sided level of the test at each look, such that all looks up to it spend what the function says.

    A one-sided test at a level is half of the two-sided one at twice that level.

    Args:
        fractions: of the information, rising, the last at most 1.
        alpha: two-sided, of all looks together.
        spend: one of `SPENDING_FUNCTIONS`.
        information: rising, what the values at the looks correlate by, where it is not the fractions.
    """
    bounds = _bounds(tuple(fractions), float(alpha), spend, tuple(information) or tuple(fractions))
    return [2 * float(special.ndtr(-bound)) for bound in bounds]


def crossing_probability(fractions: Sequence[float], levels: Sequence[float]) -> float:
    """Chance that without any true difference the p value of a look is below its level, at one of the looks.

    Args:
        fractions: of the information, rising.
        levels: two-sided, one for each look.
    """
    paths, total = _Paths(), 0.0
    for fraction, level in zip(fractions, levels, strict=True):
        bound = -float(special.ndtri(level / 2))
        total += paths.beyond(fraction, bound)
        paths.stop_beyond(fraction, bound)
    return total


def sequential_p(
    p_values: Sequence[float], fractions: Sequence[float], spend: str, information: Sequence[float] = ()
) -> float:
    """The smallest level of all looks at which the last of these finds a difference.

    It is the level at which the repeated confidence interval of that look ends at 0 (the repeated p value of Jennison and
    Turnbull 2000, chapter 9). Holm's procedure may be used on it at every look, as what is rejected so is also rejected by
    the smallest of all looks so far (Liu and Anderson 2008; Maurer and Bretz 2013); but that one would decide by an
    estimate that is no longer the one shown.

    Args:
        p_values: two-sided, of each look by itself; NaN for one that could not be judged.
        fractions, spend, information: as for `nominal_levels`, of these looks.

    Returns:
        NaN if the last look could not be judged.
    """
    if math.isnan(p_values[-1]):
        return math.nan
    return _sequential_p(float(p_values[-1]), tuple(fractions), spend, tuple(information) or tuple(fractions))


def conditional_power(z: float, fraction: float, drift: float, level: float) -> float:
    """Chance that the last look finds a difference upwards, given the z value of a look (Lan and Wittes 1988).

    With `B(t) = z sqrt(t)`, what is still to come is normal with mean `drift (1 - t)` and variance `1 - t`.

    Args:
        z: estimate in standard errors.
        fraction: of the information, below 1.
        drift: the true difference in standard errors of the last look.
        level: two-sided, nominal at the last look.
    """
    bound, rest = -float(special.ndtri(level / 2)), 1 - fraction
    return float(special.ndtr((z * math.sqrt(fraction) + drift * rest - bound) / math.sqrt(rest)))


class _Paths:
    """The density of the z value of paths that no earlier look has stopped."""

    def __init__(self) -> None:
        self._information = 0.0
        self._grid: Any = None

    def beyond(self, information: float, bound: float) -> float:
        """Probability of going beyond the bound, on either side, at the next look."""
        if self._grid is None:
            return 2 * float(special.ndtr(-bound))
        z, _, weights = self._grid
        gap = z * math.sqrt(self._information) - bound * math.sqrt(information)
        return 2 * float(weights @ special.ndtr(gap / math.sqrt(information - self._information)))  # both sides alike

    def stop_beyond(self, information: float, bound: float) -> None:
        """Go on to the next look without the paths beyond the bound."""
        from gsdesign import h1, hupdate  # here, as studies without looks do without it

        limits = (-bound, bound) if 0 < bound < _FAR else (-1e-9, 1e-9) if bound <= 0 else (-np.inf, np.inf)
        if self._grid is None:
            self._grid = h1(_POINTS, 0.0, information, *limits)
        else:
            self._grid = hupdate(_POINTS, 0.0, information, *limits, 0.0, self._information, self._grid)
        self._information = information


def _boundary(fractions: _Fractions, alpha: float, spend: str, information: _Fractions) -> Iterator[float]:
    """The bound of each look in standard errors."""
    paths, before = _Paths(), 0.0
    for known, total in zip(information, spent(fractions, alpha, spend), strict=True):
        bound = _solved(paths, known, total - before)
        yield bound
        paths.stop_beyond(known, bound)
        before = total


def _solved(paths: _Paths, information: float, level: float) -> float:
    """The bound that paths go beyond with this probability."""
    if level <= paths.beyond(information, _FAR):
        return _FAR
    if level >= paths.beyond(information, 0.0):
        return 0.0
    return float(optimize.brentq(lambda bound: paths.beyond(information, bound) - level, 0.0, _FAR, xtol=1e-9))


@lru_cache(maxsize=4096)
def _bounds(fractions: _Fractions, alpha: float, spend: str, information: _Fractions) -> _Fractions:
    return tuple(_boundary(fractions, alpha, spend, information))


@lru_cache(maxsize=4096)
def _sequential_p(p: float, fractions: _Fractions, spend: str, information: _Fractions) -> float:
    reached = min(-float(special.ndtri(p / 2)), _FAR - 1)

    def gap(z: float) -> float:
        return _bounds(fractions, 2 * float(special.ndtr(-z)), spend, information)[-1] - reached

    if reached <= _LEAST_Z or gap(_LEAST_Z) >= 0:
        return 1.0
    # no nominal level is above the level of all looks; of one look alone it is that level, but for rounding
    level = float(optimize.brentq(gap, _LEAST_Z, reached, xtol=1e-7)) if gap(reached) > 0 else reached
    return 2 * float(special.ndtr(-level))
