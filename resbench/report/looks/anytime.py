"""The p values that a verdict rests on, from a test that holds at every number of seeds."""

from __future__ import annotations

import math

from resbench.records.claim import AGAINST_MARGIN
from resbench.report.claim_tests import difference_p, within_level, within_p
from resbench.report.planning import ALPHA
from resbench.report.statistics.anytime import anytime_p, anytime_p_above, anytime_p_below
from resbench.report.statistics.contrast import Contrast


def cautious(contrast: Contrast, expected: str, chosen_late: bool) -> tuple[float, float]:
    """`difference_p` and `within_p`; where seeds were chosen after a verdict was read, no smaller than their anytime p values."""
    p = difference_p(contrast, expected), within_p(contrast, expected)
    if not chosen_late:
        return p
    return max(p[0], anytime_difference_p(contrast, expected)), max(p[1], anytime_within_p(contrast, expected))


def anytime_difference_p(contrast: Contrast, expected: str) -> float:
    """As `claim_tests.difference_p`, at every number of seeds, for these test images."""
    interval, seeds, margin = contrast.this_test_set, _pairs(contrast), contrast.margin
    if expected not in AGAINST_MARGIN:
        return _known(anytime_p(interval, seeds))
    above, below = anytime_p_above(interval, seeds, margin), anytime_p_below(interval, seeds, -margin)
    return _known({"not_higher": above, "not_lower": below}.get(expected, min(above, below)))


def anytime_within_p(contrast: Contrast, expected: str) -> float:
    """As `claim_tests.within_p`: both margins are excluded, and the estimate lies between them."""
    interval, seeds, margin = contrast.this_test_set, _pairs(contrast), contrast.margin
    below, above = anytime_p_below(interval, seeds, margin), anytime_p_above(interval, seeds, -margin)
    p = {"not_higher": below, "not_lower": above}.get(expected, max(below, above))
    return _known(p) * within_level(expected) / ALPHA  # two-sided; where the level is half, so is p


def _pairs(contrast: Contrast) -> int:
    """Seeds that both arms share: the test is of their differences."""
    return contrast.seeds if contrast.shared_seeds else 0


def _known(p: float) -> float:
    """The p value, or 1 where none can be computed: then nothing is shown."""
    return 1.0 if math.isnan(p) else p
