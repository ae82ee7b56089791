"""What it takes to reach an accuracy that the grid file names: which cells do, and the cheapest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resbench.report.document import Columns, Table
from resbench.report.frames import groups, numbers, show
from resbench.report.planning import LEAST_SEEDS
from resbench.report.statistics.interval import Interval, t_interval
from resbench.report.study import Study
from resbench.report.tables.study import name_of, number, percent, within

_MEANING = (
    "Cheapest first. Test accuracy in percent: mean over the seeds that ended, with its 95 % interval for these test "
    "images (Student's t over seeds). Reached: the whole interval lies at the target or above; by its mean: the mean "
    f"does. Neither is said of fewer than {LEAST_SEEDS} seeds, nor of a cell of which a run diverged. The cheapest of many "
    "cells that reach a target by their means was picked for its luck too. FLOPs: three forward passes of counted FLOPs "
    "for each image trained. Seconds are of whatever machines the records come from, with their runs side by side."
)
_REACHED = _WHOLE, _MEAN = "yes", "by its mean"


@dataclass(frozen=True)
class Spent:
    """What the training of a cell cost and brought.

    Attributes:
        seeds: runs that ended well.
        accuracy: on the test images, mean over those with Student's interval; shares.
        flops, seconds: of training one of them, means.
        diverged: runs.
        outstanding: runs without a result yet.
    """

    cell: Mapping[str, Any]
    seeds: int
    accuracy: Interval
    flops: float
    seconds: float
    diverged: int
    outstanding: int

    def reaches(self, target: float) -> str:
        """`yes`, `by its mean`, `no`, or why that cannot be said."""
        if self.diverged:
            return f"{self.diverged} diverged"
        if self.seeds < LEAST_SEEDS:
            return f"{self.seeds} of {LEAST_SEEDS} seeds"
        if self.accuracy.low >= target:
            return _WHOLE
        return _MEAN if self.accuracy.estimate >= target else "no"


def spent(study: Study) -> list[Spent]:
    """Every cell of which runs ended well, cheapest first."""
    out = []
    for _, part in groups(study.runs, study.axes):
        ok = part[part["status"] == "ok"]
        accuracy, seconds = numbers(ok, "test_accuracy"), numbers(ok, "train_seconds")
        flops = [cost for row in ok.to_dict("records") if not math.isnan(cost := _flops(row))]
        if accuracy and flops and seconds:
            cell = {axis: part.iloc[0][axis] for axis in study.axes}
            lost, left = (int(part["status"].isin(those).sum()) for those in (["diverged"], ["missing", "failed"]))
            out.append(Spent(cell, len(ok), t_interval(accuracy), _mean(flops), _mean(seconds), lost, left))
    return sorted(out, key=lambda one: one.flops)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _flops(row: Mapping[Any, Any]) -> float:
    """Of a run's training; in records of before it was kept, three forward passes for each image. NaN if not known."""
    kept, each, rate, seconds = (
        float(row.get(f"metrics.{name}", math.nan))
        for name in ("training_flops", "flops", "images_per_second", "train_seconds")
    )
    return 3 * each * rate * seconds if math.isnan(kept) else kept


def cheapest(study: Study) -> str:
    """The target and the cheapest cells that reach it, in FLOPs and in seconds, in a sentence; empty without a target."""
    target = study.asked.get("target")
    if not target:
        return ""
    accuracy = target["test_accuracy"]
    goal = f"{percent(accuracy)} % of test accuracy"
    found = [one for one in spent(study) if one.reaches(accuracy) in _REACHED]
    unfinished = bool(study.runs["status"].isin(["missing", "failed"]).any())
    if not found:
        head = "Not reached so far" if unfinished else "Not reached"
        return f"{head}: {goal} as a mean of at least {LEAST_SEEDS} seeds."
    least, fastest = found[0], min(found, key=lambda one: one.seconds)
    head = "Reached, so far" if unfinished else "Reached"
    text = f"{head}: {goal}, for the least FLOPs by {_told(least, accuracy)} with {least.flops:.1e} FLOPs of training a run"
    if "training_flops" in target:
        text += f", {_times(target['training_flops'] / least.flops)} the published {target['training_flops']:.1e}"
    text += f" ({target['source']})" if "source" in target else ""
    if fastest is least:
        return f"{text}, and in the least time, {least.seconds:,.3g} seconds."
    return f"{text} in {least.seconds:,.3g} seconds; in the least time by {_told(fastest, accuracy)} in {fastest.seconds:,.3g}."


def _told(one: Spent, target: float) -> str:
    luck = f", {_MEAN}" if one.reaches(target) == _MEAN else ""
    found = one.accuracy
    return f"{name_of(one.cell)} ({within(found.estimate, found.low, found.high)} %, {one.seeds} seeds{luck})"


def _times(ratio: float) -> str:
    """`1,480 times fewer than`, or `2.5 times` where ours is dearer."""
    return f"{ratio:,.0f} times fewer than" if ratio >= 10 else f"{1 / ratio:,.2g} times"


def reached(study: Study) -> bool:
    """Whether the target, if there is one, is reached by a cell all of whose runs have a result."""
    target = study.asked.get("target")
    return not target or any(
        one.reaches(target["test_accuracy"]) in _REACHED and not one.outstanding for one in spent(study)
    )


def target_found(study: Study) -> dict[str, Any]:
    """The same for programs: the target as it was asked, the sentence, and every cell with its numbers; empty without one."""
    target = study.asked.get("target")
    if not target:
        return {}
    cells = [
        {
            "at": dict(one.cell),
            "reached": one.reaches(target["test_accuracy"]),
            "seeds": one.seeds,
            "diverged": one.diverged,
            "outstanding": one.outstanding,
            "test_accuracy": one.accuracy.estimate,
            "low": one.accuracy.low,
            "high": one.accuracy.high,
            "training_flops": one.flops,
            "train_seconds": one.seconds,
        }
        for one in spent(study)
    ]
    return {**target, "sentence": cheapest(study), "cells": cells}


def target_table(study: Study) -> Table | None:
    """Every cell with what it cost and whether it reaches the target; None without a target or a run that ended."""
    target, found = study.asked.get("target"), spent(study)
    if not target or not found:
        return None
    columns = Columns()
    for one in found:
        for axis in study.axes:
            columns.put(axis, show(one.cell[axis]), one.cell[axis])
        planned = one.seeds + one.diverged + one.outstanding
        columns.put("seeds", str(one.seeds) if one.seeds == planned else f"{one.seeds} of {planned}")
        accuracy = one.accuracy
        columns.put("test accuracy", within(accuracy.estimate, accuracy.low, accuracy.high), accuracy.estimate)
        columns.put("reached", one.reaches(target["test_accuracy"]))
        columns.put("FLOPs", f"{one.flops:.2e}", one.flops)
        if "training_flops" in target:
            times = target["training_flops"] / one.flops
            columns.put("times fewer", number(times, ",.0f" if times >= 10 else ",.1f"), times)
        columns.put("seconds a run", number(one.seconds), one.seconds)
    return columns.table(caption=_MEANING, name="target")
