"""The confirmation of a target: the runs on fresh seeds of the cell that the seeds of the grid choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.core.cell import Cell, label
from resbench.core.text import plural
from resbench.execution.selection import study_so_far
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.store import Store
from resbench.records.study_file import Confirmation, StudyRun
from resbench.report.format import percent
from resbench.report.statistics.attainment import attainable
from resbench.report.study import Study
from resbench.report.target import to_confirm
from resbench.report.wording.target import seeds_text, target_sentence


def with_confirmation(grid: Grid, results: Path | None) -> tuple[Grid, str]:
    """The grid with its confirmation so far, and what is being confirmed, in a line.

    The choice that is in the study file stays; without one it is made when all runs of the grid have ended.

    Args:
        results: folder of all studies; None as if there were no records.
    """
    study = study_so_far(grid, results)
    if study is None or not (wanted := to_confirm(study)):
        chosen = study.file.confirmation if study else None
        return grid.with_confirmation(chosen, _kept_runs(grid, chosen)), ""
    chosen = study.file.confirmation or _choose(grid, study, *wanted)
    fresh = _kept_runs(grid, chosen)
    if len(fresh) < len(chosen.runs):
        name = label(chosen.cell)
        return grid.with_confirmation(chosen), (
            f"{grid.name}: {name} was chosen to reach the target, and the grid has no such network now: put it back as it "
            "was, so that its fresh seeds can be run"
        )
    return grid.with_confirmation(chosen, fresh), f"{grid.name}: {target_sentence(study)}"


def kept_confirmation(grid: Grid, results: Path | None) -> Confirmation | None:
    """The choice that is in the study file."""
    file = Store(results / grid.name).readable_study() if results else None
    return file.confirmation if file else None


def _choose(grid: Grid, study: Study, cell: Cell, seeds: Sequence[int]) -> Confirmation:
    """The confirmation of a cell on these seeds, with the runs that it takes."""
    assert study.target is not None
    fresh = _runs(grid, cell, seeds)
    return Confirmation(
        cell=dict(fresh[0].cell),
        test_accuracy=study.target.test_accuracy,
        chosen_on=sorted({int(seed) for seed in study.runs["seed"]}),
        runs=[StudyRun(id=run.id, cell=dict(run.cell), seed=run.seed) for run in fresh],
    )


def _kept_runs(grid: Grid, chosen: Confirmation | None) -> list[PlannedRun]:
    """The runs of a choice that was made, of those whose network the grid still has."""
    if chosen is None:
        return []
    asked = {run.id for run in chosen.runs}
    return [run for run in _runs(grid, chosen.cell, [run.seed for run in chosen.runs]) if run.id in asked]


def _runs(grid: Grid, cell: Cell, seeds: Sequence[int]) -> list[PlannedRun]:
    """A cell of the grid on these seeds; none if the grid has no such cell."""
    key = grid.key(cell)
    for own, config in grid.cells:
        if grid.key(own) == key:
            return [PlannedRun(config, own, *pair) for pair in zip(seeds, config.ids(seeds), strict=True)]
    return []


def confirmation_plan(grid: Grid, results: Path) -> str:
    """What confirms the target of a grid, in a line for `plan`; empty where nothing is to be confirmed."""
    study = study_so_far(grid, results)
    if study and (study.file.confirmation or to_confirm(study)):
        return f"{grid.name}: {target_sentence(study)}"
    target = grid.target
    if target is None or not target.confirm:
        return ""
    seeds = target.fresh_seeds(grid.seed_list)
    return (
        f"{grid.name}: then {plural(len(seeds), 'fresh seed')} ({seeds_text(seeds)}) of the cheapest cell whose mean reaches "
        f"{percent(target.test_accuracy)} % of test accuracy: they show that it does with 80 % power, if it lies "
        f"{attainable(len(seeds)):.2f} standard deviations between seeds above"
    )
