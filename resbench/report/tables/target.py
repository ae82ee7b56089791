"""Every cell of a study with a target: what it cost, and whether it reaches it."""

from __future__ import annotations

from resbench.core.text import show
from resbench.report.document import Columns, Table
from resbench.report.format import number, significant, within
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.target import spending_of

_MEANING = (
    "Cheapest first. Test accuracy in percent: mean over the seeds that ended, with its 95 % interval for these test "
    "images (Student's t over seeds). Reached: the whole interval lies at the target or above; by its mean: the mean "
    f"does. Neither is said of fewer than {MIN_SEEDS} seeds, nor of a cell of which a run diverged. The cheapest of many "
    "cells that reach a target by their means was picked for its luck too. FLOPs: three forward passes of counted FLOPs "
    "for each image trained. Seconds are of whatever machines the records come from, with their runs side by side."
)


def target_table(study: Study) -> Table | None:
    """A row per cell; None without a target or a run that ended."""
    target, cells = study.target, spending_of(study)
    if not target or not cells:
        return None
    columns = Columns()
    for spending in cells:
        for axis in study.axes:
            columns.put(axis, show(spending.cell[axis]), spending.cell[axis])
        planned = spending.seeds + spending.diverged + spending.outstanding
        columns.put("seeds", str(spending.seeds) if spending.seeds == planned else f"{spending.seeds} of {planned}")
        accuracy = spending.accuracy
        columns.put("test accuracy", within(accuracy.estimate, accuracy.low, accuracy.high), accuracy.estimate)
        columns.put("reached", spending.reaches(target.test_accuracy))
        columns.put("FLOPs", f"{spending.flops:.2e}", spending.flops)
        if target.training_flops is not None:
            times = target.training_flops / spending.flops
            columns.put("times fewer", significant(times), times)
        columns.put("training seconds", number(spending.seconds), spending.seconds)
    return columns.table(caption=_MEANING, name="target")
