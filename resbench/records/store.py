"""A folder of records: `results/<study>/<run-id>.json`, and `.work/` next to them for what is unfinished.

A record appears whole or not at all: it is written to a temporary file, flushed to disk, and linked to its name, and
the first writer wins. A run is done if it has a record; nothing else counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.errors import LaterVersion, Unwritable, UserError
from resbench.core.files import hidden, named_first, replace, sync_folder, temporary_in, user_path, write_through
from resbench.core.locks import HeldLock, LockObserver, try_lock, wait_for_lock
from resbench.core.text import is_name
from resbench.records.frames import study_frame
from resbench.records.record import Record
from resbench.records.running import RunningFile, RunningRun, read_running
from resbench.records.statements import time_now
from resbench.records.study_file import StudyFile
from resbench.records.study_folder import StudyFolder
from resbench.records.weights_file import weights_files

if TYPE_CHECKING:
    import pandas as pd

_STALE_SECONDS = 600.0  # no file takes so long to write
_RUN_FILE = re.compile(r"[0-9a-f]{16}\.json")


class Store(StudyFolder):
    """The records of one study.

    Args:
        folder: `results/<study>`; made when something is written.

    Attributes:
        damaged: a line for each damaged record that was met.
        later: the same of records of a later version, by id: they count as done, and are never replaced.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.damaged: list[str] = []
        self.later: dict[str, str] = {}
        self._waiting = LockObserver()

    def path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def running(self, run_id: str) -> RunningRun | None:
        """The process that trains a run at the moment; None if none does, or one that does not say so."""
        return read_running(self._running_path(run_id))

    def running_file(self, run_id: str, total: int, epochs: float) -> RunningFile:
        """What tells other processes how far a run is, while this one trains it.

        Args:
            total: epochs of the run.
            epochs: done before.
        """
        return RunningFile(self._running_path(run_id), total, epochs)

    def _running_path(self, run_id: str) -> Path:
        return self.work / f"{run_id}.running"

    def ids(self) -> set[str]:
        """Ids that have a record file, whatever is in it."""
        if not self.folder.is_dir():
            return set()
        return {entry.name[:16] for entry in os.scandir(self.folder) if _RUN_FILE.fullmatch(entry.name)}

    def read(self, run_id: str) -> Record | None:
        """The record, or None if there is none or it is damaged (which is then named in `damaged`)."""
        path = self.path(run_id)
        try:
            return read_record(path, run_id)[0]
        except FileNotFoundError:
            if path.is_symlink():
                self._note_damage(path, "a link to nothing")
            return None
        except LaterVersion as error:
            kept = "it is kept, and its run is not done again here"
            self.later[run_id] = f"{path}: a record of a later version ({error}): {kept}"
            return None
        except (ValueError, TypeError, OSError, RecursionError) as error:
            self._note_damage(path, error)
            return None

    def _note_damage(self, path: Path, reason: object) -> None:
        self.damaged.append(f"{path}: a damaged record ({' '.join(str(reason).split())}): the run will be done again")

    def records(self) -> list[Record]:
        """All readable records, by id."""
        return [record for run_id in sorted(self.ids()) if (record := self.read(run_id))]

    def done(self, probes: Iterable[str] = ()) -> set[str]:
        """Ids of runs that need not be done again: ok or diverged, with these probes, or recorded by a later version."""
        probes = list(probes)
        complete = [record for record in self.records() if record.complete(probes)]
        for record in complete:
            if not record.whole:
                self._note_damage(self.path(record.id), "without its whole configuration")
        return {record.id for record in complete if record.whole} | self.later.keys()

    def add(self, record: Record) -> bool:
        """Publish a record; False if a finished one was there first.

        Failures and damaged files are replaced, and so is a finished record by one with probes that it lacks.
        """
        return self.publish(record, record.to_json().encode())

    def publish(self, record: Record, content: bytes) -> bool:
        """As `add`, for a record that has been written before: its bytes stay as they are."""
        self.open()
        path = self.path(record.id)
        temporary = temporary_in(self.work, record.id)
        write_through(temporary, content)
        try:
            if not named_first(temporary, path):
                # between the look and the replacement nothing may come
                with wait_for_lock(self.work / "replacing.lock"):
                    present = self.read(record.id)
                    if record.id in self.later:
                        return False
                    if (
                        present
                        and present.finished
                        and (not record.finished or (present.whole and present.covers(record)))
                    ):
                        return False
                    temporary.replace(path)
            sync_folder(self.folder)
        except OSError as error:
            raise Unwritable(error.errno, error.strerror, str(path)) from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return True

    def remove(self, run_id: str) -> bool:
        """Forget a run and its weights (`--fresh`); True if it had a record."""
        for path in (self.checkpoint(run_id), *weights_files(self.folder, run_id)):
            path.unlink(missing_ok=True)
        self.remove_files(run_id)
        had = self.path(run_id).exists()
        self.path(run_id).unlink(missing_ok=True)
        return had

    @contextlib.contextmanager
    def claim(self, run_id: str) -> Iterator[HeldLock | None]:
        """Hold the run while it is trained; yields None if another live process holds it."""
        self.open()
        with try_lock(self._lock(run_id)) as held:
            yield held

    def free(self, run_id: str) -> bool:
        """Whether no live process holds the run at the moment."""
        return not self.work.is_dir() or self._waiting.free(self._lock(run_id))

    def sweep(self) -> None:
        """Remove what crashes have left in `.work`."""
        for path in self.leftovers():
            path.unlink(missing_ok=True)

    def leftovers(self) -> Iterator[Path]:
        """What crashes have left in `.work`: files that were being written, and what belongs to runs that ended."""
        for path in self.work.glob("*.tmp"):
            with contextlib.suppress(FileNotFoundError):  # another command sweeps too
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    yield path
        for path in self.work.glob("*.running"):
            if not read_running(path) and self.free(path.stem):
                yield path
        yield from (path for path in self.work.glob("*.unsaved") if self.free(path.stem))
        for path in self.work.glob("*.ckpt"):
            run_id, stamp = path.stem, self.stamp(path.stem)
            if stamp and (record := self.read(run_id)) and record.finished and self.free(run_id):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime_ns <= stamp[1]:  # a younger one is of a run that lacks probes
                        yield path

    def _lock(self, run_id: str) -> Path:
        return self.work / f"{run_id}.lock"

    def stamp(self, run_id: str) -> tuple[int, int] | None:
        """Changes when the record does; None if there is none."""
        try:
            status = self.path(run_id).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def write_study(self, study: StudyFile) -> bool:
        """Keep the question next to the answers, so that the report needs nothing else; returns whether it is new."""
        self.open()
        path = self.study_path
        self.check_replaceable()
        study = self.succeeding(study)
        text = json.dumps(study.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        if path.exists() and path.read_bytes() == text.encode():
            return False
        replace(path, text.encode(), self.work)
        return True

    def succeeding(self, study: StudyFile) -> StudyFile:
        """The study with what the file in the folder knows: the confirmation, and what was stated after results."""
        before = self.readable_study()
        study = study.confirmed_as(before) if before else study
        new = before is None or study.parts(before.axes) != before.parts(before.axes)
        asked = {run.id for run in study.runs} if new else set()
        records = (self.read(run_id) for run_id in asked & self.ids())
        ended = {record.id for record in records if record and record.finished}
        return study.succeeding(before, ended, time_now())

    def finished_outside(self, study: StudyFile) -> int:
        """Finished runs that belong to the study file in the folder, and not to this study of the same name."""
        before = self.readable_study()
        outside = {run.id for run in before.runs} - {run.id for run in study.runs} if before else set()
        records = (self.read(run_id) for run_id in outside if self.path(run_id).exists())
        return sum(record is not None and record.finished for record in records)

    def frame(self, all: bool = False) -> pd.DataFrame:
        """One row per record of a run that the study file asks for, and per record where there is no study file.

        Args:
            all: the others too; `in_grid` then says which the study asks for, and is NA where there is no study file.

        Raises:
            UserError: the study file is damaged.
        """
        return study_frame(self.records(), self.study(), all)

    def open(self) -> None:
        """Make the folders.

        Raises:
            Unwritable: they cannot be made.
        """
        hidden(self.work)


def read_record(path: Path, run_id: str) -> tuple[Record, bytes]:
    """The record in a file, and its bytes.

    Raises:
        ValueError, TypeError, RecursionError: it is damaged, or of another run than its name says.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    record = Record.from_json(content.decode("utf-8").replace("\r\n", "\n"))
    if record.id != run_id:
        raise ValueError(f"that says it is {record.id!r}")
    record.check_identity()
    return record, content


def study_names(results: Path) -> list[str]:
    """Studies of a results folder: its folders with something in them."""
    if not results.is_dir():
        return []
    folders = [folder for folder in results.iterdir() if folder.is_dir() and is_name(folder.name)]
    return sorted(folder.name for folder in folders if any(folder.glob("*.json")))


def load(folder: str | Path, *, all: bool = False) -> pd.DataFrame:
    """Records of a study as a frame, one row per run that its grid asks for.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> frame = resbench.run(resbench.Grid("tiny", base=base))
        >>> bool(resbench.load("results/tiny")["metrics.test_accuracy"].between(0, 1).all())
        True

    Cells that are one network share their runs: a row then has the settings of the first, and the column `also` names
    the others.

    Args:
        folder: `results/<study>`; where it has no study file, all its records are given.
        all: runs of earlier grids too, and the boolean column `in_grid`, which is NA where there is no study file.

    Raises:
        UserError: there is no such folder, it is one of several studies, or its study file is damaged.
    """
    path = user_path(folder)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder of records: run a grid first, or name another folder")
    store = Store(path)
    studies = sorted(inner.parent.name for inner in path.glob("*/study.json"))
    if studies and not store.ids():
        raise UserError(f"{path}: a folder of studies, not of one: name one of {', '.join(studies)} in it")
    if not store.ids() and not (path / "study.json").exists():
        raise UserError(f"{path}: no records are in it: name the folder of a study, such as results/my-question")
    return store.frame(all)
