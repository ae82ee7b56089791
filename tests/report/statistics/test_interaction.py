"""Differences of differences: what they must agree with, the records of the depth study, and how often intervals cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from resbench.report.arms import Arm, arms_of
from resbench.report.comparison import compare_four
from resbench.report.statistics.compare import paired, unpaired
from resbench.report.statistics.interaction import APART, IN_PAIRS, TOGETHER, Groups, of_errors, of_values
from resbench.report.study import load

RESULTS = Path(__file__).parents[3] / "results"
Tables = list[npt.NDArray[np.bool_]]


def tables(seeds: int, images: int = 500, seed: int = 0, rates: tuple[float, ...] = (0.1, 0.2, 0.1, 0.15)) -> Tables:
    draw = np.random.default_rng(seed)
    return [draw.random((images, seeds)) < rate for rate in rates]


def test_an_interaction_with_nothing_subtracted_is_the_difference() -> None:
    a, b, _, _ = tables(6)
    none = np.zeros_like(a)
    alone, difference = of_errors([a, b, none, none], TOGETHER, 0.01), paired(a, b, 0.01)
    assert alone.interval == difference.interval and alone.p == difference.p and alone.sd == difference.sd
    assert alone.equivalent == difference.equivalent and alone.components == difference.components
    one_less = of_errors([none, b, a, none], TOGETHER, 0.01)  # theirs in the first place, ours in the second
    assert one_less.interval.estimate == pytest.approx(-(a.mean() + b.mean()))


def test_it_is_the_difference_of_the_two_differences_and_turns_round_with_the_places() -> None:
    cells = tables(8)
    found = of_errors(cells, TOGETHER, 0.01)
    assert found.interval.estimate == pytest.approx(found.ours - found.theirs)
    assert (found.ours, found.theirs) == pytest.approx(
        [cells[0].mean() - cells[1].mean(), cells[2].mean() - cells[3].mean()]
    )
    turned = of_errors([*cells[2:], *cells[:2]], TOGETHER, 0.01)
    assert turned.interval.low == pytest.approx(-found.interval.high) and turned.p == pytest.approx(found.p)
    assert turned.ratio.low == pytest.approx(1 / found.ratio.high)


def test_separate_seeds_agree_with_the_comparison_of_two_arms() -> None:
    a, b, _, _ = tables(6)
    none = np.zeros_like(a)
    apart, two = of_errors([a, b, none, none], APART, 0.01), unpaired(a, b, 0.01)
    assert apart.interval[:4] == pytest.approx(two.interval[:4]) and apart.p == pytest.approx(two.p)
    assert not apart.shared_seeds and apart.components is None


def test_seeds_of_each_difference_may_be_shared_alone() -> None:
    """Shared noise between the seeds of a difference cancels there, and counts where seeds are taken as separate."""
    draw = np.random.default_rng(3)
    noise = draw.uniform(0.0, 0.3, 6)
    cells = [draw.random((2000, 6)) < rate + noise for rate in (0.1, 0.2, 0.1, 0.15)]
    pairs, apart = of_errors(cells, IN_PAIRS, 0.01).interval, of_errors(cells, APART, 0.01).interval
    assert pairs.estimate == pytest.approx(apart.estimate) and pairs.high - pairs.low < 0.5 * (apart.high - apart.low)


def test_values_over_seeds_are_student_s() -> None:
    draw = np.random.default_rng(5)
    cells = [draw.normal(size=7) for _ in range(4)]
    found = of_values(cells, TOGETHER, 0.1)
    d = cells[0] - cells[1] - cells[2] + cells[3]
    assert found.p == pytest.approx(stats.ttest_1samp(d, 0).pvalue) and found.from_seeds_only
    assert (found.interval.low, found.interval.high) == pytest.approx(stats.ttest_1samp(d, 0).confidence_interval())
    cells[1][2] = np.nan
    assert of_values(cells, TOGETHER, 0.1).seeds == 6


def test_what_is_certain_and_what_is_unknown() -> None:
    same = tables(5)[0]
    none = of_errors([same, same, same, same], TOGETHER, 0.02)
    assert none.interval[:3] == (0, 0, 0) and none.p == 1 and none.equivalent
    assert not of_errors([same, same, same, same], TOGETHER, 0.01).equivalent  # 500 images may all miss a rare one
    one_seed = of_errors([table[:, :1] for table in tables(1)], TOGETHER, 0.01)
    assert np.isnan(one_seed.p) and np.isnan(one_seed.interval.low) and not one_seed.one_pair
    with pytest.raises(ValueError, match="images"):
        of_errors([*tables(5)[:3], tables(5, images=10)[3]], TOGETHER, 0.01)


def test_a_ratio_that_is_the_same_in_both_places_is_no_interaction_of_ratios() -> None:
    """Errors that double in both places: a difference of differences, and a ratio of ratios of 1."""
    rates = (0.40, 0.20, 0.10, 0.05)
    found = of_errors(tables(8, images=4000, rates=rates), TOGETHER, 0.01)
    assert found.interval.low > 0.1 and found.ratio.low < 1 < found.ratio.high


# of each step in depth: the growth of (none - identity) in points, and its limits by other code, from the same records
STEPS = {
    (22, 10): (0.26, 0.15, 0.38),
    (34, 22): (0.26, 0.02, 0.50),
    (58, 34): (1.92, 1.45, 2.39),
    (100, 58): (84.4, 83.5, 85.4),
}


def test_the_growth_of_the_gain_with_depth_is_what_other_code_gives() -> None:
    study = load(RESULTS, "depth")
    arms = arms_of(study)
    for (deep, shallow), (estimate, low, high) in STEPS.items():
        four: list[Arm] = [arms[str(depth), arm] for depth in (deep, shallow) for arm in ("none", "identity")]
        found = compare_four(study, (four[0], four[1], four[2], four[3]), study.claims[0].metric, 0.05)
        assert found is not None and found.shared_seeds and found.seeds == 5
        digits = 1 if deep == 100 else 2
        assert 100 * found.interval.estimate == pytest.approx(estimate, abs=0.6 * 10.0**-digits)
        # another formula for the limits, which lie within a tenth of the width of one another
        assert 100 * found.interval.low == pytest.approx(low, abs=0.1 * (high - low) + 0.005)
        assert 100 * found.interval.high == pytest.approx(high, abs=0.1 * (high - low) + 0.005)


@pytest.mark.parametrize(("seeds", "groups"), [(5, TOGETHER), (8, TOGETHER), (5, APART)])
def test_intervals_cover_as_often_as_they_say(seeds: int, groups: Groups) -> None:
    """Errors of about 1 % that fall on hard images, with another noise between seeds in each of the four cells."""
    draw = np.random.default_rng([17, seeds, len(groups)])
    factor, sd = np.array([1.0, 1.4, 0.9, 1.1]), np.array([0.05, 0.3, 0.05, 0.15])
    truth = float(np.array([1, -1, -1, 1]) @ (factor * np.exp(sd**2 / 2))) * 0.2 / 20
    replicates, covered = 600, 0
    for _ in range(replicates):
        hard = draw.beta(1, 19, 1000) * (draw.random(1000) < 0.2)
        errors = [
            draw.random((1000, seeds)) < np.outer(hard, f * np.exp(s * draw.normal(size=seeds)))
            for f, s in zip(factor, sd, strict=True)
        ]
        low, high = of_errors(errors, groups, 0.001).interval[1:3]
        covered += low <= truth <= high
    assert 0.927 <= covered / replicates <= 0.985  # a standard error of 0.9 %; MOVER covers 95 to 97 %
