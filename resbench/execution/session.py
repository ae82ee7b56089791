"""Carry out the runs of a grid: here, or on other machines.

`task` is one run, wherever it happens; `drive` gives the missing ones to an engine; `local` and its neighbours are the
engines; `simulate` is one without machines.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from resbench.core.config import UserError, suggestion
from resbench.data.loading import default_directory, prepare
from resbench.execution.concurrency import Share, share
from resbench.execution.driver import Engine, Watcher, drive
from resbench.execution.local import Local, Serial
from resbench.execution.task import Setting
from resbench.grid.grid import Grid, Planned
from resbench.records.store import Store
from resbench.training.device import DEVICES, choose, cores, revision

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Cluster",
    "Engine",
    "Local",
    "Serial",
    "Setting",
    "Watcher",
    "define",
    "drive",
    "engine",
    "placed_on",
    "run",
    "start",
]


# name -> module, and a class or, of a cluster, what makes one from it; imported on demand, as not all is installed
EXECUTORS = {
    "serial": ("resbench.execution.local", "Serial"),
    "local": ("resbench.execution.local", "Local"),
    "ray": ("resbench.execution.ray.engine", "ray_engine"),
    "slurm": ("resbench.execution.slurm.engine", "slurm_engine"),
}
CLUSTERS = ("ray", "slurm")  # what this machine has, and what is fastest on it, says nothing of theirs
_EXTRAS = {"submitit": "slurm"}  # package -> extra that installs it
MakeEngine = Callable[[int, Sequence[Planned]], Engine]


@dataclass(frozen=True)
class Cluster:
    """Other machines, for the executors that use them.

    Attributes:
        address: of the head, HOST:PORT; None for a cluster of this machine alone.
        gpus: that a run takes if it runs on one; a fraction shares one.
        slurm: options of sbatch, as `partition=gpu`.
    """

    address: str | None = None
    gpus: float = 1.0
    slurm: tuple[str, ...] = ()


def engine(name: str, cluster: Cluster | None = None) -> MakeEngine:
    """What makes the engine of this name from the number of runs side by side and the runs to come.

    Raises:
        UserError: there is no such engine, it is not installed, or its cluster does not answer.
    """
    if name not in EXECUTORS:
        raise UserError(f"--executor {name}: use one of {', '.join(EXECUTORS)}{suggestion(name, EXECUTORS)}")
    module, kind = EXECUTORS[name]
    try:
        found = getattr(importlib.import_module(module), kind)
        made: MakeEngine = found(cluster or Cluster()) if name in CLUSTERS else found
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        raise UserError(f"--executor {name}: needs {error.name}: pip install 'resbench[{extra}]'") from None
    return made


def placed_on(device: str, executor: str) -> torch.device:
    """`--device` -> device of the runs: as `choose`, but other machines may have what this one lacks.

    Raises:
        UserError: the device is not there.
    """
    return torch.device(device) if executor in CLUSTERS and device in DEVICES[1:] else choose(device)


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
    """Make ready: device, data, study file. Returns the setting, and how the runs share the machine, or the machines:
    then the number side by side is 0 unless it was asked for, and the engine finds it.

    Raises:
        UserError: a device or data that is not there.
    """
    kind = placed_on(device, executor).type
    planned = grid.runs()
    folder = results / grid.name
    directory = directory or default_directory()
    for data in {run.of.data.name: run.of.data for run in planned}.values():
        prepare(data, directory)
    store = Store(folder)
    define(store, grid)
    store.sweep()
    cluster = executor in CLUSTERS
    if threads and not jobs and not cluster and kind == "cpu":
        jobs = max(1, cores() // threads)
    way = Share(jobs or 0, threads or 1, f"{threads or 1} CPU each") if cluster else share(jobs, planned, store, kind)
    return Setting(folder, directory, kind, threads or way.threads, revision(), grid.probes, timeout), way


def define(store: Store, grid: Grid) -> bool:
    """Keep what is asked as the study of its name; returns whether that is new.

    Raises:
        UserError: overrides would take runs that are done out of the study.
    """
    study = grid.study()
    if grid.overrides and (count := store.leaving(study)):
        raise UserError(
            f"{store.folder}: {' '.join(grid.overrides)} would leave {count} runs that are done out of this study: "
            "add name=... for a study of its own"
        )
    return store.write_study(study)


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
