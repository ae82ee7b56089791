"""The claims of a study judged: look by look where looks are planned, else once from all of its runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resbench.records.study_file import Looks
from resbench.report.collapse import with_collapsed
from resbench.report.comparison import ComparedRuns
from resbench.report.families import hypothesis
from resbench.report.looks.earlier import plan_changed
from resbench.report.looks.sequential import LookHistory, Observed, judge_looks
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict, judge_once, overall

_Compared = tuple[int, ComparedRuns]  # which claim, and the runs that it compares
_BARRED = ("not comparable", "not trained")


def judge(study: Study) -> list[ClaimVerdict]:
    """The verdict on each claim of a study, in the order of its grid file; by its looks, where they are planned."""
    plan = study.file.looks
    if plan is None:
        return judge_once(study)
    stages = [judge_once(at_look(study, size)) for size in plan.sizes]
    claims = [list(claim) for claim in zip(*stages, strict=True)]
    late = plan_changed(study)
    if study.file.family == "study":
        whole = _family(plan, claims, late)
        return [_by_looks(claim, index, whole) for index, claim in enumerate(claims)]
    return [_by_looks(claim, 0, _family(plan, [claim], late)) for claim in claims]


def at_look(study: Study, size: int) -> Study:
    """The study with its first seeds alone, in the order of its grid, and which runs trained judged by these alone.

    A run that only guesses counts as collapsed next to one of its cell that collapsed; next to one of a later look it
    must not, or what a look saw would change.
    """
    first = list(dict.fromkeys(study.runs["seed"]))[:size]
    runs = study.runs[study.runs["seed"].isin(first)]
    return dataclasses.replace(study, runs=with_collapsed(runs, study.axes, study.by_id))


class _Family(NamedTuple):
    """Comparisons that are judged together.

    Attributes:
        histories: the looks at each.
        tests: how many tests they are, those that several claims make counted once.
    """

    histories: Mapping[_Compared, LookHistory]
    tests: int


def _family(plan: Looks, claims: Sequence[Sequence[ClaimVerdict]], late: bool) -> _Family:
    """The family of a claim, or of several.

    Args:
        claims: the verdicts on each from the seeds of each look alone.
        late: whether the plan was changed after results.
    """
    family = {
        (index, seen[-1].comparison.key): (stages[0].claim, seen)
        for index, stages in enumerate(claims)
        for seen in zip(*(stage.contrasts for stage in stages), strict=True)
        if not seen[-1].same and not stages[0].claim.metric.exact
    }
    observed = [_observed(plan, seen, late) for _, seen in family.values()]
    tests = [hypothesis(claim, seen[-1].comparison) for claim, seen in family.values()]
    histories = judge_looks(plan, [claim for claim, _ in family.values()], observed, tests)
    return _Family(dict(zip(family, histories, strict=True)), len(set(tests)))


def _by_looks(stages: Sequence[ClaimVerdict], index: int, family: _Family) -> ClaimVerdict:
    """The verdict on a claim from those that the seeds of each look alone would give."""
    judged = [
        _verdict(seen, family.histories.get((index, seen[-1].comparison.key)))
        for seen in zip(*(stage.contrasts for stage in stages), strict=True)
    ]
    state = overall([one.state for one in judged])
    return dataclasses.replace(stages[0], contrasts=judged, state=state, family=family.tests)


def _observed(plan: Looks, seen: Sequence[ContrastVerdict], late: bool) -> list[Observed]:
    """What each look sees, as long as all runs of all arms have a result."""
    out = []
    for size, one in zip(plan.sizes, seen, strict=True):
        if any(len(arm.results) < size for arm in one.arms):
            break
        out.append(Observed(one.contrast, _barred(one), one.ranks, late or bool(one.earlier)))
    return out


def _barred(one: ContrastVerdict) -> str:
    if one.ranks:
        return "" if min(one.ranks.seeds, one.ranks.seeds_theirs) >= MIN_SEEDS else "not trained"
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
        state=last.state if last else "not trained" if now.ranks else _barred(now) or "inconclusive",
        p_holm=last.p_holm if last else math.nan,
        more_seeds=None,
        images_needed=None,
        looks=history,
    )
