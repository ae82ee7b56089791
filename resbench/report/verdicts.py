"""Claims of a grid file, judged by fixed rules. `wording` says the verdicts; nothing here depends on words.

The rules, for one contrast (ours - theirs, at 95 %):

- two cells that are one network differ in nothing: `equivalent`, and a claim against the margin is `supported`;
- `not comparable`: the runs were not all on the same data, or some have no value of the metric where others do;
- where runs of either arm failed, diverged or collapsed, `failures.py` says what is judged, and how;
- `inconclusive`: fewer than five seeds ended in both arms (exact metrics excepted), whatever their numbers;
- of a claim of a direction: `supported` or `refuted` if the interval excludes zero and Holm's p over the claim's
  family is below .05; else `equivalent` if the 90 % interval lies within the margin; else `inconclusive`;
- of a claim of equivalence: `supported` if the 90 % interval lies within the margin; `refuted` if Holm's p of a
  difference no larger than the margin is below .05; else `inconclusive`;
- of a claim of being no worse, `not_higher` or `not_lower` (noninferiority): the same on the one side that matters, at
  half of the level, as for a direction: `supported` if the 95 % interval lies on the right side of the margin.

A claim has the verdict of its worst contrast, in the order of `STATES`, for it speaks of all of them; where some are
supported and some equivalent it is inconclusive. Comparisons of the same runs, under several names, are one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from resbench.core.cell import Cell, cell_key
from resbench.records.claim import Claim
from resbench.records.study_file import LateClaim
from resbench.report.arms import Arm, arms_of
from resbench.report.claim_tests import state_of, worse
from resbench.report.comparable import NO_OTHER, Explanation
from resbench.report.comparison import (
    ComparedRuns,
    Comparison,
    Subtracted,
    comparisons_of,
    contrast_of,
    lost_of,
    other_of,
    why_not,
)
from resbench.report.failures import rank_state
from resbench.report.families import FamilyTest, Hypothesis, adjusted, hypothesis, united
from resbench.report.labels import Labels
from resbench.report.looks.anytime import cautious
from resbench.report.looks.earlier import earlier_seeds
from resbench.report.looks.sequential import LookHistory
from resbench.report.planning import MIN_SEEDS, levels, needs, usable
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.rounding import at_least
from resbench.report.statistics.worst_rank import WorstRank
from resbench.report.study import Study

STATES = ("refuted", "not comparable", "not trained", "inconclusive", "equivalent", "supported")


@dataclass(frozen=True)
class ContrastVerdict:
    """One contrast of a claim.

    Attributes:
        context: the values of the `at` axes.
        contrast: None if an arm has no run that ended, or the arms are not comparable by means.
        p_holm: over the claim's family, of no difference (of equivalence: of none beyond the margin); NaN without one.
        state: one of `STATES`.
        more_seeds: beyond those that ended in both arms, to find the margin with a power of 80 % at Holm's first
            step, 0 if by plan those suffice; None if no number suffices or none is needed.
        images_needed: test images from which seeds would begin to help, where no number of seeds suffices.
        detectable: smallest difference that the seeds so far find with a power of 80 %.
        reason: why the arms are not comparable, or not judged, in a clause.
        other: what else could explain the difference, and the verdict cannot rule out.
        same: whether both arms are one network; of an interaction, whether its arms cancel.
        ranks: of the worst-rank test, where runs did not train.
        looks: at which it was judged; None where none are planned.
        subtracted: of an interaction, the difference that is subtracted.
        earlier: numbers of seeds at which its verdict was read under another plan, or under none before more were asked for.
        labels: what its fields and values are called.
    """

    context: Cell
    ours: Arm
    theirs: Arm
    contrast: Contrast | None
    p_holm: float
    state: str
    more_seeds: int | None = None
    images_needed: int | None = None
    detectable: float = math.nan
    reason: str = ""
    other: Explanation = NO_OTHER
    same: bool = False
    ranks: WorstRank | None = None
    looks: LookHistory | None = None
    subtracted: Subtracted | None = None
    earlier: Sequence[int] = ()
    labels: Labels = field(default=Labels(), compare=False)

    @property
    def comparison(self) -> Comparison:
        return Comparison(self.context, self.ours, self.theirs, self.subtracted)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Its two arms, or the four of an interaction."""
        return self.comparison.arms


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim, its contrasts in the grid's order, and its state.

    Attributes:
        unpaired: values of the `at` axes at which only one side has a cell.
        late: what is known of a claim that was stated after results.
        family: number of comparisons that are judged together, those of the same runs counted once, and those of one
            network not at all.
    """

    claim: Claim
    contrasts: Sequence[ContrastVerdict]
    state: str
    late: LateClaim | None = None
    unpaired: Sequence[Cell] = ()
    family: int = 0
    labels: Labels = field(default=Labels(), compare=False)

    @property
    def outstanding(self) -> int:
        """Runs of its arms that have no result yet."""
        arms = {arm.runs: arm for one in self.contrasts for arm in one.arms}
        return sum(arm.missing + arm.failed for arm in arms.values())


def judge_once(study: Study) -> list[ClaimVerdict]:
    """The verdict on each claim of a study from all of its runs; `judge.judge` does it by looks, where they are planned."""
    arms = arms_of(study)
    cells = [cell for _, cell, _ in study.cells]
    idle = [study.idle.get(key, frozenset()) for key, _, _ in study.cells] if study.idle else ()

    def arm(cell: Cell) -> Arm:
        return arms[cell_key(cell, study.axes)]

    drafted = []
    for claim in study.claims:
        pairs = list(comparisons_of(claim, cells, idle, arm))
        drafted.append(_Family(claim, pairs, _drafts(study, claim, pairs), study.labels))
    whole = (
        adjusted(united([one.tests for one in drafted if not one.claim.metric.exact]))
        if study.file.family == "study"
        else None
    )
    verdicts = []
    for one in drafted:
        late, unpaired = study.file.late_claim(one.claim), one.claim.unpaired(cells, idle)
        verdicts.append(replace(_judge(one, whole), late=late, unpaired=unpaired))
    return verdicts


def judge_family(study: Study, claim: Claim, comparisons: Sequence[Comparison]) -> ClaimVerdict:
    """The verdict on a claim from all of its comparisons together.

    Args:
        claim: of which `on`, `expect` and `margin` count.
    """
    return _judge(_Family(claim, comparisons, _drafts(study, claim, comparisons), study.labels))


def _judge(family: _Family, whole: Mapping[Hypothesis, float] | None = None) -> ClaimVerdict:
    """The verdict on a claim.

    Args:
        whole: Holm's p of all comparisons of the study, where they are judged together.
    """
    claim, judged = family.claim, []
    p_holm = adjusted(family.tests) if whole is None else whole
    for one in family.comparisons:
        draft = family.drafts[one.key]
        p, contrast = p_holm.get(hypothesis(claim, one), math.nan), draft.contrast
        state = draft.barred or (rank_state(claim, draft.ranks, p) if draft.ranks else _state(claim, draft, p))
        planned = contrast is not None and state == "inconclusive" and usable(contrast)
        plan = _plan(claim, contrast, len(p_holm)) if contrast and planned else (None, None, math.nan)
        rest = draft.reason, draft.other, draft.same
        verdict = ContrastVerdict(one.context, one.ours, one.theirs, contrast, p, state, *plan, *rest)
        verdict = replace(verdict, ranks=draft.ranks, subtracted=one.subtracted, earlier=draft.earlier)
        judged.append(replace(verdict, labels=family.labels))
    state = overall([one.state for one in judged])
    return ClaimVerdict(claim, judged, state, family=len(p_holm), labels=family.labels)


class _Family(NamedTuple):
    """A claim, its comparisons, and what is known of each before it is judged."""

    claim: Claim
    comparisons: Sequence[Comparison]
    drafts: Mapping[ComparedRuns, _Draft]
    labels: Labels

    @property
    def tests(self) -> dict[Hypothesis, FamilyTest]:
        """Comparisons of the same runs are one test, and those of one network none."""
        every = {hypothesis(self.claim, one): self.drafts[one.key] for one in self.comparisons}
        return {key: FamilyTest(draft.p, not draft.barred) for key, draft in every.items() if not draft.same}


def _drafts(study: Study, claim: Claim, comparisons: Sequence[Comparison]) -> dict[ComparedRuns, _Draft]:
    """What is known of each comparison, by its runs."""
    drafts: dict[ComparedRuns, _Draft] = {}
    for one in comparisons:
        if one.key not in drafts:
            drafts[one.key] = _draft(study, claim, one)
    return drafts


class _Draft(NamedTuple):
    """What is known of a comparison before its family.

    Attributes:
        barred: the state that it has whatever its p value; else empty.
        p: before Holm; NaN without one.
        within: p of a difference of the margin or more.
        earlier: as of `ContrastVerdict`.
    """

    contrast: Contrast | None
    barred: str
    p: float = math.nan
    reason: str = ""
    other: Explanation = NO_OTHER
    same: bool = False
    ranks: WorstRank | None = None
    within: float = math.nan
    earlier: Sequence[int] = ()


def _draft(study: Study, claim: Claim, one: Comparison) -> _Draft:
    if one.same:
        return _Draft(None, "supported" if claim.against_margin else "equivalent", same=True)
    reason = why_not(study, one, claim.metric)
    if reason:
        return _Draft(None, "not comparable", reason=reason)
    other = NO_OTHER if claim.metric.exact else other_of(study, one)
    if lost := lost_of(study, claim, one):
        earlier = earlier_seeds(study, claim, one, lost.seeds)
        return _Draft(None, lost.barred, lost.p_after(earlier), lost.reason, other, ranks=lost.ranks, earlier=earlier)
    contrast = contrast_of(study, one, claim.metric, claim.margin)
    barred = _barred(claim, contrast)
    if contrast is None:
        return _Draft(None, barred, other=other)
    earlier = earlier_seeds(study, claim, one, contrast.min_seeds)
    p, within = cautious(contrast, claim.direction, bool(earlier))
    return _Draft(contrast, barred, p, other=other, within=within, earlier=earlier)


def overall(states: Sequence[str]) -> str:
    """A claim speaks of all its comparisons: it has the worst of their states, and is equivalent only if all are."""
    if not states:
        return "inconclusive"
    worst = STATES[min(STATES.index(state) for state in states)]
    return "inconclusive" if worst == "equivalent" and "supported" in states else worst


def _barred(claim: Claim, contrast: Contrast | None) -> str:
    """The state of a contrast that no p value may decide, or nothing."""
    if claim.metric.exact:
        return "" if contrast else "inconclusive"
    return "" if contrast and contrast.min_seeds >= MIN_SEEDS else "inconclusive"


def _state(claim: Claim, draft: _Draft, p_holm: float) -> str:
    assert draft.contrast is not None
    if claim.metric.exact:
        return _exact(claim, draft.contrast)
    return state_of(claim, draft.contrast, p_holm, draft.within)


def _exact(claim: Claim, contrast: Contrast) -> str:
    difference = contrast.ours - contrast.theirs
    if claim.against_margin:
        return "supported" if at_least(claim.margin, worse(difference, claim.expect)) else "refuted"
    if at_least(claim.margin, abs(difference)):
        return "equivalent"
    return "supported" if (difference < 0) == (claim.expect == "lower") else "refuted"


def _plan(claim: Claim, contrast: Contrast, size: int) -> tuple[int | None, int | None, float]:
    """Seeds still needed, images needed, and the smallest difference that the seeds so far could find."""
    need = needs(contrast, levels(claim, size))
    total = need.seeds_this_test_set if contrast.from_seeds_only else need.seeds_new_images
    more = None if total is None else max(total - contrast.seeds, 0)
    return more, need.images, need.detectable_this_test_set if contrast.from_seeds_only else need.detectable_new_images
