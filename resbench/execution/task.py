"""One run, wherever it is carried out: claim it, train it, publish its record.

Engines carry a `Task` to a process, here or on another machine, and nothing comes back but how the process ended: the
store alone decides what is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from resbench.core.config import UserError
from resbench.core.files import discard
from resbench.records.claim import PROBED
from resbench.records.record import Record, complete
from resbench.records.store import Store
from resbench.training.device import choose, nearest, provenance
from resbench.training.epoch import Stopped
from resbench.training.run import RunConfig
from resbench.training.step import placed
from resbench.training.train import empty, train

# exit codes of a process that carries out a run (sysexits.h)
DONE = 0
STOPPED = 1
RAISED = 70  # EX_SOFTWARE: something that training does not turn into a record
UNWRITABLE = 73  # EX_CANTCREAT
BUSY = 75  # EX_TEMPFAIL: another process has the run


@dataclass(frozen=True)
class Setting:
    """What all runs of one command share.

    Attributes:
        folder: `results/<study>`.
        directory: torchvision data root.
        device: name of the torch device.
        threads: of torch in each run.
        code: git revision when the command began, and whether the code differed from it.
        probes: what is measured beside the training.
        timeout: seconds that a run may take from one start, or None.
    """

    folder: Path
    directory: Path
    device: str
    threads: int
    code: tuple[str | None, bool]
    probes: tuple[str, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Task:
    """A run and its setting, as text that any machine with this program can carry out."""

    config: RunConfig
    setting: Setting

    def dump(self) -> str:
        folders = {"folder": str(self.setting.folder.resolve()), "directory": str(self.setting.directory.resolve())}
        return json.dumps({"config": self.config.model_dump(mode="json"), "setting": asdict(self.setting) | folders})

    @classmethod
    def parse(cls, text: str) -> Task:
        """The inverse of `dump`; folders have become absolute."""
        found = json.loads(text)
        given = found["setting"]
        setting = Setting(
            **given
            | {
                "folder": Path(given["folder"]),
                "directory": Path(given["directory"]),
                "code": tuple(given["code"]),
                "probes": tuple(given["probes"]),
            }
        )
        return cls(RunConfig.model_validate(found["config"]), setting)


def carry_out(task: Task, tell: Callable[[float], None] = lambda done: None) -> int:
    """Claim, train, publish; a run that another process holds, or has finished, is left alone.

    Args:
        tell: called after every step with the epochs done; Stopped, raised by it, ends the run, whose state is kept.

    Returns:
        DONE if the run has its record now; STOPPED, or BUSY if another process has it, or has taken it over meanwhile.

    Raises:
        Unwritable: the disk is full, or may not be written.
    """
    run, setting = task.config, task.setting
    store = Store(setting.folder)
    with store.claim(run.id) as held:
        if held is None:
            return BUSY
        there = store.read(run.id)
        if complete(there, setting.probes):
            return DONE
        saved = store.checkpoint(run.id)

        def progress(done: float) -> None:
            if held.lost.is_set():
                raise Stopped(keep=False)
            tell(done)

        # a record is replaced by one that has all its probes too
        wanted = {*setting.probes, *(there.get("probes", {}) if there else {})}
        try:
            record = train(
                run,
                setting.directory,
                choose(setting.device),
                setting.threads,
                saved=saved,
                progress=progress,
                code=setting.code,
                probes=[name for name in PROBED if name in wanted],
            )
        except Stopped:
            return BUSY if held.lost.is_set() else STOPPED
        except UserError as error:
            record = failed(task, "data", str(error))
        if held.lost.is_set():
            return BUSY
        store.add(record)
        if record["status"] != "failed":
            discard(saved)
    return DONE


def failed(task: Task, kind: str, message: str) -> Record:
    """The record of a run that could not even tell of itself."""
    setting = task.setting
    device = nearest(setting.device)  # the command may sit on a machine without the device that its runs use
    where = provenance(placed(task.config, device, setting.threads), setting.code)
    return empty(task.config, "failed", where, {"kind": kind, "message": message})
