"""Which run was given to which job: a file for each array in `.work/slurm/`, so that no command submits a run twice.

The folder also holds submitit's files, among them pickles: it belongs to the user alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resbench.core.files import replace
from resbench.execution.task import Setting, Task
from resbench.records.store import Store

# what submitit leaves of each job
_PICKLES = ("submitted.pkl", "0_result.pkl")
_LOGS = ("0_log.out", "0_log.err")


@dataclass(frozen=True)
class SentRun:
    """A run that a job was given.

    Attributes:
        job: its id: `4711`, or `4711_3` in an array.
        text: the task.
        before: stamp of the record that the run had then, or None.
    """

    run_id: str
    job: str
    text: str
    before: tuple[int, int] | None

    @cached_property
    def setting(self) -> Setting:
        return Setting.from_json(json.loads(self.text)["setting"])

    @cached_property
    def task(self) -> Task:
        """Read only where it is needed: the plug-ins of a study may be gone.

        Raises:
            UserError: they are.
        """
        return Task.from_json(self.text)


class JobLedger:
    """The arrays of one study that have not been taken in yet.

    Args:
        store: of the study.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = store.work / "slurm"
        self.name = f"resbench-{store.folder.resolve().name}"  # that its jobs have in the queue

    def open(self) -> Path:
        """The folder, made if need be and closed to others."""
        self.store.open()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)  # whatever the umask, and whichever program made it
        return self.folder

    def add(self, array: Sequence[SentRun]) -> None:
        """Note the runs of one array."""
        texts = [json.loads(sent.text) for sent in array]
        runs = {
            sent.job: {"id": sent.run_id, "config": text["config"], "before": sent.before}
            for sent, text in zip(array, texts, strict=True)
        }
        path = self.open() / f"{array_of(array[0].job)}.runs.json"
        self._write(path, {"setting": texts[0]["setting"], "runs": runs})

    def sent(self) -> dict[str, SentRun]:
        """Run id -> the job that it was given last."""
        out = {}
        for path in sorted(self.folder.glob("*.runs.json"), key=lambda path: int(path.name.partition(".")[0])):
            array = _read(path)
            if array is None:
                print(f"{path}: damaged: what its jobs were given is not known; squeue shows them", file=sys.stderr)
                continue
            for job, run in array.get("runs", {}).items():
                task = json.dumps({"config": run["config"], "setting": array["setting"]})
                before = tuple(run["before"]) if run["before"] else None
                out[run["id"]] = SentRun(run["id"], job, task, before)
        return out

    def drop(self, jobs: Collection[str], tidy: Collection[str] = ()) -> None:
        """Forget jobs that have been taken in.

        Args:
            tidy: those of them whose logs are of no use any more.
        """
        jobs, tidy = set(jobs), set(tidy)
        for job in jobs:
            for name in (*_PICKLES, *(_LOGS if job in tidy else ())):
                (self.folder / f"{job}_{name}").unlink(missing_ok=True)
        for path in self.folder.glob("*.runs.json"):
            array = _read(path)
            if array is None:
                continue
            runs = array.get("runs", {})
            rest = {job: run for job, run in runs.items() if job not in jobs}
            if not rest:
                path.unlink(missing_ok=True)
                self._remove_script(path.name.partition(".")[0])
            elif len(rest) < len(runs):
                self._write(path, array | {"runs": rest})

    def clear(self) -> None:
        """Remove what submitit wrote for an array that Slurm then refused; only for a command that may submit."""
        for path in [*self.folder.glob("*.pkl"), *self.folder.glob(".submission_file_*.sh")]:
            if not path.is_symlink() and "_submitted" not in path.name and "_result" not in path.name:
                path.unlink(missing_ok=True)

    def _remove_script(self, array: str) -> None:
        (self.folder / f"{array}_submission.sh").unlink(missing_ok=True)
        for link in self.folder.glob(".submission_file_*.sh"):
            if not link.exists():  # it led to that script
                link.unlink(missing_ok=True)

    def _write(self, path: Path, array: dict[str, Any]) -> None:
        replace(path, (json.dumps(array) + "\n").encode(), self.store.work)


def array_of(job: str) -> str:
    """`4711` of `4711_3`."""
    return job.partition("_")[0]


def _read(path: Path) -> dict[str, Any] | None:
    """What was written there; None if it is damaged."""
    try:
        array: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for run in array["runs"].values():
            Task.from_json(json.dumps({"config": run["config"], "setting": array["setting"]}))
            tuple(run["before"] or ())
            str(run["id"])
    except FileNotFoundError:  # another command has just taken it in
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return array
