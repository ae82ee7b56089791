"""One run, on whatever machine: claim it, train it, publish its record.

Engines carry a `Task` to a process, here or on another machine. Nothing comes back but how the process ended: the store
alone decides what is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resbench.core.errors import UserError
from resbench.core.files import discard
from resbench.core.version import Revision
from resbench.probes.observer import ProbeObserver
from resbench.records.metrics import PROBED
from resbench.records.record import Record, RunError
from resbench.records.store import Store
from resbench.training import checkpoint
from resbench.training.device import choose, nearest
from resbench.training.epoch import Stopped
from resbench.training.program import Graph
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig
from resbench.training.step import placement_of
from resbench.training.train import empty_record, train

# exit codes of a process that executes a run (sysexits.h)
DONE = 0
STOPPED = 1
MEMORY = 71  # EX_OSERR: out of memory, next to other runs
RAISED = 70  # EX_SOFTWARE: something that training does not turn into a record
UNWRITABLE = 73  # EX_CANTCREAT
BUSY = 75  # EX_TEMPFAIL: another process has the run
OUT_OF_MEMORY = "out of memory"  # as records name it


@dataclass(frozen=True)
class Setting:
    """What all runs of one command have in common.

    Attributes:
        folder: `results/<study>`.
        directory: torchvision data root.
        device: name of the torch device.
        threads: of torch in each run.
        code: `version.revision()` when the command began.
        probes: what is measured during training.
        timeout: seconds that a run may take from one start, or None.
        graph: what a run replays as a CUDA graph, as `train` takes it.
    """

    folder: Path
    directory: Path
    device: str
    threads: int
    code: Revision
    probes: tuple[str, ...] = ()
    timeout: float | None = None
    graph: Graph = "network"


@dataclass(frozen=True)
class Task:
    """A run and its setting, as text that any machine with this program can execute."""

    config: RunConfig
    setting: Setting

    def to_json(self) -> str:
        """The task as text, its folders absolute."""
        folders = {"folder": str(self.setting.folder.resolve()), "directory": str(self.setting.directory.resolve())}
        return json.dumps({"config": self.config.model_dump(mode="json"), "setting": asdict(self.setting) | folders})

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The inverse of `to_json`."""
        values: dict[str, Any] = json.loads(text)
        given = values["setting"]
        setting = Setting(
            **given
            | {
                "folder": Path(given["folder"]),
                "directory": Path(given["directory"]),
                "code": tuple(given["code"]),
                "probes": tuple(given["probes"]),
            }
        )
        return cls(RunConfig.model_validate(values["config"]), setting)


def execute_run(task: Task, step: Callable[[float], None] = lambda epochs: None, alone: bool = True) -> int:
    """Claim, train, publish; a run that another process holds, or has finished, is left alone.

    Args:
        step: called after every step with the epochs done; Stopped, raised by it, ends the run, whose state is saved.
        alone: whether no other run has memory of its device; else one that runs out of it leaves no record.

    Returns:
        DONE if the run has its record now; STOPPED; MEMORY if it ran out of memory next to others; or BUSY if another
        process has it, or has taken it over meanwhile.

    Raises:
        Unwritable: the disk is full, or may not be written.
    """
    run, setting = task.config, task.setting
    store = Store(setting.folder)
    with store.claim(run.id) as claim:
        if claim is None:
            return BUSY
        before = store.read(run.id)
        if (before and before.answers(setting.probes)) or run.id in store.later:
            return DONE
        saved = store.checkpoint(run.id)
        running = store.running_file(run.id, run.recipe.epochs, checkpoint.epoch(saved))

        def check_claim(epochs: float) -> None:
            if claim.lost.is_set():
                raise Stopped(keep=False)
            running.step(epochs)
            step(epochs)

        # a record is replaced by one that has all its probes too
        wanted = {*setting.probes, *((before.probes if before else None) or {})}
        observer = ProbeObserver([name for name in PROBED if name in wanted], check_claim)
        try:
            record = train(
                run,
                setting.directory,
                choose(setting.device),
                setting.threads,
                saved=saved,
                observer=observer,
                code=setting.code,
                graph=setting.graph,
            )
        except Stopped:
            return BUSY if claim.lost.is_set() else STOPPED
        except UserError as error:
            record = failed_record(task, "data", str(error))
        finally:
            if not claim.lost.is_set():
                running.remove()
        if claim.lost.is_set():
            return BUSY
        if not alone and record.error and record.error.kind == OUT_OF_MEMORY:
            return MEMORY
        store.add(record)
        if record.finished:
            discard(saved)
    return DONE


def failed_record(task: Task, kind: str, message: str) -> Record:
    """The record of a run that could not write one itself."""
    setting = task.setting
    device = nearest(setting.device)  # the command may sit on a machine without the device that its runs use
    placement = placement_of(task.config, device, setting.threads)
    return empty_record(task.config, "failed", provenance(placement, setting.code), RunError(kind, message))
