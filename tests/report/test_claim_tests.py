"""The p values that verdicts rest on, at the edges of what the data allow."""

from __future__ import annotations

import math

import pytest

from resbench.report.claim_tests import difference_p, within_p
from resbench.report.statistics.compare import paired_values

EXPECTED = ["lower", "higher", "not_lower", "not_higher", "equivalent"]


@pytest.mark.parametrize("expected", EXPECTED)
def test_seeds_that_all_differ_by_the_same_show_nothing(expected: str) -> None:
    """A p of 0 from five numbers would be a fiction, for a difference and for the margin alike."""
    for ours, margin in ((5.0, 1.0), (5.0, 0.1)):
        contrast = paired_values([ours] * 5, [4.5] * 5, margin)
        assert math.isnan(difference_p(contrast, expected))
        assert math.isnan(within_p(contrast, expected))


@pytest.mark.parametrize("expected", EXPECTED)
def test_seeds_that_never_differ_lie_within_every_margin(expected: str) -> None:
    contrast = paired_values([4.5] * 5, [4.5] * 5, 0.1)
    assert difference_p(contrast, expected) == 1
    assert within_p(contrast, expected) == 0
