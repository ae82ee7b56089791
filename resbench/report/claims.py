"""Claims of a grid file, judged by fixed rules. `wording.py` says the verdicts; nothing here depends on words.

The rules, for one contrast (ours - theirs, at 95 %):

- `not trained`: a run of either arm diverged, so that means over the others would be a selection;
- `inconclusive`: fewer than five seeds ended in both arms (exact metrics excepted), whatever their numbers;
- of a claim of a direction: `supported` or `refuted` if the interval excludes zero and Holm's p over the claim's
  family is below .05; else `equivalent` if the 90 % interval lies within the margin; else `inconclusive`;
- of a claim of equivalence: `supported` if the 90 % interval lies within the margin; `refuted` if the 95 % interval
  lies beyond it and Holm's p is below .05; else `inconclusive`.

A claim has the verdict of its worst contrast, in the order of `STATES`: it speaks of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resbench.claim import SHARES, contrasts
from resbench.report.arms import Arm, arm, versus
from resbench.report.groups import groups, show
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import holm
from resbench.report.statistics.power import (
    detectable,
    detectable_new_images,
    needed_new_images,
    seeds_needed,
    upper_sd,
)
from resbench.report.study import Study

STATES = ("refuted", "not trained", "inconclusive", "equivalent", "supported")
ALPHA = 0.05
LEAST_SEEDS = 5
EXACT = ("parameters", "flops")  # the same for every seed: compared as numbers, without statistics


@dataclass(frozen=True)
class Judged:
    """One contrast of a claim.

    Attributes:
        context: the values of the `at` axes.
        contrast: None if an arm has no run that ended.
        p_holm: over the claim's family; NaN if there is no p value.
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
    adjusted = holm([one.p if one else math.nan for one in found])
    judged = []
    for (context, ours, theirs), contrast, p in zip(pairs, found, adjusted, strict=True):
        state = _state(claim, ours, theirs, contrast, float(p))
        plan = _plan(claim, contrast, len(pairs)) if contrast and state == "inconclusive" else {}
        judged.append(Judged(context, ours, theirs, contrast, float(p), state, **plan))
    worst = min((STATES.index(one.state) for one in judged), default=STATES.index("inconclusive"))
    return Verdict(claim, judged, STATES[worst])


def _state(claim: Mapping[str, Any], ours: Arm, theirs: Arm, contrast: Contrast | None, p_holm: float) -> str:
    if claim["on"] in EXACT:
        return _exact(claim, contrast) if contrast else "inconclusive"
    if not ours.trained or not theirs.trained:
        return "not trained"
    if contrast is None or min(contrast.seeds, contrast.seeds_theirs) < LEAST_SEEDS:
        return "inconclusive"
    interval, sure = contrast.interval, p_holm < ALPHA
    equivalent = contrast.equivalent_test_set if contrast.from_seeds_only else contrast.equivalent_new_images
    if claim["expect"] == "equivalent":
        beyond = interval.low > contrast.margin or interval.high < -contrast.margin
        return "supported" if equivalent else "refuted" if beyond and sure else "inconclusive"
    if sure and (interval.high < 0 or interval.low > 0):
        return "supported" if (interval.high < 0) == (direction(claim) == "lower") else "refuted"
    return "equivalent" if equivalent else "inconclusive"


def direction(claim: Mapping[str, Any]) -> str:
    """What is expected of the difference as it is computed: test accuracy is compared by its errors."""
    if claim["on"] == "test_accuracy" and claim["expect"] != "equivalent":
        return "higher" if claim["expect"] == "lower" else "lower"
    return str(claim["expect"])


def _exact(claim: Mapping[str, Any], contrast: Contrast) -> str:
    difference = contrast.ours - contrast.theirs
    within = abs(difference) <= claim["margin"]
    if claim["expect"] == "equivalent":
        return "supported" if within else "refuted"
    if difference == 0 or within:
        return "equivalent"
    return "supported" if (difference < 0) == (claim["expect"] == "lower") else "refuted"


def _plan(claim: Mapping[str, Any], contrast: Contrast, size: int) -> dict[str, Any]:
    """Seeds still needed, and what those so far could find, from the noise seen and the margin, never from the difference."""
    margin, alpha = contrast.margin, ALPHA / max(size, 1)
    power = 0.8
    if claim["expect"] == "equivalent":  # two one-sided tests at 5 % with 80 % power if there is no difference
        alpha, power = 2 * ALPHA, 0.9
    if not contrast.shared_seeds or contrast.seeds < 2 or not margin > 0:
        return {}
    parts = contrast.components
    if parts is None:
        sd = upper_sd(contrast.sd, contrast.seeds)
        need = seeds_needed(margin, sd, power, alpha) if sd > 0 else None
        found = detectable(contrast.sd, contrast.seeds, power, alpha)
        return {"more_seeds": _more(need, contrast), "detectable": found}
    need_new = needed_new_images(margin, parts, power, alpha)
    return {
        "more_seeds": _more(need_new.seeds, contrast),
        "images_needed": need_new.images if need_new.seeds is None else None,
        "detectable": detectable_new_images(parts, contrast.seeds, power, alpha),
    }


def _more(need: int | None, contrast: Contrast) -> int | None:
    return None if need is None else max(need, LEAST_SEEDS, contrast.seeds + 1) - contrast.seeds


def unit(on: str) -> tuple[float, str]:
    """(factor, unit) in which differences of a metric are told: shares in percentage points."""
    return (100.0, "points") if on in SHARES else (1.0, "")
