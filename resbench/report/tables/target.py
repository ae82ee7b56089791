"""Every cell of a study with a target: what it cost, and whether it is shown to reach it."""

from __future__ import annotations

from resbench.core.text import show
from resbench.records.claim import Target
from resbench.report.document import Columns, Table
from resbench.report.format import DASH, number, p_cell, percent, power_text, significant, within
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.target import Attempt, attempts, confirmed, confirms

_CELLS = (
    "Cheapest first. Test accuracy in percent: mean over the seeds that finished, with its 95 % interval for these test "
    "images (Student's t over seeds); at least: its one-sided 95 % limit on these images that holds for all cells at once "
    "(Bonferroni); new images: the 95 % interval for other images of this kind and other seeds."
)
_BY_HOLM = (
    " p: one-sided, that the mean on these images lies above the target, by Holm over all cells of the grid, of which "
    "cells that are one network count once. Reached: yes where p < .05; by its mean, not shown: the mean reaches it, and "
    f"chance may have put it there. No verdict is given on fewer than {MIN_SEEDS} seeds, nor on a cell of which a run was not "
    "trained or has no result; it counts in the family."
)
_BY_CONFIRMATION = (
    " p: one-sided, that the mean on these images lies above the target; of the cells by Holm over all of them, and of the "
    "fresh seeds alone. The seeds of the grid choose the cheapest cell whose mean reaches the target; the fresh seeds "
    "alone show whether it does: yes where p < .05, with nothing to correct, as one cell is tested."
)
_READ_BEFORE = (
    " Of cells that were read at fewer seeds before more were asked for, p is that of a t test which holds at every number of "
    "seeds, where it is the larger; limits are of these seeds alone."
)
_COSTS = (
    " FLOPs: three forward passes of counted FLOPs for each image trained. Seconds are of whatever machines the records "
    "come from, with their runs side by side."
)


def target_table(study: Study) -> Table | None:
    """A row per cell, and one for the fresh seeds; None without a target or a run that ended."""
    target, cells = study.target, attempts(study)
    if not target or not cells:
        return None
    columns = Columns()
    for attempt in cells:
        _put(columns, study, target, attempt, "")
    if fresh := confirmed(study):
        _put(columns, study, target, fresh, " fresh")
    meaning = _BY_CONFIRMATION if confirms(study) else _BY_HOLM
    meaning += _READ_BEFORE if any(one.trained.earlier for one in cells) else ""
    return columns.table(caption=f"{_CELLS}{meaning}{_COSTS}", name="target")


def _put(columns: Columns, study: Study, target: Target, attempt: Attempt, kind: str) -> None:
    trained = attempt.trained
    for axis in study.axes:
        columns.put(axis, show(trained.cell[axis]), trained.cell[axis])
    planned = len(trained.runs)
    columns.put("seeds", (str(planned) if trained.seeds == planned else f"{trained.seeds} of {planned}") + kind)
    accuracy, new = trained.accuracy, trained.new_images
    columns.put("test accuracy", within(accuracy.estimate, accuracy.low, accuracy.high), accuracy.estimate)
    columns.put("at least", percent(attempt.low), attempt.low)
    columns.put("new images", f"[{percent(new.low)}, {percent(new.high)}]" if new.low == new.low else DASH)
    columns.put("p", p_cell(attempt.p), attempt.p)
    columns.put("reached", attempt.state.replace("outstanding", "missing"), attempt.state)
    columns.put("FLOPs", power_text(trained.flops), trained.flops)
    if target.training_flops is not None:
        times = target.training_flops / trained.flops
        columns.put("times fewer", significant(times), times)
    columns.put("training seconds", number(trained.seconds), trained.seconds)
