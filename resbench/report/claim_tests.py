"""The p values that a verdict rests on: that there is a difference, and that there is none of the margin."""

from __future__ import annotations

import math

from resbench.records.claim import AGAINST_MARGIN, Claim
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.effect import p_beyond
from resbench.report.statistics.rounding import beyond

_ONE_SIDED = ("not_lower", "not_higher")


def difference_p(contrast: Contrast, expected: str) -> float:
    """Of no difference; of a claim against the margin, of a difference no larger than that on the side that matters.

    Two-sided: of a claim that looks at one side alone it is twice the one-sided p, as that has half of the level.
    """
    if expected not in AGAINST_MARGIN or contrast.one_pair:
        return contrast.p
    interval, margin = contrast.interval, contrast.margin
    if _undefined(contrast):
        return math.nan
    if interval.se == 0:
        return 0.0 if beyond(worse(interval.estimate, expected), margin) else 1.0
    if expected == "equivalent":
        return p_beyond(interval, margin)
    one_sided = interval.p_above(margin) if expected == "not_higher" else interval.p_below(-margin)
    return min(1.0, 2 * one_sided)


def within_p(contrast: Contrast, expected: str) -> float:
    """Of a difference of the margin or more, one-sided; of `not_higher` upwards alone. Its level is `within_level`."""
    interval, margin = contrast.interval, contrast.margin
    # on one side of nothing lies what is on both
    if expected not in _ONE_SIDED or interval.estimate == interval.se == 0:
        return contrast.p_equivalence
    if _undefined(contrast):
        return math.nan
    if interval.se == 0:
        return 0.0 if beyond(margin, worse(interval.estimate, expected)) else 1.0
    return interval.p_below(margin) if expected == "not_higher" else interval.p_above(-margin)


def _undefined(contrast: Contrast) -> bool:
    """Whether the seeds' differences are all equal but not 0: few seeds with a number each do not show that all would be."""
    return contrast.from_seeds_only and contrast.interval.se == 0 and contrast.interval.estimate != 0


def within_level(expected: str) -> float:
    """Below which `within_p` shows that there is no difference of the margin."""
    return ALPHA / 2 if expected in _ONE_SIDED else ALPHA


def state_of(claim: Claim, contrast: Contrast, p: float, within: float) -> str:
    """Supported, refuted, equivalent or inconclusive.

    Args:
        p: of a difference, over the family of the claim, and over its looks so far where looks are planned.
        within: of a difference of the margin or more, one-sided, over its looks so far.
    """
    shown, sure = within < within_level(claim.direction), p < ALPHA
    if claim.against_margin:
        return "supported" if shown else "refuted" if sure else "inconclusive"
    interval = contrast.interval
    if sure and (interval.high < 0 or interval.low > 0):
        return "supported" if (interval.high < 0) == (claim.direction == "lower") else "refuted"
    return "equivalent" if shown else "inconclusive"


def worse(difference: float, expected: str) -> float:
    """How far a difference goes to where none of the margin is to be."""
    return {"not_higher": difference, "not_lower": -difference}.get(expected, abs(difference))
