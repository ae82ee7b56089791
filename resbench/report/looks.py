"""A study with planned looks: its claims judged look by look, and how many seeds each cell is asked for by now."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from resbench.core.text import show
from resbench.records.study_file import Looks
from resbench.report.frames import Key
from resbench.report.planning import MIN_SEEDS
from resbench.report.sequential import LookHistory, Observed, judge_looks
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict, overall
from resbench.report.verdicts import judge as judge_once

_BARRED = ("not comparable", "not trained")


def judge(study: Study) -> list[ClaimVerdict]:
    """The verdict on each claim of a study, in the order of its grid file; by its looks, where they are planned."""
    plan = study.file.looks
    if plan is None:
        return judge_once(study)
    stages = [judge_once(at_look(study, size)) for size in plan.sizes]
    return [_by_looks(plan, list(claim)) for claim in zip(*stages, strict=True)]


def asked_seeds(study: Study) -> dict[Key, int]:
    """For each cell, how many of the study's seeds are asked for by now.

    The first look asks for every cell; each later one for the cells that a comparison needs which is still open, once
    all that the looks before ask for have results. Cells of no claim stay at the first look.
    """
    plan = study.file.looks
    if plan is None:
        return {key: len(runs) for key, _, runs in study.cells}
    asked = {key: plan.sizes[0] for key, _, _ in study.cells}
    judged = [one for verdict in judge(study) for one in verdict.contrasts]
    waiting = [one.looks.asked for one in judged if one.looks and one.looks.open]
    for one in judged:
        seeds = min([one.looks.asked, *waiting]) if one.looks and one.looks.open else _seeds_of(one, plan)
        for arm in one.arms:
            key = tuple(show(arm.cell[axis]) for axis in study.axes)
            asked[key] = max(asked[key], seeds)
    return asked


def at_look(study: Study, size: int) -> Study:
    """The study with its first seeds alone, in the order of its grid."""
    first = list(dict.fromkeys(study.runs["seed"]))[:size]
    return dataclasses.replace(study, runs=study.runs[study.runs["seed"].isin(first)])


def _seeds_of(judged: ContrastVerdict, plan: Looks) -> int:
    return judged.looks.asked if judged.looks and judged.looks.done else plan.sizes[0]


def _by_looks(plan: Looks, stages: Sequence[ClaimVerdict]) -> ClaimVerdict:
    """The verdict on a claim from those that the seeds of each look alone would give."""
    comparisons = list(zip(*(stage.contrasts for stage in stages), strict=True))
    family = {
        seen[-1].comparison.key: seen for seen in comparisons if not seen[-1].same and not stages[0].claim.metric.exact
    }
    observed = [_observed(plan, seen) for seen in family.values()]
    histories = dict(zip(family, judge_looks(plan, [stages[0].claim] * len(family), observed), strict=True))
    judged = [_verdict(seen, histories.get(seen[-1].comparison.key)) for seen in comparisons]
    return dataclasses.replace(stages[0], contrasts=judged, state=overall([one.state for one in judged]))


def _observed(plan: Looks, seen: Sequence[ContrastVerdict]) -> list[Observed]:
    """What each look sees, as long as all runs of all arms have a result."""
    out = []
    for size, one in zip(plan.sizes, seen, strict=True):
        if any(len(arm.results) < size for arm in one.arms):
            break
        out.append(Observed(one.contrast, _barred(one)))
    return out


def _barred(one: ContrastVerdict) -> str:
    if one.state in _BARRED:
        return one.state
    return "" if one.contrast and one.contrast.min_seeds >= MIN_SEEDS else "inconclusive"


def _verdict(seen: Sequence[ContrastVerdict], history: LookHistory | None) -> ContrastVerdict:
    """A comparison as its last look saw it, with the arms that it needs by now: what they lack is outstanding."""
    if history is None:
        return seen[0]
    place = max(len(history.done) - 1, 0)
    now, wanted = seen[place], seen[history.plan.sizes.index(history.asked)]
    last = history.done[-1] if history.done else None
    return dataclasses.replace(
        now,
        ours=wanted.ours,
        theirs=wanted.theirs,
        subtracted=wanted.subtracted,
        state=last.state if last else _barred(now) or "inconclusive",
        p_holm=last.p_holm if last else math.nan,
        more_seeds=None,
        images_needed=None,
        looks=history,
    )
