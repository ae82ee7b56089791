"""The median of a specification curve: exact by hand, right under the null however alike comparisons are, and able to find."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from resbench.report.statistics.specification import median_effect


def test_it_counts_the_flips_of_whole_seeds() -> None:
    d = np.random.default_rng(0).normal(0.5, 1.0, (7, 5))
    flips = [np.median((d * signs).mean(axis=1)) for signs in itertools.product([1, -1], repeat=5)]
    found = median_effect(d)
    assert found.median == pytest.approx(np.median(d.mean(axis=1))) and found.seeds == 5
    assert found.p == pytest.approx(np.mean(np.abs(flips) >= abs(found.median) - 1e-12))


def test_no_p_is_smaller_than_its_seeds_allow() -> None:
    for seeds in (2, 5, 8):
        assert median_effect(np.ones((20, seeds))).p == pytest.approx(2 / 2**seeds)
    assert 0.001 <= median_effect(np.ones((20, 30))).p < 0.002
    assert math.isnan(median_effect(np.ones((20, 1))).p) and math.isnan(median_effect(np.ones((0, 5))).median)


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_it_keeps_its_level_where_comparisons_share_a_seed(shared: float) -> None:
    """Forty comparisons of eight seeds; with all noise shared they are worth little more than one."""
    rng, hits, found = np.random.default_rng(1), 0, 0
    for _ in range(600):
        noise = np.sqrt(shared) * rng.standard_normal((1, 8)) + np.sqrt(1 - shared) * rng.standard_normal((40, 8))
        hits += median_effect(noise).p < 0.05
        found += median_effect(noise + 1.5).p < 0.05
    assert hits / 600 <= 0.07 and found / 600 >= 0.9
