"""Intervals: published numbers, guards at the edges, and coverage of a truth that is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resbench.report.statistics.crossed import Components, new_images, new_images_unpaired, this_test_set
from resbench.report.statistics.interval import Interval, Variance, clopper_pearson, from_variances, t_interval, wilson

pytestmark = pytest.mark.filterwarnings("error")

TABLE = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=np.bool_)
IMAGE_SHARE = 0.5


def errors(
    rng: np.random.Generator, shape: tuple[int, int, int], seed_share: float, rate: float
) -> npt.NDArray[np.bool_]:
    """Tables of errors `(replicates, images, seeds)` of which the rate over all images and seeds is known.

    A network misses an image if a standard normal variable, made of the image, the seed and the rest, passes a limit.
    """
    many, n, s = shape
    image, seed = rng.standard_normal((many, n, 1)), rng.standard_normal((many, 1, s))
    rest = rng.standard_normal(shape)
    shares = np.sqrt([IMAGE_SHARE, seed_share, 1 - IMAGE_SHARE - seed_share])
    return np.asarray(shares[0] * image + shares[1] * seed + shares[2] * rest > stats.norm.isf(rate))


def covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def test_wilson_and_clopper_pearson_are_those_published() -> None:
    assert wilson(9923, 10_000)[1:3] == pytest.approx((0.9903877, 0.9938343), abs=5e-8)
    assert wilson(9916, 10_000)[1:3] == pytest.approx((0.9896129, 0.9932096), abs=5e-8)
    assert clopper_pearson(9923, 10_000)[1:3] == pytest.approx((0.9903856, 0.9939186), abs=5e-8)
    assert wilson(7, 10)[1:3] == pytest.approx((0.397, 0.892), abs=5e-4)  # "70 % [40, 89]"
    assert clopper_pearson(18, 20)[1:3] == pytest.approx((0.683, 0.988), abs=5e-4)  # ".90 [.68, .99]"
    assert clopper_pearson(6, 10)[1:3] == pytest.approx((0.262, 0.878), abs=5e-4)  # ".60 [.26, .88]"


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (3, 10), (9999, 10_000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_binomial_intervals_agree_with_scipy(k: int, n: int, level: float) -> None:
    test = stats.binomtest(k, n)
    ours = (wilson(k, n, level), clopper_pearson(k, n, level))
    for interval, theirs in zip(ours, ("wilson", "exact"), strict=True):
        expected = test.proportion_ci(level, method=theirs)
        assert interval[:3] == pytest.approx((k / n, expected.low, expected.high), abs=1e-12)


def test_a_tie_that_counts_half_lies_between_its_neighbours() -> None:
    low, half, high = (clopper_pearson(k, 10) for k in (6, 6.5, 7))
    assert low.low < half.low < high.low
    assert low.high < half.high < high.high


def test_no_trials_have_no_interval() -> None:
    for interval in (wilson(0, 0), clopper_pearson(0, 0), wilson(math.nan, 3)):
        assert all(map(math.isnan, interval[:4]))


def test_crossed_table_has_the_mean_squares_published() -> None:
    parts = Components.of(TABLE)
    assert (parts.seeds, parts.images, parts.mean) == (4, 5, 0.4)
    squares = (parts.ms_seed, parts.ms_image, parts.ms_residual)
    assert squares == pytest.approx((2 / 15, 0.575, 0.175), abs=1e-12)
    # Jordan's eq. 3 comes out negative here; published unclipped, clipped in ours.
    assert (parts.ms_seed - parts.ms_residual) / parts.images == pytest.approx(-0.0083333, abs=5e-8)
    assert jordan(TABLE) == pytest.approx(-0.0083333, abs=5e-8)
    assert (parts.true_sd, parts.var_seed) == (0, 0)
    # The published standard error and degrees of freedom are those of the unclipped sum of mean squares.
    numerator = parts.ms_image + parts.ms_seed - parts.ms_residual
    assert numerator / 20 == pytest.approx(0.0266667, abs=5e-8)
    assert math.sqrt(numerator / 20) == pytest.approx(0.163299, abs=5e-7)
    spread = parts.ms_image**2 / 4 + parts.ms_seed**2 / 3 + parts.ms_residual**2 / 12
    assert numerator**2 / spread == pytest.approx(3.1212, abs=5e-5)
    interval = new_images(TABLE)
    assert interval.se == pytest.approx(math.sqrt((0.575 - 0.175 + 2 / 15) / 20))


def test_the_interval_for_new_images_puts_the_quantiles_of_its_sources_together() -> None:
    parts = Components.of(TABLE)
    interval = new_images(TABLE, 0.99)
    image, seed = (parts.ms_image - parts.ms_residual) / 20, parts.ms_seed / 20
    half = math.sqrt(stats.norm.isf(0.005) ** 2 * image + stats.t.isf(0.005, 3) ** 2 * seed)
    assert interval[1:3] == pytest.approx((0.4 - half, 0.4 + half))
    assert interval == new_images(TABLE).at_level(0.99)


@given(
    estimate=st.floats(0.01, 100),
    image=st.one_of(st.just(0.0), st.floats(1e-3, 10)),
    seed=st.floats(1e-3, 10),
    df=st.integers(1, 40),
)
def test_p_is_the_level_at_which_the_interval_touches_the_null(
    estimate: float, image: float, seed: float, df: int
) -> None:
    interval = from_variances(estimate, (Variance(image, math.inf), Variance(seed, df)))
    p = interval.p_two_sided()
    assert interval.half_width(p) == pytest.approx(estimate, rel=1e-7)
    assert interval.p_above(0) == pytest.approx(p / 2)
    assert interval.p_below(0) == pytest.approx(1 - p / 2)
    seeds_alone = 2 * stats.t.sf(estimate / math.sqrt(seed), df)
    assert p >= seeds_alone * (1 - 1e-6)  # new images are never the easier question


@pytest.mark.parametrize(
    ("ratio", "df"), [(1e-9, 4), (2.0, 4), (30.0, 4), (38.0, math.inf), (1e4, 9), (1e30, 2), (500.0, 60)]
)
def test_p_far_out_in_the_tail_keeps_its_digits(ratio: float, df: float) -> None:
    interval = from_variances(ratio, (Variance(1.0, df),))
    expected = 2 * (stats.norm.sf(ratio) if math.isinf(df) else stats.t.sf(ratio, df))
    assert interval.p_two_sided() == pytest.approx(expected, rel=1e-9)
    mixed = from_variances(ratio, (Variance(0.5, df), Variance(0.5, math.inf)))
    assert 2 * stats.norm.sf(ratio) * (1 - 1e-9) <= mixed.p_two_sided() <= expected * (1 + 1e-9)


def test_values_that_are_equal_but_for_rounding_have_no_variance() -> None:
    assert t_interval([0.1 + 0.2, 0.3, 0.3]).se == 0
    assert t_interval([1.0, 1.0 + 1e-6, 1.0]).se > 0


def test_counts_of_seeds_that_happen_to_agree_leave_the_noise_between_seeds() -> None:
    table = np.zeros((100, 5), dtype=np.bool_)
    table[np.arange(5), np.arange(5)] = True  # each seed misses one image, and none the same
    parts = Components.of(table)
    assert (parts.ms_seed, this_test_set(table).se) == (0, 0)
    assert new_images(table).se >= math.sqrt(parts.ms_residual / 500)


def jordan(x: npt.NDArray[np.bool_]) -> float:
    """Eq. 3 in its own words: the variance between seeds less what independent errors on these images would give."""
    n, s = x.shape
    p = x.mean(axis=1)
    return float(x.mean(axis=0).var(ddof=1) - s / (s - 1) * (p * (1 - p)).sum() / n**2) * n / (n - 1)


@pytest.mark.parametrize("seed", range(20))
def test_jordans_equation_is_the_variance_component_of_seeds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((int(rng.integers(2, 200)), int(rng.integers(2, 12)))) < rng.random()
    parts = Components.of(x)
    assert (parts.ms_seed - parts.ms_residual) / parts.images == pytest.approx(jordan(x), abs=1e-12)
    assert parts.true_sd == pytest.approx(math.sqrt(max(0, jordan(x))), abs=1e-12)
    p = x.mean(axis=1)
    s = parts.seeds
    assert parts.predicted_sd == pytest.approx(math.sqrt((p * (1 - p)).sum() * s / (s - 1)) / len(p))


def test_independent_errors_vary_between_seeds_as_predicted() -> None:
    tables = np.random.default_rng(2).random((400, 300, 4)) < np.linspace(0, 1, 300)[None, :, None]
    parts = [Components.of(x) for x in tables]
    observed = np.mean([one.ms_seed / one.images for one in parts])
    assert np.mean([one.predicted_sd**2 for one in parts]) == pytest.approx(observed, rel=0.08)
    assert math.isnan(Components.of(tables[0].astype(np.int8) - tables[1]).predicted_sd)


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint8, np.float64])
def test_components_do_not_depend_on_the_type_of_the_numbers(kind: type) -> None:
    x = np.random.default_rng(3).random((300, 7)) < 0.2
    one, two = Components.of(x), Components.of(x.astype(kind))
    assert vars(two) == pytest.approx(vars(one), abs=1e-12)
    squares = ((x - x.mean()) ** 2).sum()
    assert 299 * one.ms_image + 6 * one.ms_seed + 299 * 6 * one.ms_residual == pytest.approx(squares)


def test_a_large_table_is_a_matter_of_moments() -> None:
    x = np.random.default_rng(0).random((10_000, 100)) < 0.01
    assert new_images(x).estimate == pytest.approx(x.mean())
    assert new_images(x).se == pytest.approx(0.0001, rel=0.05)


def test_t_interval_is_students() -> None:
    values = [99.2, 99.25, 99.18]
    interval = t_interval(values)
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert interval[:3] == pytest.approx((np.mean(values), *expected))
    assert interval.variances[0].df == 2
    assert interval.at_level(0.8)[1:3] == pytest.approx(stats.t.interval(0.8, 2, np.mean(values), stats.sem(values)))
    assert this_test_set(TABLE) == t_interval([0.4, 0.4, 0.6, 0.2])


def test_values_that_are_not_there_are_left_out_and_infinite_ones_are_not() -> None:
    assert t_interval([0.1, math.nan, 0.3]) == t_interval([0.1, 0.3])
    assert all(map(math.isnan, t_interval([0.1, math.inf, 0.3])[:4]))
    assert all(map(math.isnan, t_interval([])[:4]))
    assert all(map(math.isnan, t_interval([math.nan])[:4]))
    assert t_interval([0.5])[0] == 0.5
    assert all(map(math.isnan, t_interval([0.5])[1:4]))


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("function", [new_images, this_test_set])
def test_a_table_without_variance_has_no_width(function: Any, value: int) -> None:
    interval = function(np.full((50, 3), bool(value)))
    assert interval[:4] == (value, value, value, 0)
    assert function(np.full((50, 3), value * 0.1))[:4] == pytest.approx((value * 0.1, value * 0.1, value * 0.1, 0))


@pytest.mark.parametrize("shape", [(50, 1), (1, 4), (1, 1)])
def test_one_seed_or_one_image_is_no_sample(shape: tuple[int, int]) -> None:
    x = np.zeros(shape, dtype=np.bool_)
    x[0, 0] = True
    interval = new_images(x)
    assert interval.estimate == pytest.approx(1 / x.size)
    assert all(map(math.isnan, interval[1:4]))
    assert math.isnan(Components.of(x).ms_residual)
    assert math.isnan(Components.of(x).var_image) or shape[0] > 1


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_has_no_interval(shape: tuple[int, int]) -> None:
    x = np.zeros(shape, dtype=np.bool_)
    for interval in (new_images(x), this_test_set(x), new_images_unpaired(x, x)):
        assert all(map(math.isnan, interval[:4]))


def test_a_missing_entry_leaves_the_table_without_an_interval() -> None:
    x = TABLE.astype(np.float64)
    x[0, 0] = math.nan
    assert all(map(math.isnan, new_images(x)[:4]))
    assert all(map(math.isnan, this_test_set(x)[:4]))


def test_a_row_of_values_is_no_table() -> None:
    with pytest.raises(ValueError, match=r"expected a table \(images, seeds\)"):
        new_images(np.zeros(3))


def test_unpaired_arms_add_their_noise() -> None:
    rng = np.random.default_rng(1)
    a, b = errors(rng, (2, 400, 8), 0.05, 0.2)
    one, two, both = new_images(a), new_images(b), new_images_unpaired(a, b)
    assert both.estimate == pytest.approx(one.estimate - two.estimate)
    assert both.se == pytest.approx(math.hypot(one.se, two.se), rel=0.25)  # images of a and b are not the same here
    assert new_images_unpaired(b, a).se == pytest.approx(both.se)
    with pytest.raises(ValueError, match="400 and 399 images"):
        new_images_unpaired(a, b[1:])
    zeros = np.zeros((50, 3), dtype=np.bool_)
    assert new_images_unpaired(zeros, zeros)[:4] == (0, 0, 0, 0)


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("seed_share", [0.0, 0.02])
def test_crossed_interval_covers_the_truth(seeds: int, seed_share: float) -> None:
    tables = errors(np.random.default_rng(seeds), (600, 400, seeds), seed_share, 0.1)
    share = np.mean([covers(new_images(x), 0.1) for x in tables])
    assert 0.92 <= share <= 0.98


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("seed_share", [0.0, 0.02])
def test_crossed_interval_of_a_difference_covers_the_truth(seeds: int, seed_share: float) -> None:
    rng = np.random.default_rng(100 + seeds)
    ours, theirs = (errors(rng, (600, 400, seeds), seed_share, rate) for rate in (0.08, 0.1))
    share = np.mean([covers(new_images(a.astype(np.int8) - b), -0.02) for a, b in zip(ours, theirs, strict=True)])
    assert 0.92 <= share <= 0.98
    share = np.mean([covers(new_images_unpaired(a, b), -0.02) for a, b in zip(ours, theirs, strict=True)])
    assert 0.92 <= share <= 0.98


def test_crossed_interval_of_three_seeds_with_variance_of_their_own_is_still_usable() -> None:
    tables = errors(np.random.default_rng(3), (600, 400, 3), 0.02, 0.1)
    assert np.mean([covers(new_images(x), 0.1) for x in tables]) >= 0.94


def test_an_interval_over_seeds_does_not_cover_new_images_and_more_seeds_make_it_worse() -> None:
    shares = []
    for seeds in (5, 20):
        tables = errors(np.random.default_rng(7), (300, 400, seeds), 0.0, 0.1)
        shares.append(np.mean([covers(this_test_set(x), 0.1) for x in tables]))
    assert shares[1] < shares[0] < 0.92


def test_students_interval_of_five_seeds_covers_the_truth() -> None:
    values = np.random.default_rng(5).standard_normal((2000, 5))
    assert np.mean([covers(t_interval(row), 0) for row in values]) == pytest.approx(0.95, abs=0.015)
