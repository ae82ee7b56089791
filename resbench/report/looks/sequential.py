"""A family of comparisons judged at the looks of a plan: group-sequential tests, Holm's procedure, and futility.

Each comparison spends its level along its own information. The smallest level at which its last look decides it is its p
value over the looks, and Holm's procedure on these keeps the error of the family (Maurer and Bretz 2013). A look decides by
its own numbers alone: what an earlier one would have decided at a level that others have freed since does not count, so
that the repeated interval at the level of Holm's never has zero in it where a difference is shown. A comparison that is
decided or stopped keeps the numbers of its last look.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from resbench.records.claim import Claim
from resbench.records.study_file import Looks
from resbench.report.claim_tests import state_of
from resbench.report.failures import rank_state
from resbench.report.looks.futility import HOPELESS, chance_to_decide
from resbench.report.looks.single import LookTest, look_test
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import holm_of_firm
from resbench.report.statistics.worst_rank import WorstRank

DECIDED = ("refuted", "equivalent", "supported")
_BARRED_FOR_GOOD = ("not comparable", "not trained")


class Observed(NamedTuple):
    """What a look sees of a comparison.

    Attributes:
        contrast: over the seeds of the look; None if there is none.
        barred: the state that it has whatever its p value, or nothing.
        ranks: of the worst-rank test, where runs did not train; then there is no contrast.
        late: whether the plan was stated or changed after results.
    """

    contrast: Contrast | None
    barred: str = ""
    ranks: WorstRank | None = None
    late: bool = False


@dataclass(frozen=True)
class LookVerdict:
    """A comparison at one look.

    Attributes:
        seeds: that the look is planned for.
        p_holm: adjusted for the looks so far, over the family.
        state: supported, refuted, equivalent, inconclusive, or what prevents a verdict.
        futile: whether the comparison stops here because its last look is unlikely to decide it.
        ranks: of the worst-rank test, where runs did not train.
    """

    seeds: int
    contrast: Contrast | None
    test: LookTest
    p_holm: float
    state: str
    futile: bool = False
    ranks: WorstRank | None = None


@dataclass(frozen=True)
class LookHistory:
    """The looks at a comparison until now, or until it was decided or stopped."""

    plan: Looks
    done: Sequence[LookVerdict] = ()

    @property
    def decided(self) -> bool:
        return bool(self.done) and self.done[-1].state in DECIDED

    @property
    def futile(self) -> bool:
        return bool(self.done) and self.done[-1].futile

    @property
    def barred(self) -> bool:
        """Whether no number of seeds can decide it; what the worst-rank test leaves `not trained` more of them may."""
        return bool(self.done) and self.done[-1].state in _BARRED_FOR_GOOD and not self.done[-1].ranks

    @property
    def open(self) -> bool:
        """Whether more seeds may still decide it."""
        return not (self.decided or self.futile or self.barred) and len(self.done) < len(self.plan.sizes)

    @property
    def asked(self) -> int:
        """How many seeds it asks for: those of its next look, or of its last."""
        return self.plan.sizes[len(self.done) if self.open else len(self.done) - 1]


def judge_looks(
    plan: Looks,
    claims: Sequence[Claim],
    observed: Sequence[Sequence[Observed]],
    tests: Sequence[Hashable] | None = None,
) -> list[LookHistory]:
    """The looks at each comparison of a family.

    Args:
        claims: of each comparison.
        observed: for each comparison, what every look sees for which all of its runs have a result.
        tests: what each comparison tests; those that test the same count once. None if each tests something else.
    """
    names = range(len(claims)) if tests is None else tests
    family = [_Comparison(*of_one) for of_one in zip(names, claims, [plan] * len(claims), observed, strict=True)]
    for number in range(len(plan.sizes)):
        for one in family:
            one.look(number)
        for one, p_holm in zip(family, _adjusted(family), strict=True):
            one.judge(p_holm)
    return [LookHistory(plan, tuple(one.done)) for one in family]


def _adjusted(family: Sequence[_Comparison]) -> list[float]:
    """Holm's p of each comparison, in which each test counts once.

    Of claims that test the same, one may have stopped before the other: the test has the p value of its last look (of
    several the largest), and the comparison that stopped is adjusted with its own in that place.
    """
    latest = {
        one.test: one for one in sorted(family, key=lambda one: (len(one.done), -1.0 if math.isnan(one.p) else one.p))
    }
    stopped = [len(one.done) < len(latest[one.test].done) for one in family]
    return [
        _holm({**latest, one.test: one} if before else latest, one.test)
        for one, before in zip(family, stopped, strict=True)
    ]


def _holm(tests: dict[Hashable, _Comparison], test: Hashable) -> float:
    adjusted = holm_of_firm([one.p for one in tests.values()], [not one.barred for one in tests.values()])
    return float(adjusted[list(tests).index(test)])


class _Comparison:
    """A comparison on its way through the looks."""

    def __init__(self, test: Hashable, claim: Claim, plan: Looks, observed: Sequence[Observed]) -> None:
        self.test, self.claim, self.plan, self.observed = test, claim, plan, observed
        self.done: list[LookVerdict] = []

    @property
    def p(self) -> float:
        """Of the last look, adjusted for all; NaN before the first."""
        return self.done[-1].test.sequential.difference if self.done else math.nan

    @property
    def barred(self) -> str:
        return self.observed[len(self.done) - 1].barred if self.done else ""

    def look(self, number: int) -> None:
        """Take a look for which all results are known, unless the comparison has ended before."""
        if number >= len(self.observed) or len(self.done) < number or not LookHistory(self.plan, self.done).open:
            return
        contrast, barred, ranks, late = self.observed[number]
        test = look_test(self.claim, self.plan, contrast, [one.test for one in self.done], not barred, ranks, late)
        state, seeds = barred or "inconclusive", self.plan.sizes[number]
        self.done.append(LookVerdict(seeds, contrast, test, math.nan, state, ranks=ranks))

    def judge(self, p_holm: float) -> None:
        """Judge the last look; one that was stopped or waits may be decided by what the others have shown since."""
        if not self.done or self.done[-1].state in DECIDED:
            return
        last = replace(self.done[-1], p_holm=p_holm)
        if not self.barred and last.ranks:
            last = replace(last, state=rank_state(self.claim, last.ranks, p_holm))
        elif not self.barred and last.contrast is not None:
            last = replace(last, state=state_of(self.claim, last.contrast, p_holm, last.test.sequential.within))
            last = replace(last, futile=last.state == "inconclusive" and (last.futile or self._hopeless(last)))
        self.done[-1] = last

    def _hopeless(self, last: LookVerdict) -> bool:
        more = len(self.done) < len(self.plan.sizes)
        assert last.contrast is not None
        return more and chance_to_decide(self.claim, self.plan, last.contrast, last.test) < HOPELESS
