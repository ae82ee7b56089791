"""The stages of a grid: what is asked for by now, and, when that is done, what its results ask for.

A stage is the grid with the runs that its records ask for so far. It follows from the two alone, so that whatever is
killed, and whichever command goes on, the next stage is the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resbench.execution.selection import study_so_far
from resbench.grid.grid import Grid


class Stage(NamedTuple):
    """The grid with the runs that are asked for by now.

    Attributes:
        lines: what the results so far have decided.
    """

    grid: Grid
    lines: tuple[str, ...] = ()


def _by_looks(stage: Stage, results: Path | None) -> Stage:
    """The seeds of each cell up to the look that it has come to."""
    grid = stage.grid
    if grid.looks is None:
        return stage
    from resbench.report.look_progress import LookProgress, look_progress

    study = study_so_far(grid, results)
    seeds, line = look_progress(study) if study else LookProgress({})
    first = grid.looks.sizes[0]
    narrowed = grid.with_seeds({key: grid.seed_list[: seeds.get(key, first)] for key in grid.seeds_by_cell()})
    return Stage(narrowed, (*stage.lines, *filter(None, [line])))


def _by_confirmation(stage: Stage, results: Path | None) -> Stage:
    """With fresh seeds of the cell that the grid chooses, once all that is asked for has ended."""
    target = stage.grid.target
    if target is None:
        return stage
    from resbench.execution.confirming import kept_confirmation, with_confirmation

    if not (target.confirm or kept_confirmation(stage.grid, results)):
        return stage
    grid, line = with_confirmation(stage.grid, results)
    return Stage(grid, (*stage.lines, *filter(None, [line])))


def asked_by_now(grid: Grid, results: Path | None) -> Stage:
    """What a grid and its records ask for by now; the grid itself where nothing depends on results.

    Args:
        results: folder of all studies; None as if there were no records.
    """
    return _by_confirmation(_by_looks(Stage(grid), results), results)
