"""Training curves in numbers: the loss of each seed and their mean by step, validation by epoch, and how each line ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import pandas as pd

from resbench.records.curve import Curve
from resbench.report.collapse import training_images
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.training_layout import Line, curves_of
from resbench.report.outcomes import measured, untrained
from resbench.report.statistics.mean import mean

_MOST_POINTS = 160  # of a line: as many as can be told apart
_MOST_SEEDS = 10  # of a line, with lines of their own
_END = 0.1  # of the training, over which its last loss is averaged


@dataclass(frozen=True)
class Outcome:
    """What became of a line.

    Attributes:
        line: which one.
        first: mean loss at the beginning; NaN where no run trained.
        overall: of each seed that trained, the mean loss over the whole training: low where it learned fast.
        last: of each seed that trained, the mean loss at the end.
        error: mean test error in percent; NaN where it is not known.
        runs, untrained: how many runs there are, and how many did not train.
        diverged: whether all of them diverged.
    """

    line: Line
    first: float
    overall: Sequence[float]
    last: Sequence[float]
    error: float
    runs: int
    untrained: int
    diverged: bool


Course = Mapping[float, float]  # where a stretch of the training ends, in epochs -> its mean loss


def training_points(evidence: Evidence, lines: Sequence[Line]) -> tuple[pd.DataFrame, list[Outcome]]:
    """A row for each line and stretch of the training, and how each line ended.

    Returns:
        `panel`, `line`, `epoch` (passes over the training images), `images` seen (NaN where that is not known), `loss` (the
        mean over `seeds`), `val_loss` at the ends of epochs, and `seed N` of each seed, unless they are many.
    """
    curves = {line.cell: curves_of(evidence, line.cell) for line in lines}
    merged = _merged([curve for of in curves.values() for curve in of.values()])
    rows: list[dict[str, Any]] = []
    outcomes = []
    for line in lines:
        courses = {run_id: _course(curve, merged) for run_id, curve in curves[line.cell].items()}
        rows += _rows(evidence, line, courses)
        outcomes.append(_outcome(evidence, line, courses))
    points = pd.DataFrame(rows)
    return points.dropna(axis=1, how="all") if len(points) else points, outcomes


def steps_of_point(evidence: Evidence, lines: Sequence[Line]) -> int:
    """Over how many steps a point is a mean, at most."""
    curves = [curve for line in lines for curve in curves_of(evidence, line.cell).values()]
    return max(min(curve.every * _merged(curves), curve.steps) for curve in curves)


def _merged(curves: Sequence[Curve]) -> int:
    """How many blocks a point is the mean of, so that no line has more points than can be told apart."""
    return math.ceil(max((len(curve.train_loss) for curve in curves), default=1) / _MOST_POINTS)


def _course(curve: Curve, merged: int) -> Course:
    """The curve, or the means of so many of its blocks; an end of an epoch stays one."""
    blocks = math.ceil(curve.steps / curve.every)
    epochs = math.ceil(merged / blocks)

    def stretch(block: int) -> tuple[int, int]:
        epoch, number = divmod(block, blocks)
        return (epoch // epochs, 0) if merged > blocks else (epoch, number // merged)

    ends = curve.epochs()
    sizes = [end - start for start, end in pairwise([0.0, *ends])]
    course = {}
    for _, group in groupby(range(len(ends)), stretch):
        numbers = list(group)
        course[ends[numbers[-1]]] = _weighted([(sizes[i], curve.train_loss[i]) for i in numbers])
    return course


def _weighted(parts: Sequence[tuple[float, float | None]]) -> float:
    """The mean by size; NaN where a loss was not finite."""
    known = [(size, loss) for size, loss in parts if loss is not None]
    if len(known) < len(parts) or not known:
        return math.nan
    if len(known) == 1:
        return known[0][1]
    return math.fsum(size * loss for size, loss in known) / math.fsum(size for size, _ in known)


def _rows(evidence: Evidence, line: Line, courses: Mapping[str, Course]) -> list[dict[str, Any]]:
    runs = evidence.study.cells[line.cell][2]
    of_mean = [run_id for run_id in measured(runs)["id"] if run_id in courses]
    seeds = {run_id: seed for run_id, seed in zip(runs["id"], runs["seed"], strict=True) if run_id in courses}
    images = training_images(evidence.study.by_id[next(iter(courses))])
    validation = _validation(evidence, of_mean)
    rows = []
    for epoch in sorted({epoch for course in courses.values() for epoch in course}):
        values = [courses[run_id].get(epoch, math.nan) for run_id in of_mean]
        finite = [value for value in values if math.isfinite(value)]
        row = {"panel": line.panel, "line": line.name, "epoch": epoch}
        row |= {"images": round(images * epoch) if images else math.nan, "loss": mean(finite)}
        row |= {"val_loss": validation.get(epoch, math.nan), "seeds": len(finite)}
        if len(seeds) <= _MOST_SEEDS:
            row |= {f"seed {seed}": courses[run_id].get(epoch, math.nan) for run_id, seed in seeds.items()}
        rows.append(row)
    return rows


def _validation(evidence: Evidence, ids: Sequence[str]) -> dict[float, float]:
    """Epoch -> mean validation loss at its end."""
    losses: dict[float, list[float]] = {}
    for run_id in ids:
        for row in evidence.study.by_id[run_id].history:
            value = row.get("val_loss")
            if value is not None:
                losses.setdefault(float(row["epoch"] or 0), []).append(value)
    return {epoch: mean(values) for epoch, values in losses.items()}


def _outcome(evidence: Evidence, line: Line, courses: Mapping[str, Course]) -> Outcome:
    runs = evidence.study.cells[line.cell][2]
    trained = [courses[run_id] for run_id in measured(runs)["id"] if run_id in courses]
    return Outcome(
        line,
        first=mean([course[min(course)] for course in trained]),
        overall=[_between(course, 0.0) for course in trained],
        last=[_between(course, 1 - _END) for course in trained],
        error=100 * (1 - float(evidence.frame["mean"].iloc[line.cell])),
        runs=int(runs["status"].isin(("ok", "diverged", "collapsed")).sum()),
        untrained=untrained(runs),
        diverged=bool(len(runs)) and not trained and untrained(runs) > 0,
    )


def _between(course: Course, share: float) -> float:
    """The mean loss from a share of the training to its end."""
    ends = sorted(course)
    return _weighted([(b - a, course[b]) for a, b in pairwise([0.0, *ends]) if b > share * ends[-1] + 1e-9])
