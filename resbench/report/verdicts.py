"""Claims of a grid file, judged by fixed rules. `wording.py` says the verdicts; nothing here depends on words.

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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.claim import Claim
from resbench.records.study_file import LateClaim
from resbench.report.arms import Arm, arms_of, compare_arms, one_network
from resbench.report.claim_tests import difference_p, within_level, within_p, worse
from resbench.report.comparable import NO_OTHER, Explanation, other_explanation, why_not_comparable
from resbench.report.failures import failures_of, rank_state
from resbench.report.planning import ALPHA, MIN_SEEDS, levels, needs, usable
from resbench.report.sequential import LookHistory
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import holm
from resbench.report.statistics.rounding import at_least
from resbench.report.statistics.worst_rank import WorstRank
from resbench.report.study import Study

STATES = ("refuted", "not comparable", "not trained", "inconclusive", "equivalent", "supported")


class Comparison(NamedTuple):
    """Two arms that a claim compares, at the values of its `at` axes."""

    context: Cell
    ours: Arm
    theirs: Arm


@dataclass(frozen=True)
class ContrastVerdict:
    """One contrast of a claim.

    Attributes:
        context: the values of the `at` axes.
        contrast: None if an arm has no run that ended, or the arms are not comparable by means.
        p_holm: over the claim's family, of no difference (of equivalence: of none beyond the margin); NaN without one.
        state: one of `STATES`.
        more_seeds: beyond those that ended in both arms, to find the margin with a power of 80 % at Holm's first
            step; None if no number suffices or none is needed.
        images_needed: test images from which seeds would begin to help, where no number of seeds suffices.
        detectable: smallest difference that the seeds so far find with a power of 80 %.
        reason: why the arms are not comparable, or not judged, in a clause.
        other: what else could explain the difference, and the verdict cannot rule out.
        same: whether both arms are one network.
        ranks: of the worst-rank test, where runs did not train.
        looks: at which it was judged; None where none are planned.
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


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim, its contrasts in the grid's order, and its state.

    Attributes:
        unpaired: values of the `at` axes at which only one side has a cell.
        late: what is known of a claim that was stated after results.
    """

    claim: Claim
    contrasts: Sequence[ContrastVerdict]
    state: str
    late: LateClaim | None = None
    unpaired: Sequence[Cell] = ()

    @property
    def outstanding(self) -> int:
        """Runs of its arms that have no result yet."""
        arms = {arm.runs: arm for one in self.contrasts for arm in (one.ours, one.theirs)}
        return sum(arm.missing + arm.failed for arm in arms.values())

    @property
    def family(self) -> int:
        """Number of its comparisons, those of the same runs counted once, and those of one network not at all."""
        return len({(one.ours.runs, one.theirs.runs) for one in self.contrasts if not one.same})


def judge(study: Study) -> list[ClaimVerdict]:
    """The verdict on each claim of a study from all of its runs; where looks are planned, see `looks.judge`."""
    arms = arms_of(study)
    cells = [cell for _, cell, _ in study.cells]
    idle = [study.idle.get(key, frozenset()) for key, _, _ in study.cells] if study.idle else ()

    def arm(cell: Cell) -> Arm:
        return arms[tuple(show(cell[axis]) for axis in study.axes)]

    verdicts = []
    for claim in study.claims:
        sides = claim.comparisons(cells, idle)
        pairs = [Comparison(context, arm(ours[0]), arm(theirs[0])) for context, ours, theirs in sides]
        late, unpaired = study.file.late_claim(claim), claim.unpaired(cells, idle)
        verdicts.append(replace(judge_family(study, claim, pairs), late=late, unpaired=unpaired))
    return verdicts


def judge_family(study: Study, claim: Claim, comparisons: Sequence[Comparison]) -> ClaimVerdict:
    """The verdict on a claim from all of its comparisons together.

    Args:
        claim: of which `on`, `expect` and `margin` count.
    """
    drafts: dict[tuple[frozenset[str], frozenset[str]], _Draft] = {}
    for _, ours, theirs in comparisons:
        drafts.setdefault((ours.runs, theirs.runs), _draft(study, claim, ours, theirs))
    counted = [draft for draft in drafts.values() if not draft.same]
    # what may not be judged counts in the family, but must not use up a step of Holm's that it cannot take
    firm = holm([math.nan if draft.why else draft.p for draft in counted])
    adjusted = np.where(np.isnan(firm), holm([draft.p for draft in counted]), firm)
    p_holm = {id(draft): float(p) for draft, p in zip(counted, adjusted, strict=True)}
    judged = []
    for context, ours, theirs in comparisons:
        draft = drafts[ours.runs, theirs.runs]
        p, contrast = p_holm.get(id(draft), math.nan), draft.contrast
        state = draft.why or (rank_state(claim, draft.ranks, p) if draft.ranks else _state(claim, contrast, p))
        planned = contrast is not None and state == "inconclusive" and usable(contrast)
        plan = _plan(claim, contrast, len(counted)) if contrast and planned else (None, None, math.nan)
        rest = draft.reason, draft.other, draft.same
        judged.append(ContrastVerdict(context, ours, theirs, contrast, p, state, *plan, *rest, ranks=draft.ranks))
    return ClaimVerdict(claim, judged, overall([one.state for one in judged]))


class _Draft(NamedTuple):
    """What is known of a comparison before its family.

    Attributes:
        why: its state, where no p value may decide it; else empty.
        p: before Holm; NaN without one.
    """

    contrast: Contrast | None
    why: str
    p: float
    reason: str
    other: Explanation
    same: bool
    ranks: WorstRank | None = None


def _draft(study: Study, claim: Claim, ours: Arm, theirs: Arm) -> _Draft:
    if one_network(ours, theirs):
        return _Draft(None, "supported" if claim.against_margin else "equivalent", math.nan, "", NO_OTHER, True)
    reason = why_not_comparable(study, ours, theirs, claim.metric)
    if reason:
        return _Draft(None, "not comparable", math.nan, reason, NO_OTHER, False)
    other = NO_OTHER if claim.metric.exact else other_explanation(study, ours, theirs)
    if lost := failures_of(study, claim, ours, theirs):
        return _Draft(None, lost.why, lost.p, lost.reason, other, False, lost.ranks)
    contrast = compare_arms(study, ours, theirs, claim.metric, claim.margin)
    why = _unsure(claim, contrast)
    p = difference_p(contrast, claim.direction) if contrast else math.nan
    return _Draft(contrast, why, p, "", other, False)


def overall(states: Sequence[str]) -> str:
    """A claim speaks of all its comparisons: it has the worst of their states, and is equivalent only if all are."""
    if not states:
        return "inconclusive"
    worst = STATES[min(STATES.index(state) for state in states)]
    return "inconclusive" if worst == "equivalent" and "supported" in states else worst


def _unsure(claim: Claim, contrast: Contrast | None) -> str:
    """The state of a contrast that no p value may decide, or nothing."""
    if claim.metric.exact:
        return "" if contrast else "inconclusive"
    return "" if contrast and contrast.min_seeds >= MIN_SEEDS else "inconclusive"


def _state(claim: Claim, contrast: Contrast | None, p_holm: float) -> str:
    assert contrast is not None
    if claim.metric.exact:
        return _exact(claim, contrast)
    interval, sure = contrast.interval, p_holm < ALPHA
    if claim.against_margin:
        shown = within_p(contrast, claim.direction) < within_level(claim.direction)
        return "supported" if shown else "refuted" if sure else "inconclusive"
    if sure and (interval.high < 0 or interval.low > 0):
        return "supported" if (interval.high < 0) == (claim.direction == "lower") else "refuted"
    return "equivalent" if contrast.equivalent else "inconclusive"


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
    more = None if total is None else max(total - contrast.seeds, 1)
    return more, need.images, need.detectable_this_test_set if contrast.from_seeds_only else need.detectable_new_images
