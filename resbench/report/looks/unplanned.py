"""Seeds that were added after a verdict was read, without a plan: what that does to the error of an ordinary test."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.report.looks.single import noise_of
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.spending import crossing_probability, information_fraction, rising


def looking_error(contrast: Contrast, earlier: Sequence[int]) -> float:
    """Chance that without a difference p is below the level at one of these numbers of seeds or now."""
    noise, sizes = noise_of(contrast), [*earlier, contrast.min_seeds]
    fractions = [information_fraction(noise.image, noise.seed, seeds, sizes[-1]) for seeds in sizes]
    return crossing_probability(rising(fractions, len(sizes)), [ALPHA] * len(sizes))
