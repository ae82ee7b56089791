"""A study belongs to the grid file that made it: another file of the same name does not replace its question unasked."""

from __future__ import annotations

from pathlib import Path

from resbench.core.errors import UserError
from resbench.core.text import plural
from resbench.records.command import read_command
from resbench.records.store import Store
from resbench.records.study_file import StudyFile

_PYTHON = "a grid made in Python"


def grid_file(stored: StudyFile, store: Store) -> Path | None:
    """The grid file of a study: where the command was given, here, or next to the results; None if it is not there."""
    kept = read_command(store.work, stored)
    folders = [Path(), store.folder.parent.resolve().parent]
    if kept and Path(kept.cwd) != Path.cwd():
        folders.insert(0, Path(kept.cwd))
    return next((folder / stored.file for folder in folders if (folder / stored.file).is_file()), None)


def check_owner(store: Store, study: StudyFile) -> None:
    """See that a study does not take the place of that of another grid file, of which it lacks runs.

    Raises:
        UserError: it would, or the study file there was written by a later version.
    """
    if line := taken_over(store, study):
        raise UserError(line)


def taken_over(store: Store, study: StudyFile) -> str:
    """What a study of another grid file would lose to this one, and what to do, in a line; empty if it is the same."""
    before = store.readable_study()
    if before is None:
        return ""
    planned = _planned(before)
    lost = planned - {run.id for run in study.runs}
    if not lost or _same_file(before, study, store):
        return ""
    ours, theirs = study.file or _PYTHON, before.file or _PYTHON
    found = grid_file(before, store) if before.file else None
    if found and theirs == ours:  # in two folders
        ours, theirs = str(Path(ours).resolve()), str(found.resolve())
    return (
        f"{store.folder}: the study of {theirs}: {ours} has the same name and lacks {len(lost)} of its "
        f"{plural(len(planned), 'run')}: give it a name of its own (name: in the file, or name=...), "
        "or add --take-over (take_over=True) to go on with it in place of that one"
    )


def _planned(study: StudyFile) -> set[str]:
    """Ids of the runs that the file decides: of a search not those of the winners."""
    return {run.id for run in study.runs if study.command == "run" or run.cell.get("tuning") != "tuned"}


def _same_file(before: StudyFile, study: StudyFile, store: Store) -> bool:
    """Whether both come from one file, which may have been edited, or moved without a change of its name."""
    if not before.file or not study.file:
        return before.file == study.file
    there, here = grid_file(before, store), Path(study.file)
    if there is None or not here.is_file():
        return Path(before.file).name == here.name
    return there.samefile(here)
