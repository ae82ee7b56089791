"""Claims of a grid file, judged by fixed rules. `wording.py` says the verdicts; nothing here depends on words.

The rules, for one contrast (ours - theirs, at 95 %):

- `not trained`: a run of either arm diverged, so that means over the others would be a selection;
- `inconclusive`: fewer than five seeds ended in both arms (exact metrics excepted), whatever their numbers;
- of a claim of a direction: `supported` or `refuted` if the interval excludes zero and Holm's p over the claim's
  family is below .05; else `equivalent` if the 90 % interval lies within the margin; else `inconclusive`;
- of a claim of equivalence: `supported` if the 90 % interval lies within the margin; `refuted` if Holm's p of a
  difference no larger than the margin (one-sided, from outside) is below .05; else `inconclusive`;
- of a claim of being no worse, `not_higher` or `not_lower` (noninferiority): the same on the one side that matters,
  so that what is better by any amount is supported.

A claim has the verdict of its worst contrast, in the order of `STATES`, for it speaks of all of them; where some are
supported and some equivalent it is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from resbench.records.claim import AGAINST_MARGIN, SHARES, contrasts
from resbench.report.arms import Arm, arm, versus
from resbench.report.frames import groups, show
from resbench.report.planning import ALPHA, LEAST_SEEDS, levels, needs, usable
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import holm
from resbench.report.study import Study

STATES = ("refuted", "not trained", "inconclusive", "equivalent", "supported")
_MIRRORED = {"lower": "higher", "higher": "lower", "not_lower": "not_higher", "not_higher": "not_lower"}
EXACT = ("parameters", "flops")  # the same for every seed: compared as numbers, without statistics


@dataclass(frozen=True)
class Judged:
    """One contrast of a claim.

    Attributes:
        context: the values of the `at` axes.
        contrast: None if an arm has no run that ended.
        p_holm: over the claim's family, of no difference (of equivalence: of none beyond the margin); NaN without one.
        state: one of `STATES`.
        more_seeds: beyond those that ended in both arms, to find the margin with a power of 80 % at Holm's first
            step; None if no number suffices or none is needed.
        images_needed: test images from which seeds would begin to help, where no number of seeds suffices.
        detectable: smallest difference that the seeds so far find with a power of 80 %.
    """

    context: Mapping[str, Any]
    ours: Arm
    theirs: Arm
    contrast: Contrast | None
    p_holm: float
    state: str
    more_seeds: int | None = None
    images_needed: int | None = None
    detectable: float = math.nan


@dataclass(frozen=True)
class Verdict:
    """A claim, its contrasts in the grid's order, and its state."""

    claim: Mapping[str, Any]
    contrasts: Sequence[Judged]
    state: str

    @property
    def outstanding(self) -> int:
        """Runs of its arms that have no result yet."""
        arms = {id(one): one for judged in self.contrasts for one in (judged.ours, judged.theirs)}
        return sum(one.missing + one.failed for one in arms.values())


def judge(study: Study) -> list[Verdict]:
    """The verdict on each claim of a study, in the order of its grid file."""
    parts = {key: part for key, part in groups(study.runs, study.axes)}
    cells = {key: {axis: part.iloc[0][axis] for axis in study.axes} for key, part in parts.items()}
    arms = {key: arm(part, cells[key]) for key, part in parts.items()}

    def of(cell: Mapping[str, Any]) -> Arm:
        return arms[tuple(show(cell[axis]) for axis in study.axes)]

    verdicts = []
    for claim in study.asked.get("claims") or []:
        pairs = [
            (context, of(ours[0]), of(theirs[0])) for context, ours, theirs in contrasts(claim, list(cells.values()))
        ]
        verdicts.append(family(study, claim, pairs))
    return verdicts


def family(study: Study, claim: Mapping[str, Any], pairs: Sequence[tuple[Mapping[str, Any], Arm, Arm]]) -> Verdict:
    """Judge the contrasts of a claim together.

    Args:
        claim: with `on`, `expect` and `margin`.
        pairs: (context, ours, theirs) of each contrast.
    """
    found = [versus(study, ours, theirs, claim["on"], claim["margin"]) for _, ours, theirs in pairs]
    unsure = [_unsure(claim, ours, theirs, one) for (_, ours, theirs), one in zip(pairs, found, strict=True)]
    expected = direction(claim)
    raw = [
        _p(one, expected) if one and why != "not trained" else math.nan for why, one in zip(unsure, found, strict=True)
    ]
    # what may not be judged counts in the family, but must not use up a step of Holm's that it cannot take
    firm = holm([math.nan if why else p for why, p in zip(unsure, raw, strict=True)])
    adjusted = np.where(np.isnan(firm), holm(raw), firm)
    judged = []
    for (context, ours, theirs), contrast, why, p in zip(pairs, found, unsure, adjusted, strict=True):
        state = why or _state(claim, contrast, float(p))
        plan = _plan(claim, contrast, len(pairs)) if contrast and state == "inconclusive" else {}
        judged.append(Judged(context, ours, theirs, contrast, float(p), state, **plan))
    return Verdict(claim, judged, _whole([one.state for one in judged]))


