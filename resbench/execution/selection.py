"""The grid that a command speaks of, those of its runs that it selects, and those that only lack probes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.text import plural
from resbench.data.directory import use_directory
from resbench.grid.filter import filter_runs
from resbench.grid.grid import Grid, PlannedRun
from resbench.grid.reader import read_grid
from resbench.grid.shipped import named
from resbench.records.store import Store

if TYPE_CHECKING:
    from resbench.report.study import Study


def open_grid(
    grid: Grid | str | Path,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    data_dir: str | Path | None = None,
) -> Grid:
    """The grid itself, or the one in a file, of which the name is enough if it comes with resbench.

    Args:
        overrides: `path=value`, for a file.
        plugins: Python files that extend resbench, for a file.
        data_dir: where the files of datasets are from now on.

    Raises:
        UserError: a mistake in the file or in an override.
    """
    listed("overrides", overrides)
    use_directory(user_path(data_dir) if data_dir else None)
    if isinstance(grid, str | Path):
        return read_grid(named(grid) if isinstance(grid, str) else grid, overrides, plugins)
    if not isinstance(grid, Grid):
        kind = type(grid).__name__
        raise UserError(f"a {kind} is no grid: give the path of a grid file, or resbench.Grid('my-question', axes=...)")
    if overrides:
        raise UserError(f"{grid.name}: overrides are for grid files: make a Grid with these values")
    if plugins:
        raise UserError(f"{grid.name}: plugins are for grid files: give them to the Grid, whose values they extend")
    return grid


def listed(name: str, words: Sequence[str]) -> None:
    """Refuse one text in place of a list of them, whose letters would be taken one by one.

    Raises:
        UserError: it is a text, or no list of texts.
    """
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        example = [words] if isinstance(words, str) else ["path=value"]
        raise UserError(f"{name}: {words!r} should be a list of texts, such as {example}")


def study_so_far(grid: Grid, results: Path | None) -> Study | None:
    """The study of a grid with the records so far, and with what its study file knows; None if it has no folder.

    Args:
        results: folder of all studies; None as if there were no records.
    """
    if results is None or not (results / grid.name).is_dir():
        return None
    from resbench.report.study import load

    return load(results, grid.name, Store(results / grid.name).succeeding(grid.study()))


def select_runs(
    grid: Grid, only: Sequence[str] = (), shard: str | None = None, stage: Grid | None = None
) -> list[PlannedRun]:
    """Some runs of a grid, or all.

    Args:
        only: expressions such as `model.depth>=34 & seed<2`, all of which must hold.
        shard: `I/N`, the I-th of N parts.
        stage: the grid with what is asked for by now: then only runs of it.

    Raises:
        UserError: an expression or a part that means nothing, or leaves no run.
    """
    listed("only", only)
    now = (stage or grid).runs()
    known = now if stage is None else list({run.id: run for run in [*grid.runs(), *now]}.values())
    chosen = {run.id for run in filter_runs(only, known)}
    if not chosen:
        raise UserError("--only: no run of the grid satisfies it")
    runs = [run for run in now if run.id in chosen]
    return _part(runs, shard) if shard else runs


def _part(runs: list[PlannedRun], shard: str) -> list[PlannedRun]:
    """Every N-th run, so that each part has runs of every cell and of the expensive ones."""
    index, _, parts = shard.partition("/")
    if not (index.isdecimal() and parts.isdecimal() and 1 <= int(index) <= int(parts)):
        raise UserError(f"--shard {shard}: write it as I/N with I from 1 to N, e.g. 2/4")
    if int(parts) > len(runs):
        raise UserError(f"--shard {shard}: there are only {len(runs)} runs to divide")
    return runs[int(index) - 1 :: int(parts)]


def unprobed(store: Store, grid: Grid, missing: Sequence[PlannedRun]) -> str:
    """How many of the missing runs are finished and only lack probes, as a line; empty if none."""
    finished = store.done() if grid.probes else set()
    count = sum(run.id in finished for run in missing)
    if not count:
        return ""
    return (
        f"{grid.name}: {plural(count, 'finished run')} without some of the probes {', '.join(grid.probes)}: trained again, "
        "the same bit for bit, with new records"
    )
