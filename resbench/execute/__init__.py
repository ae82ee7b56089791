"""Carry out the runs of a grid: here, or on other machines.

`task` is one run, wherever it happens; `drive` gives the missing ones to an engine; `local` and its neighbours are the
engines.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resbench.config import UserError, suggestion
from resbench.data import default_directory, prepare
from resbench.device import DEVICES, choose, revision
from resbench.execute.drive import Engine, Watcher, drive
from resbench.execute.local import Local, Serial
from resbench.execute.task import Setting
from resbench.grid import Grid, Planned
from resbench.share import Share, share
from resbench.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Engine", "Local", "Serial", "Setting", "Watcher", "device_for", "drive", "engine", "run", "start"]


# name -> module and class; imported on demand, as some need what is not installed everywhere
EXECUTORS = {
    "serial": ("resbench.execute.local", "Serial"),
    "local": ("resbench.execute.local", "Local"),
    "slurm": ("resbench.execute.slurm_engine", "Slurm"),
}
REMOTE = {"slurm"}  # other machines do the work: what this one has, and what is fastest on it, says nothing
_EXTRAS = {"submitit": "slurm"}  # package -> extra that installs it
MakeEngine = Callable[[int, Sequence[Planned]], Engine]


def engine(name: str, options: Sequence[str] = ()) -> MakeEngine:
    """What makes the engine of this name from the number of runs side by side and the runs to come.

    Args:
        options: of the engine's own, for those that take some.

    Raises:
        UserError: there is no such engine, it is not installed, or it does not take the options.
    """
    if name not in EXECUTORS:
        raise UserError(f"--executor {name}: use one of {', '.join(EXECUTORS)}{suggestion(name, EXECUTORS)}")
    module, kind = EXECUTORS[name]
    try:
        made: Any = getattr(importlib.import_module(module), kind)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        raise UserError(f"--executor {name}: needs {error.name}: pip install 'resbench[{extra}]'") from None
    check = getattr(made, "check", None)
    if check:
        check(options)
    elif options:
        raise UserError(f"--executor {name} takes no options of its own, such as {options[0]}")
    make: MakeEngine = functools.partial(made, options=options) if options else made
    return make


def device_for(name: str, executor: str) -> str:
    """Name of the device that runs will use; of other machines the user is believed.

    Raises:
        UserError: there is no such device here.
    """
    return name if executor in REMOTE and name in DEVICES and name != "auto" else choose(name).type


def start(
    grid: Grid,
    results: Path,
    directory: Path | None = None,
    device: str = "auto",
    jobs: int | None = None,
    threads: int | None = None,
    timeout: float | None = None,
    executor: str = "local",
) -> tuple[Setting, Share]:
    """Make ready: device, data, study file. Returns the setting, and how the runs share the machine.

    Raises:
        UserError: a device or data that is not there.
    """
    kind = device_for(device, executor)
    planned = grid.runs()
    folder = results / grid.name
    directory = directory or default_directory()
    for data in {run.of.data.name: run.of.data for run in planned}.values():
        prepare(data, directory)
    store = Store(folder)
    store.write_study(grid.study())
    store.sweep()
    if executor in REMOTE:
        way = Share(jobs or len(planned), 1, f"{executor} decides how many")
    else:
        way = share(jobs, planned, store, kind)
    return Setting(folder, directory, kind, threads or way.threads, revision(), grid.probes, timeout), way


def run(
    grid: Grid | str | Path,
    jobs: int | None = 1,
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Do what is missing of a grid and return all its records.

    Args:
        grid: a Grid, or the path of a grid file.
        jobs: runs side by side; 1 runs in this process, None chooses.
        results: folder of all studies.
        data_dir: torchvision data root.
        device: auto, cpu, cuda or mps.

    Returns:
        One row per record of the study, as `resbench.load`.

    Raises:
        UserError: anything that keeps the grid from running.
    """
    grid = grid if isinstance(grid, Grid) else Grid.load(grid)
    setting, way = start(grid, Path(results), Path(data_dir) if data_dir else None, device, jobs)
    store = Store(setting.folder)
    done = store.done(grid.probes)
    missing = [planned for planned in grid.runs() if planned.id not in done]
    drive(missing, Serial(1, missing) if jobs == 1 else Local(way.jobs, missing), setting, Watcher())
    return store.frame()
