"""Comparisons of known truth, seen at the looks of a plan: their differences are drawn, not trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.records.claim import Claim
from resbench.records.study_file import Looks
from resbench.report.looks.sequential import LookHistory, Observed, judge_looks
from resbench.report.statistics.compare import paired_values
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.effect import p_equivalence
from resbench.report.statistics.interval import Interval, Variance, from_variances
from resbench.report.statistics.worst_rank import worst_rank

Values = npt.NDArray[np.float64]
LOWER = Claim(says="c", compare={"a": 1}, to={"a": 2}, at={}, on="train_loss", expect="lower", margin=0)
_TEMPLATE = paired_values([1.0, 2.0, 4.0], [1.5, 2.0, 3.0], 0.0)


def seen(differences: Values, image_effect: float = 0.0, image_variance: float = 0.0) -> Contrast:
    """A contrast of the differences of seeds, `(seeds,)`, on images that add a variance and have drawn an effect."""
    seeds = len(differences)
    sources = (Variance(image_variance, math.inf), Variance(float(differences.var(ddof=1)) / seeds, seeds - 1))
    interval: Interval = from_variances(float(differences.mean()) + image_effect, sources)
    within = p_equivalence(interval, 0.0)
    numbers: dict[str, Any] = {"seeds": seeds, "seeds_theirs": seeds, "this_test_set": interval}
    return replace(_TEMPLATE, **numbers, p_t=interval.p_two_sided(), p_equivalence_test_set=within)


def follow(
    plan: Looks, family: Sequence[Values], image_variance: float = 0.0, draw: np.random.Generator | None = None
) -> list[LookHistory]:
    """The looks at a family whose differences, `(seeds,)` each, come in the order of the seeds."""
    observed = []
    for differences in family:
        effect = float(draw.normal(0, math.sqrt(image_variance))) if draw else 0.0
        observed.append([Observed(seen(differences[:size], effect, image_variance)) for size in plan.sizes])
    return judge_looks(plan, [LOWER] * len(family), observed)


def follow_arms(plan: Looks, family: Sequence[tuple[Values, Values]]) -> list[LookHistory]:
    """The looks at a family of arms, ours and theirs of `(seeds,)` each; infinite for a run that did not train."""

    def observed(ours: Values, theirs: Values) -> Observed:
        trained = np.isfinite(ours).all() and np.isfinite(theirs).all()
        return Observed(seen(ours - theirs)) if trained else Observed(None, ranks=worst_rank(ours, theirs, shared=True))

    looks = [[observed(ours[:size], theirs[:size]) for size in plan.sizes] for ours, theirs in family]
    return judge_looks(plan, [LOWER] * len(family), looks)
