"""What a comparison could have found, and how many seeds its margin takes: the same for sentence, table and figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resbench.records.claim import AGAINST_MARGIN
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.power import (
    POWER,
    detectable,
    detectable_new_images,
    needed_new_images,
    seeds_needed,
    upper_sd,
)

ALPHA = 0.05
LEAST_SEEDS = 5  # of a verdict, whatever the numbers


@dataclass(frozen=True)
class Levels:
    """Chance to find a difference of the margin, and the two-sided level of the test that will judge it."""

    power: float
    alpha: float


@dataclass(frozen=True)
class Needs:
    """Differences as shares, or in the unit of the metric.

    Attributes:
        detectable_here, detectable_new: smallest difference that the seeds so far find, on these images and on new ones.
        seeds_here, seeds_new: seeds that find the margin; None if no number does, or if there is no margin.
        images: test images beyond which seeds would begin to help, where no number of seeds suffices.
    """

    detectable_here: float
    detectable_new: float
    seeds_here: int | None
    seeds_new: int | None
    images: int | None


def levels(claim: Mapping[str, Any], size: int) -> Levels:
    """Of a claim whose family has `size` comparisons: Holm's first step, or one-sided tests if there is no difference."""
    if claim["expect"] in AGAINST_MARGIN:
        return Levels((1 + POWER) / 2 if claim["expect"] == "equivalent" else POWER, 2 * ALPHA)
    return Levels(POWER, ALPHA / max(size, 1))


def usable(contrast: Contrast) -> bool:
    """Whether the noise between seeds is known well enough to plan from."""
    return contrast.shared_seeds and contrast.seeds > 2 and contrast.sd > 0


def needs(contrast: Contrast, at: Levels) -> Needs:
    """Plan from the noise seen and the margin, never from the difference.

    Seeds for these images are planned from the upper bound of the deviation between seeds; new images are never the
    easier question, so they take as many at the least.
    """
    both, parts, margin = (at.power, at.alpha), contrast.components, contrast.margin
    here = seeds_needed(margin, upper_sd(contrast.sd, contrast.seeds), *both) if margin > 0 else None
    here = None if here is None else max(here, LEAST_SEEDS)
    found = detectable(contrast.sd, contrast.seeds, *both)
    if parts is None:
        return Needs(found, math.nan, here, None, None)
    found_new = detectable_new_images(parts, contrast.seeds, *both)
    if not margin > 0:
        return Needs(found, found_new, None, None, None)
    new = needed_new_images(margin, parts, *both)
    seeds = None if new.seeds is None else max(new.seeds, here or LEAST_SEEDS)
    return Needs(found, found_new, here, seeds, new.images if new.seeds is None else None)
