"""Contrasts: published examples, exactness, known truths, and the edges of what can be compared."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.stats.weightstats import ttost_paired

from resbench.report.statistics.compare import paired, paired_values, unpaired, unpaired_values
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.crossed import new_images, new_images_unpaired, this_test_set
from resbench.report.statistics.family import holm

pytestmark = pytest.mark.filterwarnings("error")

Errors = npt.NDArray[np.bool_]
X = [99.20, 99.25, 99.18, 99.30, 99.22, 99.27, 99.21, 99.26]
Y = [99.15, 99.17, 99.16, 99.21, 99.14, 99.22, 99.19, 99.18]
DARWIN = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
NONE = np.zeros((40, 3), dtype=np.bool_)


def arms(
    rng: np.random.Generator, images: int, seeds: int, rates: tuple[float, float], image_share: float = 0.9
) -> tuple[Errors, Errors]:
    """Two arms `(images, seeds)` with the same hard images and known rates of error on images of this kind."""
    image = rng.standard_normal((images, 1))
    own = math.sqrt(1 - image_share)
    one, two = (
        math.sqrt(image_share) * image + own * rng.standard_normal((images, seeds)) > stats.norm.isf(rate)
        for rate in rates
    )
    return one, two


def one_pair(both_right: int, only_ours: int, only_theirs: int, both_wrong: int) -> tuple[Errors, Errors]:
    """Networks that miss, in turn, neither, only ours, only theirs, and both."""
    counts = [both_right, only_ours, only_theirs, both_wrong]
    ours, theirs = (np.repeat(values, counts)[:, None] for values in ([False, True] * 2, [False, False, True, True]))
    return ours, theirs


@pytest.mark.parametrize(
    ("table", "exact_p", "mid_p"),
    [
        ([[9945, 25], [15, 15]], 0.15386, 0.11728),
        ([[9959, 11], [1, 29]], 0.006348, None),
        ([[794, 86], [150, 570]], 3.716e-05, None),
        ([[9889, 27], [34, 50]], 0.443, 0.374),
        ([[9989, 1], [8, 2]], 0.039, None),
        ([[9988, 2], [9, 1]], 0.065, None),
        ([[10, 1], [1, 10]], 1.0, 0.75),  # of equal counts half of their probability is left out
        ([[10, 5], [5, 10]], 1.0, 1 - 252 / 2048),
    ],
)
def test_one_pair_of_networks_is_mcnemars(table: list[list[int]], exact_p: float, mid_p: float | None) -> None:
    found = paired(*one_pair(table[0][0], *table[0][1:], *table[1]), margin=0.0005)
    assert found.one_pair
    digits = 5e-4 if exact_p in (0.443, 0.039, 0.065) else 5e-6
    assert found.p_mcnemar == found.p == pytest.approx(exact_p, abs=digits)
    assert found.p_mcnemar == pytest.approx(mcnemar_of_statsmodels(table, exact=True).pvalue)
    if mid_p is not None:
        assert found.p_mid == pytest.approx(mid_p, abs=digits)


def test_seven_images_of_ten_thousand_are_noise() -> None:
    found = paired(*one_pair(9889, 34, 27, 50), margin=0.0005)
    low, high = 100 * found.crossed.low, 100 * found.crossed.high
    wald = 1.96 * math.sqrt(61 - 7**2 / 1e4) / 100
    assert low == pytest.approx(0.07 - wald, abs=0.01) and high == pytest.approx(0.07 + wald, abs=0.01)
    assert (found.churn, found.discordant) == (0.0061, 61)
    assert (found.images, found.seeds, found.few_seeds, found.from_seeds_only) == (10_000, 1, True, False)
    assert math.isnan(found.p_crossed)
    assert math.isnan(found.this_test_set.low)
    assert not found.equivalent_new_images
    assert unpaired(*one_pair(9889, 34, 27, 50), margin=0.0005).p_mcnemar == found.p_mcnemar


@pytest.mark.parametrize("only_theirs", range(0, 30, 3))
def test_the_interval_of_one_pair_excludes_zero_where_the_uncorrected_p_says_so(only_theirs: int) -> None:
    found = paired(*one_pair(60, 9, only_theirs, 2), margin=0.01)
    p = mcnemar_of_statsmodels([[60, 9], [only_theirs, 2]], exact=False, correction=False).pvalue
    assert (found.crossed.low > 0 or found.crossed.high < 0) == (p < 0.05)


def test_the_interval_of_one_pair_is_tangos() -> None:
    """Airway hyper-responsiveness before and after a transplantation (Fagerland et al. 2014, table 2): -0.517 to -0.026."""
    found = paired(*one_pair(12, 1, 7, 1), margin=0.01).crossed
    assert found.estimate == pytest.approx(-6 / 21)
    assert (found.low, found.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("counts", [(1200, 0, 8800, 0), (0, 0, 100, 0), (100, 0, 0, 0), (0, 100, 0, 0)])
def test_an_interval_of_one_pair_is_never_a_point(counts: tuple[int, int, int, int]) -> None:
    """With 8,800 images that only theirs misses new images still vary: about 88 +- 0.6 points."""
    found = paired(*one_pair(*counts), margin=0.01).crossed
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert found.high - found.low > 0.01
    if counts[0] == 1200:
        assert (found.low, found.high) == pytest.approx((-0.8862, -0.8735), abs=5e-4)


def test_differences_that_are_equal_but_for_rounding_have_no_p() -> None:
    x = np.array([0.3, 0.5, 0.7, 0.2, 0.9])
    found = paired_values(x + 0.1, x, margin=0.05)
    assert math.isnan(found.p)
    assert found.sd == 0
    assert not found.equivalent
    assert math.isnan(paired_values([0.25] * 5, [0.125] * 5, 0.5).p)


def test_limits_stay_within_what_is_possible() -> None:
    ours, theirs = np.ones((40, 3), bool), np.zeros((40, 3), bool)
    theirs[0, 1] = True
    for found in (paired(ours, theirs, 0.1), unpaired(ours, theirs, 0.1)):
        assert found.crossed.high == found.this_test_set.high == found.simultaneous(20).high == 1
        assert found.crossed.low < found.crossed.estimate < 1


def test_darwins_plants() -> None:
    found = paired_values(DARWIN, np.zeros(15), margin=1, higher_is_better=True)
    assert found.p_wilcoxon == pytest.approx(0.041259765625, abs=1e-15)
    assert found.p_t == found.p == pytest.approx(0.0497029, abs=5e-8)
    assert found.this_test_set.estimate / found.this_test_set.se == pytest.approx(2.147987, abs=5e-7)
    assert found.p_sign_flip == pytest.approx(1726 / 32768, abs=1e-15)
    assert found.improvement.estimate == pytest.approx(13 / 15)


def test_paired_example() -> None:
    found = paired_values(X, Y, margin=0.05, higher_is_better=True)
    interval = found.this_test_set
    assert interval.estimate == pytest.approx(0.05875)
    assert found.sd == pytest.approx(0.027999, abs=5e-7)
    assert interval.estimate / interval.se == pytest.approx(5.93492, abs=5e-6)
    assert found.p_t == pytest.approx(0.00057877, abs=5e-9)
    assert interval[1:3] == pytest.approx((0.0353425, 0.0821575), abs=5e-8)
    assert found.p_sign_flip == found.p_wilcoxon == 0.0078125
    assert found.p_equivalence_test_set == pytest.approx(0.79696, abs=5e-6)
    assert found.p_equivalence_test_set == pytest.approx(ttost_paired(np.array(X), np.array(Y), -0.05, 0.05)[0])
    assert unpaired_values(X, Y, 0.05, higher_is_better=True).improvement.estimate == 0.8828125
    assert found.rho == pytest.approx(stats.pearsonr(X, Y).statistic)
    assert (found.improvement.estimate, found.one_pair, found.from_seeds_only) == (1, False, True)
    assert paired_values(X, Y, 0.05).improvement.estimate == 0


def test_probability_of_improvement_counts_ties_half() -> None:
    assert unpaired_values([1, 2, 2, 2, 1, 1, 2, 1], [1, 1, 2, 2, 3, 3], 0, higher_is_better=True).improvement[
        0
    ] == pytest.approx(1 / 3)  # the example of rliable's own tests
    d = paired_values([1, 1, 0], [0, 1, 0], 0).improvement
    assert d.estimate == pytest.approx(1 / 3)  # one lost, two ties


def test_hedges_correction() -> None:
    found = paired_values([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], 1)
    factor = math.gamma(1) / math.gamma(0.5)  # sqrt(df / 2) is 1 for three seeds
    assert found.d_z == pytest.approx(7 / 3 / np.std([1, 2, 4], ddof=1) * factor)
    large = unpaired_values(np.arange(100.0), np.arange(100.0) + 5, 1)
    assert large.d_z == pytest.approx(-5 / np.std(np.arange(100), ddof=1) * (1 - 3 / (4 * 198 - 1)), rel=1e-5)


def test_a_contrast_of_tables_is_made_of_its_parts() -> None:
    ours, theirs = arms(np.random.default_rng(4), 2000, 8, (0.03, 0.05))
    found = paired(ours, theirs, margin=0.01)
    d = ours.astype(np.int8) - theirs
    assert found.crossed == new_images(d)
    assert found.this_test_set == this_test_set(d)
    assert (found.ours, found.theirs) == pytest.approx((ours.mean(), theirs.mean()))
    assert found.p_crossed == found.p == found.crossed.p_two_sided()
    assert found.p_t == pytest.approx(stats.ttest_rel(ours.mean(axis=0), theirs.mean(axis=0)).pvalue)
    assert found.churn == pytest.approx((ours != theirs).mean())
    assert found.discordant == pytest.approx((ours != theirs).sum() / 8)
    assert found.relative_change.estimate == pytest.approx(ours.mean() / theirs.mean() - 1)
    assert found.components is not None
    assert found.sd == pytest.approx(math.sqrt(found.components.ms_seed / found.components.images))
    assert not (found.few_seeds or found.one_pair or found.from_seeds_only)
    reverse = paired(theirs, ours, margin=0.01)
    assert reverse.crossed.low == pytest.approx(-found.crossed.high)
    assert reverse.p == pytest.approx(found.p)
    assert reverse.improvement.estimate == pytest.approx(1 - found.improvement.estimate)


def test_equivalence_is_the_ninety_percent_interval_within_the_margin() -> None:
    ours, theirs = arms(np.random.default_rng(8), 2000, 6, (0.05, 0.05))
    for margin in np.linspace(0.0005, 0.01, 30):
        found = paired(ours, theirs, float(margin))
        for interval, equivalent in (
            (found.crossed, found.equivalent_new_images),
            (found.this_test_set, found.equivalent_test_set),
        ):
            narrow = interval.at_level(0.9)
            assert equivalent == (-margin < narrow.low and narrow.high < margin)


def test_unpaired_arms() -> None:
    ours, theirs = arms(np.random.default_rng(4), 2000, 8, (0.03, 0.05))
    theirs = theirs[:, :5]
    found = unpaired(ours, theirs, margin=0.01)
    welch = stats.ttest_ind(ours.mean(axis=0), theirs.mean(axis=0), equal_var=False)
    assert found.crossed == new_images_unpaired(ours, theirs)
    assert found.p_t == pytest.approx(welch.pvalue)
    assert found.this_test_set[1:3] == pytest.approx(tuple(welch.confidence_interval()))
    assert (found.seeds, found.seeds_theirs, found.shared_seeds, found.few_seeds) == (8, 5, False, True)
    pairs = [(ours[:, i] != theirs[:, j]).mean() for i in range(8) for j in range(5)]
    assert found.churn == pytest.approx(np.mean(pairs))
    wins = [(ours[:, i].mean() < theirs[:, j].mean()) for i in range(8) for j in range(5)]
    ties = [(ours[:, i].mean() == theirs[:, j].mean()) for i in range(8) for j in range(5)]
    assert found.improvement.estimate == pytest.approx(np.mean(wins) + np.mean(ties) / 2)
    assert math.isnan(found.improvement.low)
    assert unpaired(ours, theirs[:, :1], 0.01).one_pair is False
    assert math.isnan(unpaired(ours, theirs[:, :1], 0.01).p_t)


@pytest.mark.parametrize("function", [paired, unpaired])
def test_arms_that_never_differ_are_equivalent_if_the_images_are_enough(function: Any) -> None:
    for value in (False, True):
        same = np.full((10_000, 6), value)
        found: Contrast = function(same, same, 0.0005)
        assert found.crossed[:4] == (0, 0, 0, 0)
        assert (found.p_crossed, found.p_t, found.p_sign_flip, found.p_wilcoxon) == (1, 1, 1, 1)
        assert found.equivalent_new_images
        assert found.equivalent_test_set
        assert found.improvement.estimate == 0.5
        assert (found.churn, found.discordant) == (0, 0)
        few: Contrast = function(same[:100], same[:100], 0.0005)
        assert few.equivalent_test_set
        assert not few.equivalent_new_images  # 100 images say nothing of one in 2,000


def test_all_wrong_against_all_right() -> None:
    found = paired(~NONE, NONE, 0.1)
    assert found.crossed[:4] == (1, 1, 1, 0)
    assert (found.p_crossed, found.p_sign_flip, found.improvement.estimate) == (0, 0.25, 0)
    assert math.isnan(found.p_t)  # three equal differences have no t
    assert math.isnan(found.relative_change.estimate)
    assert not (found.equivalent_new_images or found.equivalent_test_set)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (5, 0), (1, 1), (1, 3), (5, 1), (2, 2)])
@pytest.mark.parametrize("function", [paired, unpaired])
def test_every_shape_has_an_answer_without_a_warning(function: Any, shape: tuple[int, int]) -> None:
    for ours, theirs in itertools.product((np.zeros(shape, bool), np.ones(shape, bool)), repeat=2):
        found = function(ours, theirs, 0.01)
        assert (found.images, found.seeds) == shape
        assert found.one_pair == (shape[1] == 1)


def test_values_that_are_missing_take_their_pair_along() -> None:
    found = paired_values([1, 2, math.nan, 4], [0, math.nan, 0, 1], 0.5)
    assert (found.seeds, found.ours, found.theirs, found.images) == (2, 2.5, 0.5, None)
    assert found.components is None
    assert math.isnan(found.crossed.low)
    assert found.interval == found.this_test_set
    assert not found.equivalent_new_images
    for values in ([], [math.nan], [math.inf, 1.0], [-math.inf, math.inf], [0.0]):
        for function in (paired_values, unpaired_values):
            for result in (function(values, values, 0.1), function(values, [1.0] * len(values), 0.1)):
                assert math.isnan(result.this_test_set.low)


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"agree in shape: \(40, 3\) and \(40, 2\)"):
        paired(NONE, NONE[:, :2], 0.1)
    with pytest.raises(ValueError, match="40 and 39 images"):
        unpaired(NONE, NONE[1:], 0.1)
    with pytest.raises(ValueError, match="boolean table"):
        paired(NONE.astype(float), NONE.astype(float), 0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="agree in number: 2 and 1"):
        paired_values([1, 2], [1], 0.1)


def test_null_grids_keep_the_family_wise_error() -> None:
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(200):
        contrasts = [paired(*arms(rng, 800, 8, (0.08, 0.08), 0.7), margin=0.005) for _ in range(5)]
        rejected += bool((holm([one.p for one in contrasts]) < 0.05).any())
    assert rejected / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_a_planted_difference_is_found() -> None:
    rng = np.random.default_rng(12)
    found = [paired(*arms(rng, 10_000, 10, (0.008, 0.010)), margin=0.0005) for _ in range(20)]
    p = [holm([one.p, 0.5, 0.5, 0.5, 0.5])[0] for one in found]
    assert np.mean([one.crossed.high < 0 and each < 0.05 for one, each in zip(found, p, strict=True)]) >= 0.8
    assert not any(one.equivalent_new_images for one in found)


def test_equivalent_arms_are_called_equivalent_and_different_ones_are_not() -> None:
    rng = np.random.default_rng(13)
    same = [paired(*arms(rng, 10_000, 20, (0.008, 0.008), 0.97), margin=0.0005) for _ in range(20)]
    assert np.mean([one.equivalent_new_images for one in same]) >= 0.8
    edge = [paired(*arms(rng, 10_000, 10, (0.0085, 0.008), 0.95), margin=0.0005) for _ in range(60)]
    assert np.mean([one.equivalent_new_images for one in edge]) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 60)
