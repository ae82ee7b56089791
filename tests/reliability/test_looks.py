"""1,500 null families at the looks of a plan, and what looks cost and save by the size of a difference.

RESBENCH_FAMILIES sets another number: 10,000 take seven minutes. The table is printed: run with `-s` to read it.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from support.look_paths import follow, follow_arms

from resbench.records.study_file import Looks

FAMILIES = int(os.environ.get("RESBENCH_FAMILIES", "1500"))
PLANS = [Looks(sizes=[5, 10, 20], spend="pocock"), Looks(sizes=[5, 10, 15, 20], spend="obrien_fleming")]
SIZES = (0, 0.5, 0.7, 1, 1.5, 2)  # of the true difference, in standard deviations between seeds


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.spend)
@pytest.mark.parametrize("image_variance", [0.0, 0.05])  # over 20 seeds the seeds add 0.05
@pytest.mark.parametrize("size", [3])
def test_the_error_of_null_families_is_at_most_five_and_a_half_percent(
    plan: Looks, image_variance: float, size: int
) -> None:
    draw = np.random.default_rng(2026)
    wrong = 0
    for _ in range(FAMILIES):
        family = list(draw.standard_normal((size, plan.sizes[-1])))
        wrong += any(one.decided for one in follow(plan, family, image_variance, draw))
    error = wrong / FAMILIES
    print(f"\n{plan.spend} {plan.sizes}, {size} comparisons, image variance {image_variance}: {100 * error:.2f} %")
    assert error <= 0.055 + (0 if FAMILIES >= 10_000 else 3 * (0.05 * 0.95 / FAMILIES) ** 0.5)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.spend)
@pytest.mark.parametrize("lost", [0.01, 0.03, 0.1, 0.3])
def test_the_error_is_kept_where_runs_of_both_arms_do_not_train(plan: Looks, lost: float) -> None:
    """Looks at which all runs trained compare means, those after the first lost run compare ranks."""
    draw, families = np.random.default_rng(11), FAMILIES // 5
    wrong = 0
    for _ in range(families):
        arms = draw.standard_normal((3, 2, plan.sizes[-1]))
        arms[draw.random(arms.shape) < lost] = np.inf
        wrong += any(one.decided for one in follow_arms(plan, [(ours, theirs) for ours, theirs in arms]))
    error = wrong / families
    print(f"\n{plan.spend} {plan.sizes}, 3 comparisons, {100 * lost:g} % of runs lost: {100 * error:.2f} %")
    assert error <= 0.055 + 3 * (0.05 * 0.95 / families) ** 0.5


def test_a_large_difference_saves_sixty_percent_of_the_seeds() -> None:
    paths, draw = FAMILIES // 10, np.random.default_rng(7)
    fixed = Looks(sizes=[20], spend="pocock")
    print("\nmean seeds (power %) by difference in SD: " + ", ".join(map(str, SIZES)))
    for plan in (fixed, *PLANS):
        seeds, power = zip(*(_cost(plan, size, paths, draw) for size in SIZES), strict=True)
        row = ", ".join(f"{mean:.1f} ({100 * found:.1f})" for mean, found in zip(seeds, power, strict=True))
        print(f"{plan.spend} {plan.sizes}: {row}")
        assert power[-1] > 0.99
        if plan is PLANS[0]:
            assert seeds[-1] <= 0.4 * 20
        assert power[0] <= 0.055 + 3 * (0.05 * 0.95 / paths) ** 0.5


def _cost(plan: Looks, difference: float, paths: int, draw: np.random.Generator) -> tuple[float, float]:
    """Mean seeds and the share of comparisons that are decided; those stopped for futility are not."""
    histories = [follow(plan, [draw.standard_normal(20) - difference])[0] for _ in range(paths)]
    seeds = [plan.sizes[len(one.done) - 1] for one in histories]
    return float(np.mean(seeds)), float(np.mean([one.decided for one in histories]))
