"""Comparisons of arms of which runs did not train, or failed: what may be judged, and how.

- A run that failed (a timeout, no memory) is missing for a reason that may be its arm: there is no verdict.
- Where no run of either arm trained there is nothing to compare: `not trained`. What a probe measures of a network after
  training is compared only where all runs of both arms trained.
- An arm all of whose runs collapsed, against one all of whose runs trained, is compared by means: none is left out.
- Else the worst-rank test decides, in which a run that did not train is the worst (Lachin 1999). A claim of a direction
  is supported or refuted where Holm's p is below .05. A claim against the margin is never supported, and refuted where
  ours is worse, by more than the margin, on the side that matters. What is not decided so is `not trained`. Where looks
  are planned it is the test of the look, which has its share of the seeds for its share of the information.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from resbench.records.claim import Claim
from resbench.records.metrics import METRICS, Metric
from resbench.report.arms import Arm, metric_values, paired_seeds
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.statistics.worst_rank import WorstRank, worst_rank, worst_rank_beyond
from resbench.report.study import Study

_WRONG_SIDES = {"not_higher": (1,), "not_lower": (-1,)}  # on which a claim is refuted; else on both


class Failures(NamedTuple):
    """What runs that did not train, or failed, leave of a comparison.

    Attributes:
        barred: the state that it has whatever its p value; else empty.
        ranks: of the worst-rank test, if that was made.
        reason: why there is no verdict, in a clause; else empty.
    """

    barred: str
    ranks: WorstRank | None = None
    reason: str = ""

    @property
    def seeds(self) -> int:
        """Of the arm that has fewer."""
        return min(self.ranks.seeds, self.ranks.seeds_theirs) if self.ranks else 0

    def p_after(self, earlier: Sequence[int]) -> float:
        """Before Holm; NaN without one.

        Args:
            earlier: numbers of seeds at which the verdict was read: after them p is no smaller than the anytime p.
        """
        if not self.ranks or self.barred:
            return math.nan
        return max(self.ranks.p, self.ranks.anytime_p) if earlier else self.ranks.p


def failures_of(study: Study, claim: Claim, ours: Arm, theirs: Arm) -> Failures | None:
    """How to judge two arms of which runs failed or did not train; None where they are compared by means."""
    if claim.metric.exact:
        return None
    if ours.failed or theirs.failed:
        return Failures("inconclusive", reason=_failed(study, ours, theirs))
    if claim.metric.at_start:
        return None
    if claim.metric.probe and not (ours.trained and theirs.trained):
        return Failures("not trained")
    if by_means(ours, theirs):
        return None
    if ours.none_trained and theirs.none_trained:
        return Failures("not trained")
    ranks = _ranks(study, claim, ours, theirs)
    return Failures("" if min(ranks.seeds, ranks.seeds_theirs) >= MIN_SEEDS else "not trained", ranks)


def by_means(ours: Arm, theirs: Arm) -> bool:
    """Whether the means of two arms are of all their runs, and those of one at least trained."""
    return ours.whole and theirs.whole and not (ours.none_trained and theirs.none_trained)


def rank_state(claim: Claim, ranks: WorstRank, p_holm: float) -> str:
    """The state of a comparison by the worst-rank test."""
    if not p_holm < ALPHA or not ranks.direction:
        return "not trained"
    if not claim.against_margin:
        return "supported" if (ranks.direction < 0) == (claim.direction == "lower") else "refuted"
    return "refuted"


def _ranks(study: Study, claim: Claim, ours: Arm, theirs: Arm) -> WorstRank:
    """The worst-rank test; of a claim against the margin that ours is beyond it, on the side that matters."""
    a, b, margin = ours.begun, theirs.begun, claim.margin / claim.metric.factor
    shared = paired_seeds(a, b)
    x, y = (_values(study, claim.metric, arm, shared or sorted(runs)) for arm, runs in ((ours, a), (theirs, b)))
    if claim.against_margin:
        return worst_rank_beyond(x, y, bool(shared), margin, _WRONG_SIDES.get(claim.direction, (1, -1)))
    return worst_rank(x, y, bool(shared))


def _values(study: Study, metric: Metric, arm: Arm, seeds: list[int]) -> npt.NDArray[np.float64]:
    """A number for each seed, as it is compared; of a run that did not train the worst."""
    compared = METRICS[metric.compared_as] if metric.compared_as else metric
    values = metric_values(study, [arm.begun[seed] for seed in seeds], compared.name)
    trained = set() if arm.none_trained else set(arm.ended)
    lost = np.array([seed not in trained for seed in seeds], dtype=np.bool_)
    return np.where(lost, math.inf if compared.better == "lower" else -math.inf, values)


def _failed(study: Study, ours: Arm, theirs: Arm) -> str:
    """`1 run of none failed (timeout): what fails is no random choice ...`."""
    clauses = []
    for name, arm in zip(study.labels.pair(ours.cell, theirs.cell), (ours, theirs), strict=True):
        if arm.failed:
            records = [study.by_id[run_id] for run_id in sorted(arm.runs) if run_id in study.by_id]
            kinds = Counter(
                one.error.kind or "error" if one.error else "error" for one in records if one.status == "failed"
            )
            runs = f"{arm.failed} run{'s' if arm.failed > 1 else ''}"
            clauses.append(f"{runs} of {name} failed ({', '.join(kinds)})")
    return f"{' and '.join(clauses)}: what fails is no random choice, so there is no verdict until it ends"
