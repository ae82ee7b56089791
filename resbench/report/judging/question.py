"""What is asked of two files of results: the metric, what is expected of it, and the margin."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resbench.core.cell import Value
from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import sanitise
from resbench.records.claim import AGAINST_MARGIN, EXPECTATIONS, Claim, default_margin
from resbench.records.metrics import METRICS, Metric, add_metrics, added_metrics
from resbench.report.judging.results_file import ResultsFile, SeedResult

AXIS = "file"
_HIGHER = ("higher", "not_lower")  # expectations of what is the better the higher it is
_ERROR, _ACCURACY = "test_error", "test_accuracy"
_SAYS = {
    "lower": "{0} has a lower {2} than {1}",
    "higher": "{0} has a higher {2} than {1}",
    "not_lower": "{0} has no lower {2} than {1}",
    "not_higher": "{0} has no higher {2} than {1}",
    "equivalent": "{0} and {1} are alike in {2}",
}


class Side(NamedTuple):
    """One of the two files.

    Attributes:
        value: what tells it from all others that are judged in the same folder: its path from there.
        name: what it is called.
    """

    file: ResultsFile
    value: str
    name: str


def metric_of(ours: ResultsFile, theirs: ResultsFile, on: str | None, expect: str | None) -> Metric:
    """The metric that is asked for, else the only one that both files have.

    Raises:
        UserError: there is none, or there are several.
    """
    shared = [name for name in _metrics(ours) if name in _metrics(theirs)]
    if on is None and len(shared) != 1:
        if ours.images and theirs.images:
            on = _ERROR
        elif not shared:
            has = "; ".join(f"{file.path} has {', '.join(_metrics(file)) or 'none'}" for file in (ours, theirs))
            raise UserError(f"the files share no column of numbers: {has}")
        else:
            raise UserError(f"both files have {', '.join(shared)}: say which one counts, such as --on {shared[0]}")
    name = shared[0] if on is None else on
    if name not in shared:
        raise UserError(
            f"--on {name}: not a column of numbers in both files; those are {', '.join(shared) or 'none'}{suggestion(name, shared)}"
        )
    if name not in METRICS or added_metrics([name]):
        add_metrics([Metric(name, name.replace("_", " "), "higher" if expect in _HIGHER else "lower")])
    metric = METRICS[name]
    if expect is None and (metric.better == "higher" or "accuracy" in name):
        raise UserError(
            f"{name}: more of it is better, and by default less is claimed: say --expect higher, or another"
        )
    for file in (ours, theirs):
        _check_values(metric, file)
    return metric


def _metrics(file: ResultsFile) -> list[str]:
    return list(dict.fromkeys([*file.metrics, *([_ERROR] if file.images else [])]))


def _check_values(metric: Metric, file: ResultsFile) -> None:
    """Refuse percentages where shares are meant, and several values of what is counted and has no noise."""
    values = {run.metrics[metric.name]: run for run in file.runs if metric.name in run.metrics}
    for value, run in values.items():
        if metric.proportion and not math.isnan(value) and not 0 <= value <= 1:
            raise UserError(
                f"{run.where}: {metric.name} {value:g}: should be a share from 0 to 1, such as 0.03 for 3 %"
            )
    if metric.exact and len(values) > 1:
        raise UserError(f"{file.path}: {metric.name} is one number for all seeds: give what varies another name")


def claim_of(metric: Metric, sides: Sequence[Side], expect: str | None, margin: float | None) -> Claim:
    """The claim that is judged.

    Raises:
        UserError: an expectation or a margin that means nothing.
    """
    expect = expect or "lower"
    if expect not in EXPECTATIONS:
        raise UserError(f"--expect {expect}: not one of {', '.join(EXPECTATIONS)}{suggestion(expect, EXPECTATIONS)}")
    margin = default_margin(metric.name) if margin is None else margin
    unit = "percentage points" if metric.proportion else f"the unit of {metric.name}"
    if not 0 <= margin < 1e12:
        raise UserError(
            f"--margin {margin:g}: use the smallest difference that matters, a number of at least 0, in {unit}"
        )
    if expect in AGAINST_MARGIN and margin == 0:
        raise UserError(f"--expect {expect}: needs --margin, the smallest difference that matters, in {unit}")
    ours, theirs = sides
    says = _SAYS[expect].format(ours.name, theirs.name, metric.words)
    cells: list[dict[str, Value]] = [{AXIS: side.value} for side in sides]
    return Claim(says=says, compare=cells[0], to=cells[1], at={}, on=metric.name, expect=expect, margin=float(margin))


def value_of(run: SeedResult, metric: Metric) -> float | None:
    """The number of a run by a metric: NaN where it did not train, None where there is none yet.

    Raises:
        UserError: it says something else than the images that are wrong.
    """
    if run.wrong is None or metric.name not in (_ERROR, _ACCURACY):
        return run.metrics.get(metric.name)
    error = len(run.wrong) / run.images
    counted = {_ERROR: error, _ACCURACY: 1 - error}[metric.name]
    given = run.metrics.get(metric.name, counted)
    if math.isnan(given):
        return given
    if not math.isclose(given, counted, abs_tol=0.5 / run.images):
        raise UserError(
            f"{run.where}: {metric.name} {given:g}, but {len(run.wrong)} of {run.images} images are wrong, which is {counted:g}"
        )
    return counted


def metrics_of(value: float, metric: Metric) -> dict[str, float]:
    """The metrics of a record: the number, and what it is compared by."""
    other = {metric.compared_as: 1 - value} if metric.compared_as else {}
    return {metric.name: value, **other}


def sides_of(ours: ResultsFile, theirs: ResultsFile) -> tuple[Side, Side]:
    """Both files, each with a name that tells it from the other.

    Raises:
        UserError: they are one file.
    """
    a, b = ours.path.resolve(), theirs.path.resolve()
    if a == b:
        raise UserError(f"{ours.path} and {theirs.path} are one file: name two")
    for names in ((a.stem, b.stem), (f"{a.parent.name}/{a.stem}", f"{b.parent.name}/{b.stem}"), (a.name, b.name)):
        if names[0] != names[1]:
            break
    else:
        names = (str(a), str(b))
    there = Path(os.path.relpath(b, a.parent)).as_posix()
    return Side(ours, *map(sanitise, (a.name, names[0]))), Side(theirs, *map(sanitise, (there, names[1])))
