"""What it takes to reach an accuracy that the grid file names: which cells do, and the cheapest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resbench.report.groups import groups, numbers
from resbench.report.page.blocks import Columns, Table
from resbench.report.page.tables import name_of, number, within
from resbench.report.planning import LEAST_SEEDS
from resbench.report.statistics.interval import Interval, t_interval
from resbench.report.study import Study

_MEANING = (
    "Cheapest first. Test accuracy in percent: mean over the seeds that ended, with its 95 % interval for these test "
    "images (Student's t over seeds). Reached: the whole interval lies at the target or above; by its mean: the mean "
    f"does. Neither is said of fewer than {LEAST_SEEDS} seeds. The cheapest of many cells that reach a target by their "
    "means was picked for its luck too. FLOPs: three forward passes of counted FLOPs for each image trained. Seconds "
    "are of whatever machines the records come from, with their runs side by side."
)


@dataclass(frozen=True)
class Spent:
    """What the training of a cell cost and brought.

    Attributes:
        accuracy: on the test images, mean over seeds with Student's interval; shares.
        flops, seconds: of training one run, means over seeds.
    """

    cell: Mapping[str, Any]
    seeds: int
    accuracy: Interval
    flops: float
    seconds: float

    def reaches(self, target: float) -> str:
        """`yes`, `by its mean`, `no`, or that the seeds are too few to say."""
        if self.seeds < LEAST_SEEDS:
            return f"{self.seeds} of {LEAST_SEEDS} seeds"
        if self.accuracy.low >= target:
            return "yes"
        return "by its mean" if self.accuracy.estimate >= target else "no"


def spent(study: Study) -> list[Spent]:
    """Every cell of which runs ended, cheapest first."""
    out = []
    for _, part in groups(study.runs, study.axes):
        ok = part[part["status"] == "ok"]
        accuracy, seconds = numbers(ok, "test_accuracy"), numbers(ok, "train_seconds")
        flops = numbers(ok, "training_flops")
        if len(flops) < len(ok):  # records of before it was kept: three forward passes for each image
            products = zip(numbers(ok, "flops"), numbers(ok, "images_per_second"), seconds, strict=False)
            flops = [3 * each * rate * time for each, rate, time in products]
        if accuracy and flops and seconds:
            cell = {axis: part.iloc[0][axis] for axis in study.axes}
            costs = (math.fsum(values) / len(values) for values in (flops, seconds))
            out.append(Spent(cell, len(ok), t_interval(accuracy), *costs))
    return sorted(out, key=lambda one: one.flops)


def cheapest(study: Study) -> str:
    """The target and the cheapest cells that reach it, in FLOPs and in seconds, in a sentence; empty without a target."""
    target = study.asked.get("target")
    if not target:
        return ""
    goal = f"{100 * target['test_accuracy']:.2f} % of test accuracy"
    found = [one for one in spent(study) if one.reaches(target["test_accuracy"]) in ("yes", "by its mean")]
    if not found:
        return f"Not reached: {goal} as a mean of at least {LEAST_SEEDS} seeds."
    least, fastest = found[0], min(found, key=lambda one: one.seconds)
    text = f"Reached: {goal}, for the least FLOPs by {_told(least)} with {least.flops:.1e} FLOPs of training a run"
    if "training_flops" in target:
        source = f" ({target['source']})" if "source" in target else ""
        text += (
            f", {_times(target['training_flops'] / least.flops)} the published {target['training_flops']:.1e}{source}"
        )
    if fastest is least:
        return f"{text}, and in the least time, {least.seconds:,.0f} seconds."
    return f"{text} in {least.seconds:,.0f} seconds; in the least time by {_told(fastest)} in {fastest.seconds:,.0f}."


def _told(one: Spent) -> str:
    return f"{name_of(one.cell)} ({within(one.accuracy.estimate, one.accuracy.low, one.accuracy.high)} %, {one.seeds} seeds)"


def _times(ratio: float) -> str:
    """`1,480 times fewer than`, or `2.5 times` where ours is dearer."""
    return f"{ratio:,.0f} times fewer than" if ratio >= 1 else f"{1 / ratio:,.1f} times"


def reached(study: Study) -> bool:
    """Whether the target, if there is one, is reached by the mean of a cell."""
    target = study.asked.get("target")
    return not target or any(one.reaches(target["test_accuracy"]) in ("yes", "by its mean") for one in spent(study))


def target_table(study: Study) -> Table | None:
    """Every cell with what it cost and whether it reaches the target; None without a target or a run that ended."""
    target, found = study.asked.get("target"), spent(study)
    if not target or not found:
        return None
    columns = Columns()
    for one in found:
        for axis, text in zip(study.axes, map(name_of, ({axis: one.cell[axis]} for axis in study.axes)), strict=True):
            columns.put(axis, text.removeprefix(f"{axis} "), one.cell[axis])
        columns.put("seeds", str(one.seeds))
        accuracy = one.accuracy
        columns.put("test accuracy", within(accuracy.estimate, accuracy.low, accuracy.high), accuracy.estimate)
        columns.put("reached", one.reaches(target["test_accuracy"]))
        columns.put("FLOPs", f"{one.flops:.2e}", one.flops)
        if "training_flops" in target:
            times = target["training_flops"] / one.flops
            columns.put("times fewer", number(times, ",.0f" if times >= 10 else ",.1f"), times)
        columns.put("seconds a run", number(one.seconds), one.seconds)
    return columns.table(caption=_MEANING, name="target")
