"""The range of a plan: what a pilot of few seeds does not know about its own noise."""

from __future__ import annotations

import numpy as np
import pytest

from resbench.report.planning import Levels, more_seeds_range, needs
from resbench.report.statistics.compare import paired, paired_values
from resbench.report.statistics.power import seeds_needed

AT = Levels(0.8, 0.05)


def test_the_number_of_a_pilot_that_knows_its_noise_lies_in_four_of_five_ranges() -> None:
    rng, margin, seeds = np.random.default_rng(0), 0.4, 6
    truth = seeds_needed(margin, 1.0)
    assert truth and 50 < truth < 54
    inside = 0
    for _ in range(60):
        low, high = more_seeds_range(paired_values(rng.standard_normal(seeds), np.zeros(seeds), margin), AT)
        assert low and high and low <= high
        inside += low <= truth - seeds <= high
    assert 0.66 <= inside / 60 <= 0.93


@pytest.mark.parametrize("seeds", [5, 8, 20])
def test_more_seeds_are_asked_for_where_the_margin_is_less_than_what_could_be_found(seeds: int) -> None:
    """One bound of the noise for both questions: no margin that could be found takes more seeds."""
    rng = np.random.default_rng(seeds)
    hard = rng.random((1000, 1)) < 0.1
    tables = [rng.random((1000, seeds)) < hard * rng.normal(0.5, 0.1, seeds) for _ in range(2)]
    values = [rng.standard_normal(seeds), np.zeros(seeds)]
    new = needs(paired(*tables, 0.01), AT).detectable_new_images
    here = needs(paired_values(*values, 0.01), AT).detectable_this_test_set
    for factor in (0.99, 1.01):
        by_images = needs(paired(*tables, factor * new), AT).seeds_new_images
        by_seeds = needs(paired_values(*values, factor * here), AT).seeds_this_test_set
        assert by_seeds and (by_seeds <= seeds) == (factor > 1)
        assert (by_images is not None and by_images <= seeds) == (factor > 1)


def test_images_leave_a_part_of_the_margin_to_seeds() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random((2000, 1)) < 0.04
    ours, theirs = (rng.random((2000, 6)) < 0.002 + rate * hard for rate in (0.4, 0.5))
    wide, narrow = (paired(ours, theirs, margin) for margin in (0.02, 0.0001))
    low, high = more_seeds_range(wide, AT)
    assert low and high and low <= high
    need = needs(wide, AT).seeds_new_images
    assert need is not None and low <= max(need - 6, 1) <= high
    assert more_seeds_range(narrow, AT) == (None, None)
