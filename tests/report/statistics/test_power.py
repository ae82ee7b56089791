"""Planning: published tables, the floor that images set, and power that simulation confirms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from resbench.report.statistics.crossed import Components, new_images
from resbench.report.statistics.power import (
    Need,
    detectable,
    detectable_floor,
    detectable_new_images,
    needed_new_images,
    power_of,
    seeds_needed,
    upper_sd,
)

pytestmark = pytest.mark.filterwarnings("error")

Z = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
# The published MNIST-like study, in percentage points: seed SD .064 of an arm as printed, .0635 before rounding (see
# below), and an image floor with a standard error of .019 on 10,000 images.
SEED_VARIANCE = 2 * 0.0635**2
FLOOR = 0.019


def components(images: int, var_image: float, var_seed: float, var_residual: float, seeds: int = 30) -> Components:
    return Components(
        seeds=seeds,
        images=images,
        mean=0.0,
        ms_image=var_residual + seeds * var_image,
        ms_seed=var_residual + images * var_seed,
        ms_residual=var_residual,
        predicted_sd=math.nan,
    )


@pytest.mark.parametrize(
    ("sd", "row"),
    [
        (0.05, ["52/77", "24/36", "10/16", "7/10", "5/7", "4/5"]),
        (0.07, ["99/147", "45/67", "18/27", "10/16", "7/10", "4/6"]),
        (0.085, ["144/215", "65/98", "25/38", "14/21", "8/12", "5/8"]),
        (0.10, ["199/296", "90/134", "34/51", "19/28", "10/16", "6/9"]),
        (0.12, ["285/424", "128/191", "48/71", "26/38", "14/21", "8/11"]),
    ],
)
def test_seeds_for_a_margin_are_those_published(sd: float, row: list[str]) -> None:
    margins = (0.02, 0.03, 0.05, 0.07, 0.10, 0.15)
    assert [f"{seeds_needed(m, sd)}/{seeds_needed(m, sd, alpha=0.01)}" for m in margins] == row


def test_detectable_differences_are_those_published() -> None:
    found = [detectable(0.085, seeds) for seeds in (3, 5, 8, 10, 20, 30)]
    assert found == pytest.approx([0.277, 0.143, 0.098, 0.085, 0.056, 0.045], abs=5e-4)


def test_half_a_standard_deviation_is_the_textbooks() -> None:
    assert seeds_needed(0.5, 1.0) == 34  # 33.367 rounded up


@pytest.mark.parametrize("seeds", [2, 3, 7, 40])
@pytest.mark.parametrize("effect", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_power_agrees_with_statsmodels(seeds: int, effect: float, alpha: float) -> None:
    expected = TTestPower().power(effect, seeds, alpha)
    assert power_of(effect, 1 / math.sqrt(seeds), seeds - 1, alpha) == pytest.approx(expected, abs=1e-6)
    assert power_of(detectable(1, seeds, 0.8, alpha), 1 / math.sqrt(seeds), seeds - 1, alpha) == pytest.approx(0.8)


def test_seeds_for_new_images_add_what_t_costs_to_the_published_counts() -> None:
    study = components(10_000, FLOOR**2 * 10_000, SEED_VARIANCE, 0.0)
    assert detectable_floor(study) == pytest.approx(0.053, abs=5e-4)
    assert needed_new_images(0.07, study) == Need(33, 10_000)
    assert needed_new_images(0.10, study) == Need(11, 10_000)
    need = needed_new_images(0.05, study)
    assert need.seeds is None
    assert need.images == pytest.approx(10_000 * (FLOOR * Z / 0.05) ** 2, rel=5e-4)
    assert [seeds_needed(m, math.sqrt(SEED_VARIANCE)) for m in (0.05, 0.07, 0.10)] == [28, 15, 9]


def test_more_images_make_the_impossible_possible() -> None:
    """Published for seeds without variance of their own: 6 seeds by the normal formula on 60,000 images, under 10."""
    studies = [components(n, FLOOR**2 * 10_000, 0.0, SEED_VARIANCE * 10_000) for n in (10_000, 60_000)]
    assert needed_new_images(0.05, studies[0]).seeds is None
    normal = SEED_VARIANCE / 6 / ((0.05 / Z) ** 2 - FLOOR**2 / 6)
    assert math.ceil(normal) == 6
    need = needed_new_images(0.05, studies[1])
    assert need.seeds is not None
    assert 6 <= need.seeds < 10


def test_images_asked_for_are_just_enough() -> None:
    study = components(10_000, 9.0, 0.001, 3.0)
    need = needed_new_images(0.05, study)
    assert need.seeds is None
    assert detectable_floor(components(need.images, 9.0, 0.001, 3.0)) <= 0.05
    assert detectable_floor(components(need.images - 20, 9.0, 0.001, 3.0)) > 0.05


def test_a_plan_is_the_first_number_that_suffices() -> None:
    study = components(10_000, 2.0, 0.002, 20.0)
    for margin in (0.06, 0.08, 0.2):
        seeds = needed_new_images(margin, study).seeds
        assert seeds is not None
        assert detectable_new_images(study, seeds) <= margin
        assert seeds == 2 or detectable_new_images(study, seeds - 1) > margin


def test_without_a_floor_both_questions_take_the_same_seeds() -> None:
    study = components(10_000, 0.0, 0.003, 0.0)
    for seeds in (2, 5, 30):
        assert detectable_new_images(study, seeds) == pytest.approx(detectable(math.sqrt(0.003), seeds))


def test_new_images_are_never_the_easier_question() -> None:
    study = components(10_000, 4.0, 0.001, 2.0)
    sd = math.sqrt(0.001 + 2.0 / 10_000)
    here = np.array([detectable(sd, seeds) for seeds in range(2, 60)])
    new = np.array([detectable_new_images(study, seeds) for seeds in range(2, 60)])
    assert (new >= here).all()
    assert (np.diff(here) < 0).all()
    assert (np.diff(new) < 0).all()
    assert new[-1] > detectable_floor(study)


def test_the_upper_bound_of_a_deviation_holds_as_often_as_it_says() -> None:
    assert upper_sd(1.0, 3) == pytest.approx(math.sqrt(2 / stats.chi2.ppf(0.2, 2)))
    assert math.isnan(upper_sd(1.0, 1))
    pilots = np.random.default_rng(0).standard_normal((2000, 5)).std(axis=1, ddof=1)
    assert np.mean([upper_sd(sd, 5) >= 1 for sd in pilots]) == pytest.approx(0.8, abs=0.03)


def test_edges() -> None:
    assert math.isnan(detectable(0.1, 1))
    assert detectable(0.0, 5) == 0
    assert seeds_needed(0.1, 0.0) == 2
    assert seeds_needed(0.0, 0.1) is None
    assert seeds_needed(1e-9, 0.1) is None
    assert seeds_needed(0.1, math.nan) is None
    unknown = Components.of(np.zeros((10, 1), dtype=np.bool_))
    assert math.isnan(detectable_floor(unknown))
    assert math.isnan(detectable_new_images(unknown, 5))
    assert needed_new_images(0.1, unknown) == Need(None, 10)
    nothing = Components.of(np.zeros((10, 3), dtype=np.bool_))
    assert detectable_new_images(nothing, 5) == detectable_floor(nothing) == 0
    assert needed_new_images(0.1, nothing) == Need(2, 10)
    assert needed_new_images(0.0, nothing).seeds is None
    assert math.isnan(detectable_new_images(components(10, 1, 1, 1), 1))


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 100, 1e-5])
@pytest.mark.parametrize("seeds", [2, 3, 4, 30, 1000, 90_000])
def test_extremes_have_an_answer(seeds: int, alpha: float) -> None:
    found = [detectable(1, seeds, power, alpha) for power in (0.5, 0.8, 0.99)]
    assert found == sorted(found)
    z = [stats.norm.isf(alpha / 2) + stats.norm.ppf(power) for power in (0.5, 0.8, 0.99)]
    assert all(value * math.sqrt(seeds) >= limit - 1e-3 for value, limit in zip(found, z, strict=True))


def test_the_crossed_interval_finds_what_the_plan_says() -> None:
    """A plan for a difference is kept: 80 % of the studies of that size exclude 0."""
    rng = np.random.default_rng(6)
    images, seeds, var_image, var_seed, var_residual = 500, 8, 1.0, 0.004, 4.0
    difference = detectable_new_images(components(images, var_image, var_seed, var_residual), seeds)
    image = rng.standard_normal((500, images, 1)) * math.sqrt(var_image)
    seed = rng.standard_normal((500, 1, seeds)) * math.sqrt(var_seed)
    tables = difference + image + seed + rng.standard_normal((500, images, seeds)) * math.sqrt(var_residual)
    assert np.mean([new_images(x).low > 0 for x in tables]) == pytest.approx(0.8, abs=0.06)
