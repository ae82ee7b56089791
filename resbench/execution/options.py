"""How and where the runs of a grid are executed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.execution.executors import Cluster, check_executor, check_workers
from resbench.execution.saved_weights import check_which
from resbench.records.weights_file import Which
from resbench.training.placement import GRAPHS, Graph

_MAX_JOBS = 1024


class Folders(TypedDict):
    """The folders of `RunOptions`."""

    results: Path
    data_dir: Path | None


def user_folders(results: str | Path, data_dir: str | Path | None) -> Folders:
    """Folders as a user writes them, for `RunOptions`."""
    return {"results": user_path(results), "data_dir": user_path(data_dir) if data_dir else None}


@dataclass(frozen=True)
class RunOptions:
    """How and where the runs of a grid are executed; nothing here changes what a run is.

    Attributes:
        results: folder of all studies.
        data_dir: torchvision data root; None for the default.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        jobs: runs side by side; None chooses.
        threads: CPU threads of each run; None divides the cores among the runs.
        timeout: seconds that a run may take; one that takes longer is recorded as failed.
        graph: what a run replays as a CUDA graph: network or step; with the same bits.
        executor: serial (in this process), local, ray or slurm.
        cluster: other machines, for ray and slurm.
        workers: processes of local runs: fresh (one for each) or stay (for one run after the other, until one fails).
        save_weights: which weights of each run are saved next to its record: last, or best by the validation images.
        fresh: forget the records of these runs first.
        take_over: go on in place of the study that another grid file made under this name.
        command: the command line that goes on with it, for `status`; none of a call from Python.

    Raises:
        UserError: options that mean nothing together.
    """

    results: Path = Path("results")
    data_dir: Path | None = None
    device: str = "auto"
    jobs: int | None = None
    threads: int | None = None
    timeout: float | None = None
    graph: Graph = "network"
    executor: str = "local"
    cluster: Cluster = field(default_factory=Cluster)
    workers: str = "fresh"
    save_weights: Which | None = None
    fresh: bool = False
    take_over: bool = False
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_executor(self.executor)
        check_workers(self.workers, self.executor)
        check_which(self.save_weights)
        if self.jobs is not None and not 1 <= self.jobs <= _MAX_JOBS:
            raise UserError(f"jobs={self.jobs}: use a number from 1 to {_MAX_JOBS}, or None")
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads={self.threads}: use a number from 1")
        if self.graph not in GRAPHS:
            raise UserError(f"--graph {self.graph}: use one of {', '.join(GRAPHS)}")
        if self.timeout and self.executor == "serial":
            raise UserError(
                "--timeout: not with --executor serial, whose one process cannot end itself: use local -j 1"
            )
        if self.cluster.slurm and self.executor != "slurm":
            raise UserError("--slurm and --detach: only with --executor slurm")

    @property
    def width(self) -> int | None:
        """Runs side by side that are asked for; None chooses."""
        return 1 if self.executor == "serial" else self.jobs
