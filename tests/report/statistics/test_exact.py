"""Tests that enumerate: agreement with scipy, the smallest p values, and draws that repeat."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from resbench.report.statistics import exact

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("seeds", [2, 5, 9])
def test_exact_tests_agree_with_scipy(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    d = rng.standard_normal(seeds) + 0.5

    def total(x: Any, axis: int) -> Any:
        return x.sum(axis=axis)

    flips = stats.permutation_test((d,), total, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    assert exact.sign_flip(d) == pytest.approx(flips.pvalue)
    assert exact.signed_rank(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)
    a, b = rng.standard_normal(seeds), rng.standard_normal(4)

    def gap(x: Any, y: Any, axis: int) -> Any:
        return x.mean(axis=axis) - y.mean(axis=axis)

    if seeds < 9:  # of arms of one size: for others scipy doubles the smaller tail
        expected = stats.permutation_test((d, a), gap, n_resamples=np.inf, vectorized=True).pvalue
        assert exact.two_sample(d, a) == pytest.approx(expected)
    extreme = [
        abs(np.take(np.r_[a, b], list(pick)).mean() - np.delete(np.r_[a, b], list(pick)).mean())
        >= abs(a.mean() - b.mean()) - 1e-12
        for pick in itertools.combinations(range(seeds + 4), seeds)
    ]
    assert exact.two_sample(a, b) == pytest.approx(np.mean(extreme))
    assert exact.rank_sum(a, b) == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue)


def test_smallest_p_values_are_those_of_counting() -> None:
    expected = {3: 0.25, 4: 0.125, 5: 0.0625, 6: 0.031, 7: 0.0156, 8: 0.0078, 9: 0.0039, 10: 0.00195}
    for seeds, p in expected.items():
        assert exact.sign_flip(np.arange(1, seeds + 1)) == pytest.approx(p, abs=6e-4)
        assert exact.signed_rank(np.arange(1, seeds + 1)) == 2 / 2**seeds
    for seeds, p in {3: 0.10, 4: 0.029, 5: 0.0079}.items():
        assert exact.two_sample(np.arange(seeds), np.arange(seeds) + 100) == pytest.approx(p, abs=5e-4)


def test_many_seeds_are_drawn_reproducibly_and_close_to_the_t_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(30) + 0.5, rng.standard_normal(30)
    assert exact.sign_flip(a - b) == exact.sign_flip(a - b)
    assert exact.sign_flip(a - b) == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.01)
    assert exact.signed_rank(a - b) == pytest.approx(stats.wilcoxon(a - b).pvalue, abs=0.01)
    assert exact.two_sample(a, b) == pytest.approx(stats.ttest_ind(a, b).pvalue, abs=0.01)
    assert exact.sign_flip(np.arange(1.0, 40.0)) == 1 / 10_000  # never 0