def _whole(states: Sequence[str]) -> str:
    """A claim speaks of all its comparisons: it has the worst of their states, and is equivalent only if all are."""
    if not states:
        return "inconclusive"
    worst = STATES[min(STATES.index(state) for state in states)]
    return "inconclusive" if worst == "equivalent" and "supported" in states else worst


def _p(contrast: Contrast, expected: str) -> float:
    """Of no difference; of a claim against the margin, of a difference no larger than that (one-sided, from outside)."""
    interval = contrast.interval
    if expected not in AGAINST_MARGIN or math.isnan(interval.se):
        return contrast.p
    beyond = _worse(interval.estimate, expected) - contrast.margin
    if interval.se == 0:
        return 0.0 if beyond > 0 else 1.0
    return float(stats.t.sf(beyond / interval.se, interval.df))


def _worse(difference: float, expected: str) -> float:
    """How far a difference goes to where none of the margin is to be."""
    return {"not_higher": difference, "not_lower": -difference}.get(expected, abs(difference))


def _within(contrast: Contrast, expected: str) -> bool:
    """Whether it is shown, at 5 %, that there is no difference of the margin; of `not_higher`, none upwards."""
    interval = contrast.interval
    if expected == "equivalent" or interval.estimate == interval.se == 0:  # on one side of nothing lies what is on both
        return contrast.equivalent
    inside = contrast.margin - _worse(interval.estimate, expected)
    if interval.se == 0:
        return inside > 0
    return bool(stats.t.sf(inside / interval.se, interval.df) < ALPHA)


def _unsure(claim: Mapping[str, Any], ours: Arm, theirs: Arm, contrast: Contrast | None) -> str:
    """The state of a contrast that no p value may decide, or nothing."""
    if claim["on"] in EXACT:
        return "" if contrast else "inconclusive"
    if not ours.trained or not theirs.trained:
        return "not trained"
    return "" if contrast and min(contrast.seeds, contrast.seeds_theirs) >= LEAST_SEEDS else "inconclusive"


def _state(claim: Mapping[str, Any], contrast: Contrast | None, p_holm: float) -> str:
    assert contrast is not None
    if claim["on"] in EXACT:
        return _exact(claim, contrast)
    interval, sure = contrast.interval, p_holm < ALPHA
    expected = direction(claim)
    if expected in AGAINST_MARGIN:
        return "supported" if _within(contrast, expected) else "refuted" if sure else "inconclusive"
    if sure and (interval.high < 0 or interval.low > 0):
        return "supported" if (interval.high < 0) == (expected == "lower") else "refuted"
    return "equivalent" if contrast.equivalent else "inconclusive"


def direction(claim: Mapping[str, Any]) -> str:
    """What is expected of the difference as it is computed: test accuracy is compared by its errors."""
    expect = str(claim["expect"])
    return _MIRRORED.get(expect, expect) if claim["on"] == "test_accuracy" else expect


def _exact(claim: Mapping[str, Any], contrast: Contrast) -> str:
    difference = contrast.ours - contrast.theirs
    if claim["expect"] in AGAINST_MARGIN:
        return "supported" if _worse(difference, claim["expect"]) <= claim["margin"] else "refuted"
    if abs(difference) <= claim["margin"]:
        return "equivalent"
    return "supported" if (difference < 0) == (claim["expect"] == "lower") else "refuted"


def _plan(claim: Mapping[str, Any], contrast: Contrast, size: int) -> dict[str, Any]:
    """Seeds still needed, and what those so far could find."""
    if not usable(contrast):
        return {}
    found = needs(contrast, levels(claim, size))
    per_seed = contrast.from_seeds_only
    total = found.seeds_here if per_seed else found.seeds_new
    return {
        "more_seeds": None if total is None else max(total - contrast.seeds, 1),
        "images_needed": found.images,
        "detectable": found.detectable_here if per_seed else found.detectable_new,
    }


def unit(on: str) -> tuple[float, str]:
    """(factor, unit) in which differences of a metric are told: shares in percentage points."""
    return (100.0, "points") if on in SHARES else (1.0, "")
