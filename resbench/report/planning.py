"""What a comparison could have found, and how many seeds its margin takes: the same for sentence, table and figure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from resbench.records.claim import Claim
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.power import ALPHA as ALPHA
from resbench.report.statistics.power import (
    POWER,
    detectable,
    detectable_floor,
    needed_new_images,
    seeds_needed,
    upper_sd,
)

MIN_SEEDS = 5  # of a verdict, whatever the numbers
_BOUND = 0.8  # confidence of the bound of the deviation between seeds that plans start from


@dataclass(frozen=True)
class Levels:
    """Chance to find a difference of the margin, and the two-sided level of the test that will judge it."""

    power: float
    alpha: float


@dataclass(frozen=True)
class Needs:
    """Differences as shares, or in the unit of the metric.

    Attributes:
        detectable_this_test_set, detectable_new_images: smallest difference that the seeds so far find, with the
            deviation between seeds at the same bound.
        seeds_this_test_set, seeds_new_images: seeds that find the margin; None if no number does, or if there is no
            margin.
        images: test images beyond which seeds would begin to help, where no number of seeds suffices.
    """

    detectable_this_test_set: float
    detectable_new_images: float
    seeds_this_test_set: int | None
    seeds_new_images: int | None
    images: int | None


def levels(claim: Claim, size: int) -> Levels:
    """For a claim with a family of `size` comparisons: Holm's first step, or one-sided tests if there is no difference."""
    if claim.against_margin:
        equivalent = claim.expect == "equivalent"
        return Levels((1 + POWER) / 2, 2 * ALPHA) if equivalent else Levels(POWER, ALPHA)
    return Levels(POWER, ALPHA / max(size, 1))


def usable(contrast: Contrast) -> bool:
    """Whether the noise between seeds is known well enough to plan from."""
    return contrast.shared_seeds and contrast.seeds > 2 and contrast.sd > 0


def needs(contrast: Contrast, at: Levels) -> Needs:
    """What it takes to find the margin, planned from the noise seen and never from the difference.

    Seeds are planned from the upper bound of the deviation between seeds; for new images they have less than the margin
    to find, as the images take their part. So new images are never the easier question.
    """
    levels, parts, margin = (at.power, at.alpha), contrast.components, contrast.margin
    seeds = _seeds_for(margin, contrast, at, _BOUND) if margin > 0 else None
    difference = detectable(upper_sd(contrast.sd, contrast.seeds, _BOUND), contrast.seeds, *levels)
    if parts is None:
        return Needs(difference, math.nan, seeds, None, None)
    difference_new = math.hypot(difference, detectable_floor(parts, *levels))
    if not margin > 0:
        return Needs(difference, difference_new, None, None, None)
    need = needed_new_images(margin, parts, *levels)
    seeds_new = None if need.seeds is None else _seeds_for(_left_by_images(contrast, at), contrast, at, _BOUND)
    return Needs(difference, difference_new, seeds, seeds_new, need.images if need.seeds is None else None)


def more_seeds_range(contrast: Contrast, at: Levels) -> tuple[int | None, int | None]:
    """Seeds that the margin takes beyond those so far, if their deviation is at the lower or the upper end of its 80 % range.

    The range is that of a standard deviation from so many seeds (chi-square). None where no number of seeds suffices.
    """
    totals = [_seeds_for(_left_by_images(contrast, at), contrast, at, level) for level in (0.1, 0.9)]
    low, high = (None if total is None else max(total, contrast.seeds + 1) - contrast.seeds for total in totals)
    return low, high


def _left_by_images(contrast: Contrast, at: Levels) -> float:
    """What the images leave of the margin for the noise between seeds: the two add up in squares."""
    floor = detectable_floor(contrast.components, at.power, at.alpha) if contrast.components else 0.0
    return math.sqrt(max(contrast.margin**2 - floor**2, 0.0))


def _seeds_for(difference: float, contrast: Contrast, at: Levels, level: float) -> int | None:
    """Seeds that find a difference, if their deviation is at its upper bound at a level; None if no number does."""
    seeds = seeds_needed(difference, upper_sd(contrast.sd, contrast.seeds, level), at.power, at.alpha)
    return None if seeds is None else max(seeds, MIN_SEEDS)
