"""Error rates far out in the tails, by simulation: of p values, of families, and of claims against a margin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from support.null_arms import MODELS, draw, family_errors

from resbench.report.statistics.crossed import new_images
from resbench.report.statistics.effect import p_beyond
from resbench.report.statistics.interval import Interval, from_standard_error, from_variances, t_interval, wilson


def test_a_p_of_new_images_is_no_smaller_than_that_of_these() -> None:
    rng = np.random.default_rng(0)
    for model in MODELS.values():
        for _ in range(20):
            d = draw(rng, model, seeds=5)
            assert new_images(d).p_two_sided() >= t_interval(d.mean(axis=0)).p_two_sided() * (1 - 1e-6)


@pytest.mark.parametrize("name", ["images alike", "seeds and images"])
def test_small_p_values_come_no_more_often_than_they_say(name: str) -> None:
    """Of 3,000 null comparisons 7.5 are due below .0025, and 20 would be one of 10,000 such tests."""
    rng = np.random.default_rng(1)
    p = np.array([new_images(draw(rng, MODELS[name], seeds=5)).p_two_sided() for _ in range(3000)])
    assert (p < 0.0025).sum() <= 18
    assert (p < 0.05).mean() <= 0.06


@pytest.mark.parametrize("margin", [2.0, 1.0, 0.5, 0.2, 0.1, 0.0])
def test_refuting_equivalence_errs_as_often_as_it_says_at_every_margin(margin: float) -> None:
    """At the margin, in standard errors, with 5 seeds; one tail alone errs in 7 to 10 % where the margin is small."""
    limit = margin / np.sqrt(5)
    d = np.random.default_rng(2).standard_normal((20_000, 5)) + limit
    se = d.std(axis=1, ddof=1) / np.sqrt(5)
    distance = np.abs(d.mean(axis=1))
    p = stats.t.sf((distance - limit) / se, 4) + stats.t.sf((distance + limit) / se, 4)
    assert [p_beyond(t_interval(row), limit) for row in d[:50]] == pytest.approx(np.minimum(p[:50], 1).tolist())
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.006)


def test_the_worked_example_of_a_margin_far_below_the_noise() -> None:
    """+2.99 points [-0.01, +5.99] with a margin of 0.05: one tail has p .026, both have .05."""
    interval = from_standard_error(2.99, 3.0 / stats.t.isf(0.025, 4), 4)
    assert interval[1:3] == pytest.approx((-0.01, 5.99))
    assert p_beyond(interval, 0.05) > 0.05
    assert p_beyond(interval, 0.0) == pytest.approx(interval.p_two_sided())


def test_no_p_follows_from_a_binomial_interval() -> None:
    assert np.isnan(wilson(3, 10).p_two_sided())
    assert np.isnan(Interval(0.1, 0.0, 0.2, 0.05).p_two_sided())
    assert from_variances(0.0, ()).p_two_sided() == 1


def test_a_family_of_ten_errs_in_five_percent() -> None:
    """It was 10.0 % where the arms differ image by image; 300 families are within 3 points."""
    assert family_errors(np.random.default_rng(3), MODELS["images differ"], 5, [10], 300)[10] <= 0.08


@pytest.mark.parametrize(("level", "due"), [(0.025, 2.5), (0.05, 5.0)])
def test_what_is_worse_by_the_margin_passes_as_no_worse_as_seldom_as_said(level: float, due: float) -> None:
    """At the margin itself, by images and seeds: 2.5 % for claims of being no worse, 5 % for each side of equivalence."""
    rng, limit = np.random.default_rng(4), 0.01
    intervals = [new_images(draw(rng, MODELS["seeds alone"], seeds=8)) for _ in range(3000)]
    passed = [one._replace(estimate=one.estimate + limit).p_below(limit) < level for one in intervals]
    assert 100 * np.mean(passed) == pytest.approx(due, abs=1.1)
