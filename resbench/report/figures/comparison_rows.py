"""The rows of a forest plot: the comparisons of the claims, or of each cell with its baseline, in families."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from resbench.records.metrics import METRICS, Metric
from resbench.report.arms import Arm, metric_values
from resbench.report.comparison import Comparison, Subtracted, seeds_of
from resbench.report.failures import by_means
from resbench.report.format import p_text
from resbench.report.labels import Labels
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interaction import SIGNS
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.interactions import place_text
from resbench.report.wording.states import part_state

_MOST_ROWS = 40


@dataclass(frozen=True)
class Row:
    """A comparison.

    Attributes:
        label: what is compared, and where; of its own within a family.
        ours, theirs: the arms.
        contrast: None if an arm has no run that ended.
        verdict: one of `verdicts.STATES`, or the false-discovery rate of what was not claimed.
        seeds: difference of each shared seed, `(seeds,)`, in the unit of the metric.
        subtracted: of an interaction, the difference that is subtracted.
    """

    label: str
    ours: Arm
    theirs: Arm
    contrast: Contrast | None
    verdict: str
    seeds: npt.NDArray[np.float64]
    subtracted: Subtracted | None = None

    @property
    def comparison(self) -> Comparison:
        return Comparison({}, self.ours, self.theirs, self.subtracted)

    @property
    def drawn(self) -> bool:
        """Whether there is a difference to draw: means over the runs that happened to train would be a selection."""
        return self.contrast is not None and self.verdict != "not trained"


@dataclass(frozen=True)
class Family:
    """Comparisons that are judged together.

    Attributes:
        number: tells families apart, from 1.
        says: the sentence of the claim.
        size: number of comparisons, of which not all need be among the rows.
        margin: the smallest difference that matters, as differences are shown.
        rows: the comparisons, in the grid's order.
    """

    number: int
    says: str
    metric: Metric
    size: int
    margin: float
    rows: Sequence[Row]


def claimed(study: Study, verdicts: Sequence[ClaimVerdict], labels: Labels) -> list[Family]:
    """A family for each claim that has comparisons."""
    out: list[Family] = []
    for verdict in verdicts:
        claim, rows = verdict.claim, []
        for judged in verdict.contrasts:
            label = " − ".join(labels.pair(judged.ours.cell, judged.theirs.cell))
            context = place_text(judged)
            label = f"{context}: {label}" if context else label
            seeds = _seed_differences(study, judged.comparison, claim.metric)
            shown = part_state(judged, claim.metric.exact).text.removesuffix(" so far")  # there is no room for it
            rows.append(Row(label, judged.ours, judged.theirs, judged.contrast, shown, seeds, judged.subtracted))
        if rows:
            size = max(len(rows), verdict.family)  # more, where the claims of a study are one family
            out.append(Family(len(out) + 1, claim.says, claim.metric, size, claim.margin, rows))
    return out


def explored(study: Study, compared: pd.DataFrame, margin: float, labels: Labels) -> list[Family]:
    """One family of what `cells.comparisons` returns; none if that is empty."""
    rows, metric = [], METRICS["test_error"]
    for pair in compared.to_dict("records"):
        ours, theirs = pair["ours"], pair["theirs"]
        verdict = f"q {p_text(pair['q'])}" if by_means(ours, theirs) else "not trained"
        verdict = "not comparable" if pair["reason"] else verdict
        seeds = _seed_differences(study, Comparison({}, ours, theirs), metric)
        label = labels.cell({axis: pair[axis] for axis in study.axes})
        rows.append(Row(label, ours, theirs, pair["contrast"], verdict, seeds))
    if not rows:
        return []
    baseline = labels.cell(study.baseline)
    return [Family(1, f"Each cell minus its baseline ({baseline}); exploratory", metric, len(rows), margin, rows)]


def _seed_differences(study: Study, one: Comparison, metric: Metric) -> npt.NDArray[np.float64]:
    """Of each shared seed, `(seeds,)`, in the order of the seeds; accuracy on the test images by its errors."""
    name = metric.compared_as or metric.name
    seeds = seeds_of(one, metric)
    values = [metric_values(study, [arm.runs_of(metric)[seed] for seed in seeds], name) for arm in one.arms]
    with np.errstate(invalid="ignore"):  # inf - inf
        return np.asarray(sum(sign * value for sign, value in zip(SIGNS, values, strict=False)))


def largest(families: Sequence[Family]) -> tuple[list[Family], int]:
    """The families with the largest differences of all, in their order, and how many rows that left out."""

    def size(row: Row, metric: Metric) -> float:
        if not row.drawn or row.contrast is None or math.isnan(row.contrast.interval.estimate):
            return -1.0
        return abs(row.contrast.interval.estimate) if metric.proportion else 0.0  # other units have no common scale

    ranked = sorted(
        (size(row, family.metric), -i, -j) for i, family in enumerate(families) for j, row in enumerate(family.rows)
    )
    chosen = {(-i, -j) for _, i, j in ranked[-_MOST_ROWS:]}
    out = []
    for i, family in enumerate(families):
        rows = [row for j, row in enumerate(family.rows) if (i, j) in chosen]
        if rows:
            out.append(dataclasses.replace(family, rows=rows))
    return out, len(ranked) - len(chosen)
