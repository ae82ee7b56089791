"""Ranks in which a run that did not train is the worst: published tests, and their error where arms are alike."""

import math

import numpy as np
import pytest
from scipy import stats

from resbench.report.statistics.worst_rank import worst_rank

LOST = math.inf


@pytest.mark.parametrize(("lower", "higher", "p"), [
    (6, 0, 2 / 64), (5, 0, 2 / 32), (0, 8, 2 / 256), (7, 1, 18 / 256), (4, 4, 1.0), (0, 0, 1.0),
])  # fmt: skip
def test_shared_seeds_get_the_exact_sign_test_without_ties(lower: int, higher: int, p: float) -> None:
    ours = [0.1] * lower + [LOST] * higher + [LOST, 0.3]  # the last two are ties
    theirs = [LOST] * lower + [0.2] * higher + [LOST, 0.1 + 0.2]
    found = worst_rank(ours, theirs, shared=True)
    assert (found.lower, found.higher, found.ties) == (lower, higher, 2)
    assert found.p == pytest.approx(p)
    assert found.direction == np.sign(higher - lower)


def test_separate_seeds_get_the_rank_sum_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=7), rng.normal(1.0, size=9)
    expected = stats.mannwhitneyu(a, b, method="exact").pvalue
    assert worst_rank(a, b, shared=False).p == pytest.approx(expected)
    # the size of what is worst does not count, only that it is: any number beyond all others gives the same
    lost, large = np.where(a > 0.5, LOST, a), np.where(a > 0.5, 99.0, a)
    assert worst_rank(lost, b, shared=False) == worst_rank(large, b, shared=False)
    assert worst_rank([LOST] * 5, [0.1, 0.2, 0.3, 0.4, 0.5], shared=False).p == pytest.approx(2 / math.comb(10, 5))


def test_arms_that_are_alike_are_told_apart_in_five_of_a_hundred_families_at_most() -> None:
    """A third of all runs does not train, in either arm, and seeds are worth something."""
    rng = np.random.default_rng(1)
    for seeds, shared in ((6, True), (8, True), (20, True), (8, False)):
        false = 0
        for _ in range(1000):
            common = rng.normal(size=seeds) * shared
            a, b = (np.where(rng.random(seeds) < 1 / 3, LOST, common + rng.normal(size=seeds)) for _ in range(2))
            false += worst_rank(a, b, shared).p < 0.05
        assert false / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)
