"""One side of a comparison: the runs of a cell, and what is known of them seed by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resbench.core.cell import Cell, CellKey
from resbench.core.lazy import lazy
from resbench.core.text import show
from resbench.records.metrics import METRICS, Metric, number
from resbench.report.outcomes import RESULTS, measured
from resbench.report.statistics.compare import paired, paired_values, unpaired, unpaired_values
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import LEVEL
from resbench.report.study import Study

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


@dataclass(frozen=True)
class Arm:
    """The runs of one cell.

    Attributes:
        cell: its values.
        planned: runs that the study asks for.
        ended: seed -> id of each run that its numbers are of, as `outcomes.measured` says: of those that trained.
        diverged, failed, missing, collapsed: number of runs of each other fate.
        results: ids of the runs that trained, diverged or collapsed.
        runs: ids of all that the study asks for; cells that are one training have the same.
        begun: seed -> id of each of the results.
    """

    cell: Cell
    planned: int
    ended: Mapping[int, str]
    diverged: int
    failed: int
    missing: int
    results: Sequence[str] = ()
    runs: frozenset[str] = frozenset()
    collapsed: int = 0
    begun: Mapping[int, str] = field(default_factory=dict)

    @property
    def untrained(self) -> int:
        """Runs that did not train: they diverged or collapsed."""
        return self.diverged + self.collapsed

    @property
    def trained(self) -> bool:
        """No run diverged or collapsed."""
        return self.untrained == 0

    @property
    def none_trained(self) -> bool:
        """Every run that has a result diverged or collapsed."""
        return 0 < self.untrained == len(self.begun)

    @property
    def whole(self) -> bool:
        """Its numbers are those of all runs that have a result: all trained, or all collapsed."""
        return self.trained or (self.none_trained and not self.diverged)

    @property
    def ids(self) -> list[str]:
        """Of the runs that its numbers are of, by seed."""
        return [self.ended[seed] for seed in sorted(self.ended)]

    def runs_of(self, metric: Metric) -> Mapping[int, str]:
        """Seed -> id of the runs whose values of a metric count: what is measured before training, all have."""
        return self.begun if metric.at_start else self.ended


def arm_of(runs: pd.DataFrame, cell: Cell) -> Arm:
    """The arm of a cell.

    Args:
        runs: its rows of `Study.runs`.
        cell: its values.
    """
    ended, begun = (
        {int(seed): str(run_id) for seed, run_id in zip(part["seed"], part["id"], strict=True)}
        for part in (measured(runs), runs[runs["status"].isin(RESULTS)])
    )
    count = Counter(runs["status"])
    fates = count["diverged"], count["failed"], count["missing"]
    ids = frozenset(map(str, runs["id"]))
    return Arm(cell, len(runs), ended, *fates, list(begun.values()), ids, count["collapsed"], begun)


def arms_of(study: Study) -> dict[CellKey, Arm]:
    """The arm of each cell, in the order of the study."""
    return {key: arm_of(runs, cell) for key, cell, runs in study.cells}


def partners(study: Study, arms: Mapping[CellKey, Arm], values: Cell) -> Iterator[tuple[Arm, list[Arm]]]:
    """Each arm that lacks these values, with the arm that differs from it only in having them.

    A field that does not act in one of two cells is no difference between them; an arm whose cell is not in the grid may
    so have a stand-in, or several that are different networks. It has none where nothing fits.
    """
    places = {study.axes.index(path): show(value) for path, value in values.items()}
    for key, ours in arms.items():
        other = tuple(places.get(place, text) for place, text in enumerate(key))
        if other == key:
            continue
        if other in arms or not study.idle:
            yield ours, [arms[other]] if other in arms else []
            continue
        fitting = {
            theirs.runs: theirs
            for candidate, theirs in reversed(list(arms.items()))
            if all(candidate[place] == text for place, text in places.items()) and _agree(study, other, key, candidate)
        }
        yield ours, list(fitting.values())


def _agree(study: Study, wanted: CellKey, ours: CellKey, theirs: CellKey) -> bool:
    """Whether a cell has the values that are wanted of it, but for fields that do not act in one of the two."""
    loose = study.idle.get(ours, frozenset()) | study.idle.get(theirs, frozenset())
    return all(a == b or axis in loose for axis, a, b in zip(study.axes, wanted, theirs, strict=True))


def one_network(ours: Arm, theirs: Arm) -> bool:
    """Whether two arms are the same runs."""
    return bool(ours.runs & theirs.runs)


def shared_seeds(ours: Arm, theirs: Arm, metric: Metric) -> list[int]:
    """Seeds that two arms are compared over, pair by pair; none where more runs count without pairs."""
    return paired_seeds(ours.runs_of(metric), theirs.runs_of(metric))


def paired_seeds(ours: Collection[int], theirs: Collection[int]) -> list[int]:
    """Seeds that stand on both sides, if they are as many as there are on either; else none."""
    shared = sorted(set(ours) & set(theirs))
    return shared if len(shared) == min(len(ours), len(theirs)) else []


def compare_arms(
    study: Study, ours: Arm, theirs: Arm, metric: Metric, margin: float, level: float = LEVEL
) -> Contrast | None:
    """Compare two arms by a metric: image by image for test errors, else by one number a seed.

    Args:
        study: whose records hold the predictions.
        metric: test accuracy is compared by its errors: say so where it is shown.
        margin: the smallest difference that matters, in points for shares of images.

    Returns:
        The contrast, of errors as shares and of other shares of images as shares too; over the seeds that ended in
        both arms, or over all if so there are more. None where an arm has nothing to compare.
    """
    margin = margin / metric.factor
    shared, a_runs, b_runs = shared_seeds(ours, theirs, metric), ours.runs_of(metric), theirs.runs_of(metric)
    left, right = ([runs[seed] for seed in shared or sorted(runs)] for runs in (a_runs, b_runs))
    if not left or not right:
        return None
    if metric.by_image:
        a, b = error_table(study, left), error_table(study, right)
        same = len({study.by_id[run_id].provenance.test_sha256 for run_id in (*left, *right)}) == 1
        if a is not None and b is not None and len(a) == len(b) and same:
            return (paired if shared else unpaired)(a, b, margin, level)
    compared = METRICS[metric.compared_as] if metric.compared_as else metric
    x, y = metric_values(study, left, compared.name), metric_values(study, right, compared.name)
    if np.isnan(x).all() or np.isnan(y).all():
        return None
    return (paired_values if shared else unpaired_values)(x, y, margin, level, compared.better == "higher")


def error_table(study: Study, ids: Sequence[str]) -> npt.NDArray[np.bool_] | None:
    """Whether each test image was missed, `(images, runs)`; None if a run has no predictions or other images."""
    records = [study.by_id[run_id] for run_id in ids]
    predictions = [record.predictions for record in records if record.predictions]
    if len(predictions) < len(records) or len({one.images for one in predictions}) != 1:
        return None
    if len({record.provenance.test_sha256 for record in records}) != 1:
        return None
    return np.stack([one.errors() for one in predictions], axis=1)


def metric_values(study: Study, ids: Sequence[str], name: str) -> npt.NDArray[np.float64]:
    """A metric of each run, `(runs,)`, NaN where it is not known."""
    return np.array([number(name, study.by_id[run_id].metrics.get(name)) for run_id in ids], dtype=np.float64)


def name_pair(ours: Cell, theirs: Cell) -> tuple[str, str]:
    """Two cells by the values in which they differ, `identity` and `none`, with the field where a value is not a word."""
    differing = [path for path in ours if show(ours[path]) != show(theirs.get(path))]
    parts = []
    for cell in (ours, theirs):
        words = [
            value
            if isinstance(value := cell[path], str) and len(differing) == 1
            else f"{path.split('.')[-1]} {show(value)}"
            for path in differing
        ]
        parts.append(", ".join(words) or "the same")
    return parts[0], parts[1]
