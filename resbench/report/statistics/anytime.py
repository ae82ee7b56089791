"""Tests that hold at every number of seeds, however that number was chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from resbench.core.lazy import lazy
from resbench.report.statistics.interval import Interval

if TYPE_CHECKING:
    from scipy import special
else:
    special = lazy("scipy.special")


PRIOR_VARIANCE = 1.0  # of the standardised difference: g, as in Rouder et al. (2009)


def e_value(interval: Interval, seeds: int, shift: float = 0.0, prior_variance: float = PRIOR_VARIANCE) -> float:
    """The t test's e-value: without a difference from `shift` its mean is at most 1, however many seeds were added.

    `(1 + S g)^(-1/2) [(1 + t^2 / v) / (1 + t^2 / (v (1 + S g)))]^((v + 1) / 2)` with `v = S - 1`: the Bayes factor of a
    normal prior with variance g on the standardised difference, with the right Haar prior on its scale, which makes it
    a test martingale (Perez-Ortiz, Lardy, de Heide and Grunwald 2024).

    Args:
        interval: of the mean over seeds, on these images.
        seeds: pairs of seeds, S.
        shift: the difference under test.

    Returns:
        NaN below two seeds, infinity where the seeds' differences have no variance and are not `shift`.
    """
    if seeds < 2 or math.isnan(interval.se) or math.isnan(interval.estimate):
        return math.nan
    distance, v, spread = abs(interval.estimate - shift), seeds - 1, 1 + seeds * prior_variance
    if interval.se == 0:
        return spread**-0.5 if distance == 0 else math.inf
    t2 = min(distance / interval.se, 1e100) ** 2
    log = (v + 1) / 2 * (math.log1p(t2 / v) - math.log1p(t2 / (v * spread))) - math.log(spread) / 2
    return math.exp(min(log, 700.0))


def anytime_p(interval: Interval, seeds: int, shift: float = 0.0) -> float:
    """`1 / E`, at most 1: below the level at any number of seeds with at most the chance of that level (Ville 1939)."""
    e = e_value(interval, seeds, shift)
    return math.nan if math.isnan(e) else min(1.0, 1 / e)


def anytime_p_above(interval: Interval, seeds: int, null: float) -> float:
    """The same of a true value of `null` or less: 1 where the estimate lies there."""
    p = anytime_p(interval, seeds, null)
    return 1.0 if interval.estimate <= null else p


def anytime_p_below(interval: Interval, seeds: int, null: float) -> float:
    """The same of a true value of `null` or more."""
    p = anytime_p(interval, seeds, null)
    return 1.0 if interval.estimate >= null else p


def anytime_sign_p(lower: int, higher: int) -> float:
    """The same of the sign test: that lower and higher are as likely, ties left out.

    `E = 2^n B(k + 1/2, n - k + 1/2) / B(1/2, 1/2)`, k of n lower: the likelihood ratio with a Beta(1/2, 1/2) mixture over
    the chance to be lower, a mixture martingale (Robbins 1970), whose chance to reach 1 / p is at most p (Ville 1939).
    """
    log = special.betaln(lower + 0.5, higher + 0.5) - special.betaln(0.5, 0.5) + (lower + higher) * math.log(2)
    return math.exp(-max(float(log), 0.0))
