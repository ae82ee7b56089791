"""The e-value of the t test: its closed form against an integral, and its error at every number of seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from resbench.report.statistics.anytime import anytime_p, anytime_p_above, anytime_p_below, anytime_sign_p, e_value
from resbench.report.statistics.interval import Interval, t_interval, unknown


def from_t(t: float) -> Interval:
    return Interval(t, math.nan, math.nan, 1.0)


@pytest.mark.parametrize(("t", "seeds"), [(0.0, 5), (1.3, 5), (2.5, 8), (-4.0, 20)])
def test_it_is_the_bayes_factor_of_a_normal_prior_on_the_standardised_difference(t: float, seeds: int) -> None:
    def weighed(d: float) -> float:
        return float(stats.norm.pdf(d) * stats.nct.pdf(t, seeds - 1, d * math.sqrt(seeds)))

    factor = integrate.quad(weighed, -6, 6)[0] / stats.t.pdf(t, seeds - 1)
    assert e_value(from_t(t), seeds) == pytest.approx(factor, rel=1e-6)


def test_a_shift_moves_the_null() -> None:
    values = np.array([0.2, 0.5, 0.1, 0.4, 0.3, 0.6])
    assert e_value(t_interval(values), 6, 0.1) == pytest.approx(e_value(t_interval(values - 0.1), 6))
    interval = t_interval(values)
    assert anytime_p_above(interval, 6, 0.4) == 1 and anytime_p_below(interval, 6, 0.3) == 1
    assert anytime_p_below(interval, 6, 1.0) == anytime_p(interval, 6, 1.0) < 0.05


def test_edges() -> None:
    assert math.isnan(e_value(unknown(1.0), 5)) and math.isnan(anytime_p(from_t(1.0), 1))
    assert anytime_p(Interval(1.0, 1.0, 1.0, 0.0), 5) == 0 and anytime_p(Interval(0.0, 0.0, 0.0, 0.0), 5) == 1
    assert 0 < anytime_p(from_t(1e200), 500) < 1e-100


def test_looking_after_every_seed_finds_no_more_than_two_percent_of_nothing() -> None:
    """From 5 to 20 seeds 1.9 % of paths without a difference reach E >= 20; at most 5 % ever may."""
    paths = 40_000
    x = np.random.default_rng(11).standard_normal((paths, 20))
    found = np.zeros(paths, dtype=bool)
    for seeds in range(5, 21):
        # E rises with t, so that it is 20 or more where t is beyond one value
        bound = next(t for t in np.arange(1, 20, 0.001) if e_value(from_t(float(t)), seeds) >= 20)
        part = x[:, :seeds]
        found |= np.abs(part.mean(axis=1)) / (part.std(axis=1, ddof=1) / math.sqrt(seeds)) >= bound
    assert found.mean() == pytest.approx(0.019, abs=0.002)


def test_the_sign_test_that_holds_at_every_number_of_seeds() -> None:
    """Of ten in ten: `B(21/2, 1/2) / B(1/2, 1/2) = C(20, 10) / 4^10`; in 2,000 fair sequences of 200 at most 5 % come below .05."""
    assert anytime_sign_p(10, 0) == anytime_sign_p(0, 10) == pytest.approx(4**10 / (184756 * 2**10))
    assert anytime_sign_p(0, 0) == anytime_sign_p(5, 5) == 1 and anytime_sign_p(600, 3) < 1e-100
    lower = np.cumsum(np.random.default_rng(5).random((2000, 200)) < 0.5, axis=1)
    few = {(k, n) for n in range(1, 201) for k in range(n + 1) if anytime_sign_p(k, n - k) < 0.05}
    crossed = [any((int(k), n) in few for n, k in enumerate(row, 1)) for row in lower]
    assert 0.01 < np.mean(crossed) <= 0.05
