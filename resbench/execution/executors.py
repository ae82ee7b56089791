"""The engines by name, and the machines that they use."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.grid.grid import PlannedRun
from resbench.training.device import DEVICES, NamedDevice, choose_name

if TYPE_CHECKING:
    from resbench.execution.driver import Engine

# name -> module, and a class or, for a cluster, what makes one; imported on demand, as not all is installed
EXECUTORS = {
    "serial": ("resbench.execution.local", "Serial"),
    "local": ("resbench.execution.local", "Local"),
    "ray": ("resbench.execution.ray.engine", "ray_engine"),
    "slurm": ("resbench.execution.slurm.engine", "slurm_engine"),
}
WORKERS = ("fresh", "stay")  # a process for each run, or for one after the other
CLUSTERS = ("ray", "slurm")  # whose devices and speed this machine does not know
_EXTRAS = {"submitit": "slurm"}  # package -> extra that installs it
# from the number of runs side by side and the runs to come
MakeEngine: TypeAlias = "Callable[[int, Sequence[PlannedRun]], Engine]"


@dataclass(frozen=True)
class Cluster:
    """Other machines, for the executors that use them.

    Attributes:
        address: of the head of a Ray cluster, HOST:PORT; None for a cluster of this machine alone.
        gpus: that a run takes if it runs on one; a fraction lets several use one.
        slurm: options of sbatch, as `partition=gpu`.
    """

    address: str | None = None
    gpus: float = 1.0
    slurm: tuple[str, ...] = ()


def check_executor(name: str) -> None:
    """Refuse a name that is no executor's.

    Raises:
        UserError: and which names there are.
    """
    if name not in EXECUTORS:
        raise UserError(f"--executor {name}: use one of {', '.join(EXECUTORS)}{suggestion(name, EXECUTORS)}")


def check_workers(workers: str, executor: str) -> None:
    """Refuse what is no way to have processes.

    Raises:
        UserError: and which there are.
    """
    if workers not in WORKERS:
        raise UserError(f"--workers {workers}: use one of {', '.join(WORKERS)}{suggestion(workers, WORKERS)}")
    if workers == "stay" and executor != "local":
        raise UserError(f"--workers stay: only with --executor local, not {executor}")


def engine(name: str, cluster: Cluster | None = None, workers: str = "fresh") -> MakeEngine:
    """What makes the engine of this name.

    Args:
        cluster: for ray and slurm.
        workers: one of `WORKERS`.

    Raises:
        UserError: there is no such engine, it is not installed, or its cluster does not answer.
    """
    check_executor(name)
    module, attribute = EXECUTORS[name]
    try:
        value = getattr(importlib.import_module(module), attribute)
        make: MakeEngine = value(cluster or Cluster()) if name in CLUSTERS else value
        if workers == "stay":
            make = functools.partial(value, stay=True)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        raise UserError(f"--executor {name}: needs {error.name}: pip install 'resbench[{extra}]'") from None
    return make


def device_of(device: str, executor: str) -> NamedDevice:
    """`--device` -> device of the runs: as `choose_name`, but other machines may have what this one lacks.

    Raises:
        UserError: the device is not there.
    """
    if executor in CLUSTERS and device.startswith("cuda:"):
        raise UserError(f"--device {device}: not with --executor {executor}, which gives each run a card: use cuda")
    return NamedDevice(device) if executor in CLUSTERS and device in DEVICES[1:] else choose_name(device)
