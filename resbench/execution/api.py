"""`resbench.run`: the pass over a grid as one call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.execution.executors import Cluster
from resbench.execution.notebook import in_notebook
from resbench.execution.options import RunOptions, user_folders
from resbench.execution.selection import open_grid
from resbench.execution.session import drive_with_progress
from resbench.execution.stage_sessions import say_on_stderr, sessions
from resbench.grid.grid import Grid
from resbench.records.store import Store
from resbench.records.weights_file import Which
from resbench.training.placement import Graph

if TYPE_CHECKING:
    import pandas as pd


def run(
    grid: Grid | str | Path,
    jobs: int | None = 1,
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    shard: str | None = None,
    threads: int | None = None,
    timeout: float | None = None,
    graph: Graph = "network",
    workers: str = "fresh",
    executor: str | None = None,
    save_weights: Which | None = None,
    cluster: Cluster | None = None,
    fresh: bool = False,
    take_over: bool = False,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Do what is missing of a grid and return the records of its runs; interrupted, the same call goes on.

    Example:
        >>> grid = resbench.Grid(
        ...     "tiny",
        ...     base={"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1},
        ...     axes={"model.shortcut": ["identity", "none"]},
        ... )
        >>> frame = resbench.run(grid)
        >>> sorted(frame["model.shortcut"]), set(frame["status"])
        (['identity', 'none'], {'ok'})

    Args:
        grid: a Grid, the path of a grid file, or the name of one that comes with resbench.
        jobs: runs side by side; 1 runs in this process, None chooses.
        results: folder of all studies.
        data_dir: torchvision data root.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        overrides: `path=value` for a grid file, such as `recipe.epochs=1` or `probes=[gradients]`.
        plugins: Python files whose tables extend those of resbench, for a grid file; a Grid is given its own.
        only: expressions such as `model.depth>=34 & seed<2`: only runs for which all hold.
        shard: `I/N`, only the I-th of N parts of the runs.
        threads: CPU threads of each run; None divides the cores among the runs.
        timeout: seconds that a run may take; one that takes longer is recorded as failed.
        graph: what a run replays as a CUDA graph: network, or step, the whole step, with the same bits, which awaits its
            measurement on a card; on a CPU nothing is replayed.
        workers: processes of local runs: fresh (one for each) or stay (for one run after the other).
        executor: serial, local, ray or slurm; by default serial for one job without a timeout
            and without processes that stay, else local.
        cluster: other machines, for ray and slurm.
        save_weights: which weights of each run are saved next to its record, for `resbench.network`: last, or best by the
            validation images. Runs that are done without are trained again and checked against their records, which stay.
        fresh: forget the records of these runs first.
        take_over: go on in place of the study that another grid file made under this name.
        progress: show it: a bar in a notebook, elsewhere on stderr as `resbench run`; by default only in a notebook.

    Returns:
        One row per record of the grid's runs, as `resbench.load`.

    Raises:
        UserError: anything that keeps the grid from running.
    """
    opened = open_grid(grid, overrides, plugins, data_dir)
    progress = in_notebook() if progress is None else progress
    serial = jobs == 1 and timeout is None and workers == "fresh"
    options = RunOptions(
        **user_folders(results, data_dir),
        device=device,
        jobs=jobs,
        threads=threads,
        timeout=timeout,
        graph=graph,
        workers=workers,
        executor=executor or ("serial" if serial else "local"),
        cluster=cluster or Cluster(),
        save_weights=save_weights,
        fresh=fresh,
        take_over=take_over,
    )
    for session in sessions(opened, options, only, shard, say_on_stderr if progress else lambda line: None):
        if session.missing:
            session.start()
            drive_with_progress(session) if progress else session.drive()
            for line in session.unsaved():
                warnings.warn(line, stacklevel=2)
        else:
            session.keep_study()
    return Store(options.results / opened.name).frame()
