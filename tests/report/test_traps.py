"""Published numbers of procedures that the report does not have, and what goes wrong when they are called naively.

Whoever adds one of them finds here how its library function has to be called.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

# Table 6 of Demsar (2006): AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on fourteen data sets.
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def paper_ranks() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Ranks as printed: those of the AUCs, but voting is ranked 3 and 2 where both print .975."""
    ranks = np.array([stats.rankdata(-row) for row in AUC])
    ranks[12] = [4, 1, 2, 3]
    return ranks


def friedman(ranks: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    n, k = ranks.shape
    return float(12 * n / (k * (k + 1)) * ((ranks.mean(axis=0) ** 2).sum() - k * (k + 1) ** 2 / 4))


def test_friedman_on_the_printed_ranks_and_the_trap_of_the_printed_numbers() -> None:
    ranks = paper_ranks()
    assert ranks.mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    chi2 = friedman(ranks)
    assert chi2 == pytest.approx(9.2786, abs=5e-5)
    f = 13 * chi2 / (14 * 3 - chi2)
    assert f == pytest.approx(3.6863, abs=5e-5)
    assert stats.f.sf(f, 3, 39) == pytest.approx(0.01982, abs=5e-6)
    assert stats.chi2.sf(chi2, 3) == pytest.approx(0.02581, abs=5e-6)
    naive = stats.friedmanchisquare(*AUC.T)  # corrects for ties, which the paper does not
    assert (naive.statistic, naive.pvalue) == pytest.approx((10.952, 0.01199), abs=5e-4)
    corrected = stats.friedmanchisquare(*ranks.T)
    assert (corrected.statistic, corrected.pvalue) == pytest.approx((10.228, 0.01672), abs=5e-4)


def test_critical_differences() -> None:
    se = np.sqrt(4 * 5 / (6 * 14))
    for alpha, q, distance in ((0.05, 2.5690, 1.2536), (0.10, 2.2913, 1.1181)):
        found = stats.studentized_range.ppf(1 - alpha, 4, np.inf) / np.sqrt(2)
        assert (found, found * se) == pytest.approx((q, distance), abs=5e-5)
    dunn = stats.norm.isf(0.05 / 6)
    assert (dunn, dunn * se) == pytest.approx((2.3940, 1.1681), abs=5e-5)  # the paper prints 1.16


def test_holm_and_hommel_against_a_control() -> None:
    mean = paper_ranks().mean(axis=0)
    z = sorted((mean[0] - mean[1:]) / np.sqrt(4 * 5 / (6 * 14)), reverse=True)
    assert z == pytest.approx([2.4154, 2.3422, 0.5123], abs=5e-5)
    p = 2 * stats.norm.sf(z)
    assert p == pytest.approx([0.01572, 0.01917, 0.6084], abs=5e-5)
    assert multipletests(p, method="holm")[1] == pytest.approx([0.0472, 0.0472, 0.6084], abs=5e-5)
    assert multipletests(p, method="hommel")[1] == pytest.approx([0.0314, 0.0383, 0.6084], abs=5e-5)


def test_wilcoxon_drops_ties_unless_told_otherwise() -> None:
    d = np.round(AUC[:, 1] - AUC[:, 0], 3)  # unrounded, .971 - .954 and .978 - .961 are no tie
    found = {zeros: stats.wilcoxon(d, zero_method=zeros, method="approx") for zeros in ("zsplit", "wilcox", "pratt")}
    assert [found[zeros].statistic for zeros in ("zsplit", "wilcox", "pratt")] == [12, 6.5, 10.5]
    assert found["wilcox"].pvalue == pytest.approx(0.01076, abs=5e-4)


def test_interquartile_mean_and_the_best_of_many() -> None:
    assert stats.trim_mean(np.arange(1, 13), 0.25) == 6.5
    assert stats.trim_mean([1, 2, 3, 4, 100], 0.25) == 3
    assert [stats.trim_mean(x, 0.25) for x in ([1, 2, 2, 2, 1, 1, 2, 1], [1, 1, 2, 2, 3, 3])] == [1.5, 2]
    x = np.linspace(-12, 12, 200_001)
    expected = {2: 0.5642, 3: 0.8463, 5: 1.1630, 10: 1.5388, 20: 1.8675, 30: 2.0428, 50: 2.2491, 100: 2.5076}
    for k, value in expected.items():
        density = k * stats.norm.pdf(x) * stats.norm.cdf(x) ** (k - 1)
        assert np.trapezoid(x * density, x) == pytest.approx(value, abs=5e-5)
