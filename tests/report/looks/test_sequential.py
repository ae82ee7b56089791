"""Families judged at looks: the error that they keep, what they save, and what Holm's procedure does with them."""

from __future__ import annotations

import numpy as np
import pytest
from support.look_paths import follow

from resbench.records.study_file import Looks

POCOCK, OBRIEN_FLEMING = Looks(sizes=[5, 10, 20], spend="pocock"), Looks(sizes=[5, 10, 15, 20], spend="obrien_fleming")


@pytest.mark.parametrize("plan", [POCOCK, OBRIEN_FLEMING])
def test_null_families_keep_the_level(plan: Looks) -> None:
    """150 families of three; the limit is that of 5 % with a chance of one in a thousand beyond it."""
    draw = np.random.default_rng(17)
    wrong = 0
    for _ in range(150):
        family = list(draw.standard_normal((3, 20)))
        wrong += any(one.decided for one in follow(plan, family))
    assert wrong <= 17


def test_a_large_difference_is_decided_at_the_first_look_and_no_one_waits_for_the_others() -> None:
    draw = np.random.default_rng(3)
    family = [draw.standard_normal(20) - 4, draw.standard_normal(20)]
    large, none = follow(POCOCK, family)
    assert large.decided and len(large.done) == 1 and large.done[-1].state == "supported"
    assert large.asked == 5 and (none.futile or none.asked == 20)
    assert large.done[0].p_holm == pytest.approx(2 * large.done[0].test.sequential.difference)


def test_a_comparison_that_waits_may_be_decided_by_what_the_others_show() -> None:
    """Its p over the looks lies between 2.5 and 5 %: enough for the second step of Holm's, not for the first."""
    shape = np.array([1.0, -1, 1, -1, 0] * 4)
    waits = shape - np.repeat([1.78, 0.6, 0, 0], 5)
    late = shape - np.repeat([1.0, 4.0, 4.0, 4.0], 5)
    with_nothing = follow(POCOCK, [waits, shape])[0]
    assert 0.025 < with_nothing.done[1].test.sequential.difference < 0.05 and not with_nothing.decided
    first, second = follow(POCOCK, [waits, late])
    assert [len(one.done) for one in (first, second)] == [2, 2]
    assert first.decided and second.decided and first.done[0].state == second.done[0].state == "inconclusive"


def test_seeds_are_saved_where_a_difference_is_large() -> None:
    draw = np.random.default_rng(5)
    for plan in (POCOCK, OBRIEN_FLEMING):
        histories = [follow(plan, [draw.standard_normal(20) - 2])[0] for _ in range(100)]
        assert sum(one.decided for one in histories) >= 99
        seeds = np.mean([plan.sizes[len(one.done) - 1] for one in histories])
        assert seeds <= (8 if plan is POCOCK else 11)
