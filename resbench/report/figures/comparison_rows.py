"""The rows of a forest plot: the comparisons of the claims, or of each cell with its baseline, in families."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from resbench.report.arms import Arm, name, values
from resbench.report.figures.drawing import leaf
from resbench.report.frames import show
from resbench.report.statistics.contrast import Contrast
from resbench.report.study import Study
from resbench.report.verdicts import Verdict, unit
from resbench.report.wording import p_text

_MOST_ROWS = 40


@dataclass(frozen=True)
class Row:
    """A comparison.

    Attributes:
        label: what is compared, and where; of its own within a family.
        ours, theirs: the arms.
        contrast: None if an arm has no run that ended.
        verdict: one of `claims.STATES`, or the false-discovery rate of what nobody claimed.
        seeds: difference of each shared seed, `(seeds,)`, in the unit of the metric.
    """

    label: str
    ours: Arm
    theirs: Arm
    contrast: Contrast | None
    verdict: str
    seeds: npt.NDArray[np.float64]

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
        on: the metric.
        size: number of comparisons, of which not all need be among the rows.
        margin: the smallest difference that matters, in points for shares of images.
        rows: the comparisons, in the grid's order.
    """

    number: int
    says: str
    on: str
    size: int
    margin: float
    rows: Sequence[Row]


def claimed(study: Study, verdicts: Sequence[Verdict]) -> list[Family]:
    """A family for each claim that has comparisons."""
    out: list[Family] = []
    for verdict in verdicts:
        on, rows = str(verdict.claim["on"]), []
        for one in verdict.contrasts:
            label = " − ".join(name(one.ours.cell, one.theirs.cell))
            context = ", ".join(f"{leaf(path)} {show(value)}" for path, value in one.context.items())
            seeds = _seed_differences(study, one.ours, one.theirs, on)
            label = f"{context}: {label}" if context else label
            rows.append(Row(label, one.ours, one.theirs, one.contrast, one.state, seeds))
        if rows:
            out.append(
                Family(len(out) + 1, str(verdict.claim["says"]), on, len(rows), float(verdict.claim["margin"]), rows)
            )
    return out


def explored(study: Study, compared: pd.DataFrame) -> list[Family]:
    """One family of what `cells.comparisons` returns; none if that is empty."""
    rows = []
    for found in compared.to_dict("records"):
        ours, theirs, contrast = found["ours"], found["theirs"], found["contrast"]
        label = ", ".join(_value(axis, found[axis]) for axis in study.axes)
        verdict = "not trained" if not (ours.trained and theirs.trained) else f"q {p_text(found['q'])}"
        rows.append(Row(label, ours, theirs, contrast, verdict, _seed_differences(study, ours, theirs, "test_error")))
    if not rows:
        return []
    margin = next((100 * row.contrast.margin for row in rows if row.contrast), math.nan)
    baseline = ", ".join(f"{leaf(axis)} {show(value)}" for axis, value in study.baseline.items())
    return [Family(1, f"Each cell minus its baseline ({baseline}); exploratory", "test_error", len(rows), margin, rows)]


def _value(axis: str, value: object) -> str:
    return value if isinstance(value, str) else f"{leaf(axis)} {show(value)}"


def shared_seeds(row: Row) -> list[int]:
    """The seeds that ended in both arms, in the order of `Row.seeds`."""
    return sorted(row.ours.ended.keys() & row.theirs.ended.keys())


def _seed_differences(study: Study, ours: Arm, theirs: Arm, on: str) -> npt.NDArray[np.float64]:
    """Of each shared seed, `(seeds,)`, in the order of the seeds; accuracy on the test images by its errors."""
    shared = sorted(ours.ended.keys() & theirs.ended.keys())
    on = "test_error" if on == "test_accuracy" else on
    return values(study, [ours.ended[seed] for seed in shared], on) - values(
        study, [theirs.ended[seed] for seed in shared], on
    )


def largest(groups: Sequence[Family]) -> tuple[list[Family], int]:
    """The groups with the largest differences of all, in their order, and how many rows that left out."""

    def size(row: Row, on: str) -> float:
        if not row.drawn or row.contrast is None or math.isnan(row.contrast.interval.estimate):
            return -1.0
        return abs(row.contrast.interval.estimate) if unit(on)[1] else 0.0  # other units have no common scale

    ranked = sorted(
        ((size(row, group.on), -i, -j) for i, group in enumerate(groups) for j, row in enumerate(group.rows))
    )
    kept = {(-i, -j) for _, i, j in ranked[-_MOST_ROWS:]}
    out = []
    for i, group in enumerate(groups):
        rows = [row for j, row in enumerate(group.rows) if (i, j) in kept]
        if rows:
            out.append(dataclasses.replace(group, rows=rows))
    return out, len(ranked) - len(kept)
