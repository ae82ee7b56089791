"""Families judged at looks: the error that they keep, what they save, and what Holm's procedure does with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.look_paths import LOWER, follow, seen

from resbench.records.study_file import Looks
from resbench.report.looks.sequential import Observed, judge_looks
from resbench.report.planning import ALPHA
from resbench.report.statistics.effect import p_equivalence

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


def test_a_look_decides_by_its_own_numbers_at_the_level_that_the_others_have_freed() -> None:
    """The first look is enough for the second step of Holm's, not for the first; the second look has seen that it was chance."""
    shape = np.array([1.0, -1, 1, -1, 0] * 4)
    chance = shape + np.repeat([1.78, -1.2, 0, 0], 5)
    freed = shape - np.repeat([1.0, 4.0, 4.0, 4.0], 5)
    first, second = follow(POCOCK, [chance, freed])
    assert 0.025 < first.done[0].test.sequential.difference < 0.05 and first.done[0].state == "inconclusive"
    assert second.decided and len(second.done) == 2
    assert not first.decided and first.done[1].p_holm > 0.05


def test_claims_that_test_the_same_count_once_though_one_has_stopped_before() -> None:
    """A claim of the other direction, and one with a margin that is soon found to be equivalent."""
    draw = np.random.default_rng(4)
    values, other = draw.standard_normal(20) - 0.6, draw.standard_normal(20)
    plain = follow(POCOCK, [values, other])
    looks = [[Observed(seen(x[:size])) for size in POCOCK.sizes] for x in (values, -values, values, other)]
    within = [p_equivalence(one.contrast.interval, 5.0) for one in looks[2] if one.contrast]
    looks[2] = [
        Observed(replace(one.contrast, margin=5.0, p_equivalence_test_set=p))
        for one, p in zip(looks[2], within, strict=True)
        if one.contrast
    ]
    claims = [LOWER, LOWER.model_copy(update={"expect": "higher"}), LOWER, LOWER]
    same, turned, soon, last = judge_looks(POCOCK, claims, looks, ["a", "a", "a", "b"])
    assert soon.done[-1].state == "equivalent" and len(soon.done) == 1 < len(same.done)
    for found, wanted in ((same, plain[0]), (turned, plain[0]), (last, plain[1])):
        assert [look.p_holm for look in found.done] == [look.p_holm for look in wanted.done]
        assert [look.state for look in found.done] == [look.state for look in wanted.done]


@pytest.mark.parametrize("plan", [POCOCK, OBRIEN_FLEMING])
def test_no_repeated_interval_of_what_is_decided_has_zero_in_it(plan: Looks) -> None:
    """At the level that Holm's procedure leaves it, with all that are decided by then."""
    draw, decided = np.random.default_rng(29), 0
    for _ in range(60):
        family = list(draw.standard_normal((4, 20)) - draw.choice([0.0, 0.7, 1.2], (4, 1)))
        histories = follow(plan, family)
        freed = ALPHA / (5 - sum(one.decided for one in histories))
        for one in (one for one in histories if one.decided):
            last = one.done[-1]
            assert last.contrast
            repeated = last.contrast.interval.at_level(1 - last.test.schedule.nominal(freed, plan.spend))
            assert repeated.low > 0 or repeated.high < 0
            decided += 1
    assert decided > 60
