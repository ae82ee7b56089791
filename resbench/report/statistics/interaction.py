"""A difference of differences: whether two arms differ by more in one place than in another.

With four cells, `(ours - theirs)` in the first place less `(ours - theirs)` in the second. Where all four share seeds, this
is one number for each image and seed, a whole number from -2 to 2, and it is judged as a difference is. Where they do
not, each group of cells that shares seeds adds its own noise between seeds to that of the images, which all have in common.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resbench.report.statistics.compare import Errors, Values, both_targets
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.crossed import Components, sum_over_new_images
from resbench.report.statistics.effect import over_shared_seeds
from resbench.report.statistics.family import simultaneous_level
from resbench.report.statistics.interval import LEVEL, Interval, from_variances, t_interval, unknown

SIGNS = (1, -1, -1, 1)  # of ours and theirs in the first place, and of both in the second
_FARTHEST = 2.0  # a difference of two differences of shares
_LARGEST = 700.0  # whose exponential is a number
Groups = Sequence[Sequence[int]]
TOGETHER: Groups = ((0, 1, 2, 3),)  # all four share their seeds
IN_PAIRS: Groups = ((0, 1), (2, 3))  # the two cells of each difference do
APART: Groups = ((0,), (1,), (2,), (3,))


@dataclass(frozen=True)
class InteractionContrast(Contrast):
    """A contrast whose `ours` and `theirs` are the differences in the first place and in the second.

    Attributes:
        means: of the four cells, in the order of `SIGNS`.
        ratio: the ratio ours / theirs of the first place over that of the second, of errors; its interval by the delta method on
            logarithms. On a scale of ratios an interaction may vanish, or turn round.
    """

    means: tuple[float, float, float, float]
    ratio: Interval

    @property
    def one_pair(self) -> bool:
        """Never: four networks have no test of their own."""
        return False

    def simultaneous(self, size: int) -> Interval:
        wide = self.interval.at_level(simultaneous_level(size, self.level))
        return wide if self.from_seeds_only else wide.within(-_FARTHEST, _FARTHEST)


def of_errors(cells: Sequence[Errors], groups: Groups, margin: float, level: float = LEVEL) -> InteractionContrast:
    """The interaction of four cells on the same images.

    Args:
        cells: whether an image was misclassified, `(images, seeds)` each, in the order of `SIGNS`.
        groups: which of them share their seeds: columns of a group are of the same seeds.
        margin: the smallest difference of interest, a share.
        level: confidence level.

    Raises:
        ValueError: tables of a group differ in shape, or tables of different groups in their number of images.
    """
    if len({len(cell) for cell in cells}) != 1:
        raise ValueError(f"cells on {', '.join(str(len(cell)) for cell in cells)} images cannot be compared")
    blocks = [np.sum([SIGNS[place] * cells[place].astype(np.int8) for place in group], axis=0) for group in groups]
    by_seed = [cell.mean(axis=0) for cell in cells]
    here = _over_seeds([block.mean(axis=0) for block in blocks], level)
    new = sum_over_new_images([block.astype(np.int8) for block in blocks], level)
    return InteractionContrast(
        **_common(by_seed, groups, len(cells[0]), margin, level),
        **both_targets(new, here, margin, level, len(cells[0]), _FARTHEST),
        components=Components.of(blocks[0]) if groups == TOGETHER else None,
        ratio=_ratio(cells, groups, level),
    )


def of_values(cells: Sequence[Values], groups: Groups, margin: float, level: float = LEVEL) -> InteractionContrast:
    """The interaction of four cells by a metric that is one number per seed; as `of_errors`.

    Args:
        cells: `(seeds,)` each; seeds of a group in which a value is NaN are left out.
    """
    known = list(cells)
    for group in groups:
        whole = ~np.isnan([cells[place] for place in group]).any(axis=0)
        for place in group:
            known[place] = cells[place][whole]
    with np.errstate(invalid="ignore"):  # inf - inf
        here = _over_seeds([np.sum([SIGNS[i] * known[i] for i in group], axis=0) for group in groups], level)
    return InteractionContrast(
        **_common(known, groups, None, margin, level),
        **both_targets(unknown(here.estimate), here, margin, level, None),
        components=None,
        ratio=unknown(),
    )


def _over_seeds(blocks: Sequence[Values], level: float) -> Interval:
    """As `sum_over_new_images`, on these images: sum of the means over seeds, `(seeds,)` each."""
    if len(blocks) == 1:
        return t_interval(blocks[0], level)
    means = [t_interval(block, level) for block in blocks]
    estimate = sum(mean.estimate for mean in means)
    if any(math.isnan(mean.se) for mean in means):
        return unknown(estimate)
    return from_variances(estimate, tuple(source for mean in means for source in mean.variances), level)


def _ratio(cells: Sequence[Errors], groups: Groups, level: float) -> Interval:
    """Ratio of the ratios of errors, with the interval of its logarithm by the delta method."""
    means = [float(cell.mean()) if cell.size else math.nan for cell in cells]
    if not all(mean > 0 for mean in means):
        return unknown()
    log = math.fsum(sign * math.log(mean) for sign, mean in zip(SIGNS, means, strict=True))
    blocks = [np.sum([SIGNS[i] * (cells[i] / means[i]) for i in group], axis=0) for group in groups]
    about = sum_over_new_images(blocks, level)
    low, high = (math.exp(min(log + limit, _LARGEST)) for limit in (about.low, about.high))
    return Interval(math.exp(log), low, high, about.se)


def _common(
    by_seed: Sequence[Values], groups: Groups, images: int | None, margin: float, level: float
) -> dict[str, Any]:
    """What does not follow from the two intervals."""
    means = tuple(float(values.mean()) if len(values) and np.isfinite(values).all() else math.nan for values in by_seed)
    shared = groups == TOGETHER
    with np.errstate(invalid="ignore"):
        first, second = (by_seed[0] - by_seed[1], by_seed[2] - by_seed[3]) if shared else (np.empty(0), np.empty(0))
        seeds = over_shared_seeds(first, second, first - second, -1, level)._asdict()
    return {
        **seeds,
        "seeds": min(len(by_seed[0]), len(by_seed[1])),
        "seeds_theirs": min(len(by_seed[2]), len(by_seed[3])),
        "images": images,
        "shared_seeds": shared,
        "margin": margin,
        "level": level,
        "ours": means[0] - means[1],
        "theirs": means[2] - means[3],
        "means": means,
        "relative_change": unknown(),
        "improvement": unknown(),  # neither sign of an interaction is the better one
        **dict.fromkeys(("churn", "discordant", "p_mcnemar", "p_mid"), math.nan),
    }
