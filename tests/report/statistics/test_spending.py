"""Boundaries of group-sequential tests against published ones, and the errors that they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from resbench.report.statistics.spending import (
    SPENDING_FUNCTIONS,
    conditional_power,
    crossing_probability,
    information_fraction,
    nominal_levels,
    of_t,
    rising,
    sequential_p,
    spent,
)

THREE, FOUR = (0.25, 0.5, 1.0), (0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize(
    ("fractions", "spend", "levels"),
    [
        (THREE, "pocock", [0.0178, 0.0179, 0.0259]),
        (THREE, "obrien_fleming", [0.00009, 0.0055, 0.0479]),
        (FOUR, "pocock", [0.0178, 0.0179, 0.0184, 0.0187]),
        (FOUR, "obrien_fleming", [0.00009, 0.0055, 0.0216, 0.0413]),
    ],
)
def test_nominal_levels(fractions: tuple[float, ...], spend: str, levels: list[float]) -> None:
    found = nominal_levels(fractions, 0.05, spend)
    assert found == pytest.approx(
        levels, abs=2.5e-4
    )  # the expected ones are from another program's coarser integration
    assert crossing_probability(fractions, found) == pytest.approx(0.05, abs=1e-6)
    covariance = [[math.sqrt(min(a, b) / max(a, b)) for b in fractions] for a in fractions]
    bounds = -stats.norm.ppf(np.array(found) / 2)
    inside = stats.multivariate_normal(cov=covariance).cdf(bounds, lower_limit=-bounds, rng=np.random.default_rng(1))
    assert 1 - inside == pytest.approx(0.05, abs=2e-4)  # integrated without our recursion


def test_bounds_of_a_pocock_like_function_are_those_of_lan_and_demets() -> None:
    bounds = stats.norm.isf(np.array(nominal_levels([0.2, 0.4, 0.6, 0.8, 1.0], 0.05, "pocock")) / 2)
    assert bounds == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=1e-3)


# Jennison and Turnbull (2000), tables 2.1 and 2.3: constants of Pocock's and O'Brien and Fleming's tests, 5 % two-sided
@pytest.mark.parametrize(
    ("looks", "pocock", "obrien_fleming"),
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040), (10, 2.555, 2.087)],
)
def test_classical_boundaries_are_crossed_with_their_level(looks: int, pocock: float, obrien_fleming: float) -> None:
    fractions = [look / looks for look in range(1, looks + 1)]
    level = 2 * float(stats.norm.sf(pocock))
    assert crossing_probability(fractions, [level] * looks) == pytest.approx(0.05, abs=1.5e-4)
    levels = [2 * float(stats.norm.sf(obrien_fleming / math.sqrt(fraction))) for fraction in fractions]
    assert crossing_probability(fractions, levels) == pytest.approx(0.05, abs=1.5e-4)


def test_looking_again_at_five_percent_errs_as_armitage_mcpherson_and_rowe_found() -> None:
    found = [crossing_probability([i / k for i in range(1, k + 1)], [0.05] * k) for k in (1, 2, 3, 4, 5, 10, 20)]
    assert found == pytest.approx([0.05, 0.083, 0.107, 0.126, 0.142, 0.193, 0.248], abs=6e-4)


def test_looks_at_more_and_more_seeds_err_as_often_as_a_simulation_of_verdicts_found() -> None:
    """17.9, 11.2, 10.7 and 8.2 %, with t tests."""
    designs = [range(5, 21), range(5, 11), (5, 10, 20), (5, 20)]
    found = [crossing_probability([s / max(design) for s in design], [0.05] * len(design)) for design in designs]
    assert found == pytest.approx([0.179, 0.112, 0.107, 0.082], abs=0.01)


def test_images_make_early_looks_worth_more() -> None:
    assert information_fraction(0.0, 4.0, 5, 20) == 0.25
    assert information_fraction(1.0, 5.0, 5, 20) == pytest.approx((1 + 0.25) / (1 + 1))
    assert information_fraction(0.0, 0.0, 5, 20) == 0.25


def test_fractions_rise_and_end_at_one_and_later_ones_change_none_before() -> None:
    assert rising([0.5, 0.4, 0.9, 0.99], 4) == pytest.approx((0.5, 0.52, 0.9, 1.0))
    assert rising([1.0, 1.0, 1.0], 3) == pytest.approx((0.96, 0.98, 1.0))
    assert rising([0.5, 0.4, 0.9, 0.99], 4)[:2] == rising([0.5, 0.4], 4)


@pytest.mark.parametrize("spend", sorted(SPENDING_FUNCTIONS))
def test_a_sequential_p_is_the_level_at_which_a_boundary_is_met(spend: str) -> None:
    information = tuple(of_t(fraction, 1.0, round(20 * fraction)) for fraction in FOUR)
    for alpha in (0.2, 0.05, 0.001):
        levels = nominal_levels(FOUR, alpha, spend, information)
        for look, level in enumerate(levels):
            seen, part = [0.9] * look + [level], slice(look + 1)
            assert sequential_p(seen, FOUR[part], spend, information[part]) == pytest.approx(alpha, rel=1e-3)
    sequence = [sequential_p(p, THREE[:2], spend) for p in ([0.02, 0.001], [0.02, 0.3], [0.02, 0.9], [0.02, 1.0])]
    assert sequence == sorted(sequence) and 0.001 < sequence[0] < 0.02 and sequence[1] > 0.3 and sequence[-1] == 1
    assert sequential_p([0.0, 0.3], THREE[:2], spend) == sequence[1]  # what an earlier look had seen does not count
    assert sequential_p([math.nan, 0.3], THREE[:2], spend) == sequence[1]
    assert math.isnan(sequential_p([0.02, math.nan], THREE[:2], spend))
    assert sequential_p([0.9, 0.0], THREE[:2], spend) < 1e-30 and sequential_p([1.0], [1.0], spend) == 1


@pytest.mark.parametrize("spend", sorted(SPENDING_FUNCTIONS))
def test_all_of_the_level_is_spent_at_the_last_look_alone(spend: str) -> None:
    assert spent(THREE, 0.05, spend)[-1] == pytest.approx(0.05)
    assert sequential_p([0.031], [1.0], spend) == pytest.approx(0.031)
    one_sided = np.array(nominal_levels(THREE, 0.1, spend)) / 2
    assert all(one_sided > np.array(nominal_levels(THREE, 0.05, spend)) / 2)


def test_conditional_power_is_the_share_of_paths_that_end_beyond_the_bound() -> None:
    draw = np.random.default_rng(3)
    z, fraction, drift, level = 1.2, 0.5, 2.0, 0.04
    ends = z * math.sqrt(fraction) + drift * (1 - fraction) + draw.normal(0, math.sqrt(1 - fraction), 200_000)
    beyond = float((ends > stats.norm.isf(level / 2)).mean())
    assert conditional_power(z, fraction, drift, level) == pytest.approx(beyond, abs=4e-3)


def null_error(sizes: list[int], spend: str, alpha: float, paths: int) -> float:
    """Share of paths of t tests over seeds, without a difference, that cross the boundary."""
    fractions = [size / sizes[-1] for size in sizes]
    information = [of_t(fraction, 1.0, size) for fraction, size in zip(fractions, sizes, strict=True)]
    levels = nominal_levels(fractions, alpha, spend, information)
    x = np.random.default_rng(5).standard_normal((paths, sizes[-1]))
    crossed = np.zeros(paths, dtype=bool)
    for size, level in zip(sizes, levels, strict=True):
        t = np.abs(x[:, :size].mean(axis=1)) / (x[:, :size].std(axis=1, ddof=1) / math.sqrt(size))
        crossed |= t > stats.t.isf(level / 2, size - 1)
    return float(crossed.mean())


@pytest.mark.parametrize(
    ("sizes", "spend"), [([5, 10, 20], "pocock"), ([5, 10, 15, 20], "obrien_fleming"), ([5, 6, 7, 8, 10], "pocock")]
)
def test_t_tests_at_the_nominal_levels_keep_the_level(sizes: list[int], spend: str) -> None:
    assert null_error(sizes, spend, 0.05, 60_000) == pytest.approx(0.05, abs=0.0035)
