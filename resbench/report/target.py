"""What it takes to reach an accuracy that the grid file names: which cells do, and the cheapest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resbench.core.cell import Cell
from resbench.report.comparable import data_note
from resbench.report.format import name_of, percent, significant, within
from resbench.report.frames import numbers
from resbench.report.outcomes import measured, untrained
from resbench.report.planning import MIN_SEEDS
from resbench.report.statistics.interval import Interval, t_interval
from resbench.report.statistics.mean import mean
from resbench.report.statistics.rounding import at_least
from resbench.report.study import Study

_REACHED = WHOLLY, BY_MEAN = "yes", "by its mean"


@dataclass(frozen=True)
class Spending:
    """What the training of a cell cost and brought.

    Attributes:
        seeds: runs that ended well.
        accuracy: on the test images, mean over those with Student's interval; shares.
        flops, seconds: of training one of them, means.
        diverged: runs.
        outstanding: runs without a result yet.
        mixed: runs of the study that were meant to have the data of these had others.
        unknown: runs that ended well and have no test accuracy.
    """

    cell: Cell
    seeds: int
    accuracy: Interval
    flops: float
    seconds: float
    diverged: int
    outstanding: int
    mixed: bool = False
    unknown: int = 0

    def reaches(self, target: float) -> str:
        """`yes`, `by its mean`, `no`, or why that cannot be said."""
        if self.mixed:
            return "not the same data"
        if self.diverged:
            return f"{self.diverged} diverged"
        if self.unknown:
            return f"{self.unknown} without a value"
        if self.seeds < MIN_SEEDS:
            return f"{self.seeds} of {MIN_SEEDS} seeds"
        if at_least(self.accuracy.low, target):
            return WHOLLY
        return BY_MEAN if at_least(self.accuracy.estimate, target) else "no"


def spending_of(study: Study) -> list[Spending]:
    """Every cell of which runs ended well, cheapest first."""
    out = []
    for _, cell, runs in study.cells:
        ok = measured(runs)
        accuracy, seconds = numbers(ok, "test_accuracy"), numbers(ok, "train_seconds")
        flops = [cost for row in ok.to_dict("records") if not math.isnan(cost := _flops(row))]
        if accuracy and flops and seconds:
            diverged = untrained(runs)
            outstanding = int(runs["status"].isin(["missing", "failed"]).sum())
            means = mean(flops), mean(seconds)
            mixed = bool(data_note(study, ok))
            out.append(
                Spending(
                    cell, len(ok), t_interval(accuracy), *means, diverged, outstanding, mixed, len(ok) - len(accuracy)
                )
            )
    return sorted(out, key=lambda spending: spending.flops)


def _flops(row: Mapping[Any, Any]) -> float:
    """Of a run's training; in older records without it, three forward passes for each image. NaN if not known."""
    recorded, each, rate, seconds = (
        float(row.get(f"metrics.{name}", math.nan))
        for name in ("training_flops", "flops", "images_per_second", "train_seconds")
    )
    return 3 * each * rate * seconds if math.isnan(recorded) else recorded


def cheapest(study: Study) -> str:
    """The target and the cheapest cells that reach it, in FLOPs and in seconds, in a sentence; empty without a target."""
    target = study.target
    if not target:
        return ""
    accuracy = target.test_accuracy
    goal = f"{percent(accuracy)} % of test accuracy"
    spent = spending_of(study)
    reaching = [spending for spending in spent if spending.reaches(accuracy) in _REACHED]
    mixed = sum(spending.mixed for spending in spent)
    apart = f" Not judged: {mixed} of {len(spent)} cells, as {data_note(study)}." if mixed else ""
    if mixed and not reaching:
        return f"Open: {goal} as a mean of at least {MIN_SEEDS} seeds.{apart}"
    unfinished = bool(study.runs["status"].isin(["missing", "failed"]).any())
    if not reaching:
        head = "Not reached so far" if unfinished else "Not reached"
        return f"{head}: {goal} as a mean of at least {MIN_SEEDS} seeds."
    least, fastest = reaching[0], min(reaching, key=lambda spending: spending.seconds)
    head = "Reached, so far" if unfinished else "Reached"
    text = f"{head}: {goal}, for the least FLOPs by {_described(least, accuracy)}"
    text += f" with {least.flops:.1e} FLOPs of training a run"
    if target.training_flops is not None:
        text += f", {_times(target.training_flops / least.flops)} the published {target.training_flops:.1e}"
    text += f" ({target.source})" if target.source else ""
    if fastest is least:
        return f"{text}, and in the least time, {least.seconds:,.3g} seconds.{apart}"
    by_time = f"in the least time by {_described(fastest, accuracy)} in {fastest.seconds:,.3g}"
    return f"{text} in {least.seconds:,.3g} seconds; {by_time}.{apart}"


def _described(spending: Spending, target: float) -> str:
    luck = f", {BY_MEAN}" if spending.reaches(target) == BY_MEAN else ""
    accuracy = within(spending.accuracy.estimate, spending.accuracy.low, spending.accuracy.high)
    return f"{name_of(spending.cell)} ({accuracy} %, {spending.seeds} seeds{luck})"


def _times(ratio: float) -> str:
    """`1,500 times fewer than`, or `2.5 times` where ours costs more."""
    return f"{significant(ratio)} times fewer than" if ratio >= 10 else f"{significant(1 / ratio)} times"


def reached(study: Study) -> bool:
    """Whether the target, if there is one, is reached by a cell all of whose runs have a result."""
    target = study.target
    return not target or any(
        spending.reaches(target.test_accuracy) in _REACHED and not spending.outstanding
        for spending in spending_of(study)
    )


def target_facts(study: Study) -> dict[str, Any]:
    """The same for programs: the target of the grid file, the sentence, and every cell with its numbers; else empty."""
    target = study.target
    if not target:
        return {}
    cells = [
        {
            "at": dict(spending.cell),
            "reached": spending.reaches(target.test_accuracy),
            "seeds": spending.seeds,
            "diverged": spending.diverged,
            "outstanding": spending.outstanding,
            "test_accuracy": spending.accuracy.estimate,
            "low": spending.accuracy.low,
            "high": spending.accuracy.high,
            "training_flops": spending.flops,
            "train_seconds": spending.seconds,
        }
        for spending in spending_of(study)
    ]
    return {**target.to_json(), "sentence": cheapest(study), "cells": cells}
