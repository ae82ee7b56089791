"""Bring the records of other machines into one results folder.

Everything is compared before anything is copied. Two finished records of one run that differ, or two different grids
under one name, are conflicts, which a person has to settle: then nothing is copied from any study.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from resbench.core import files
from resbench.core.errors import LaterVersion, UserError
from resbench.core.text import NAME_RULE, is_name, printable
from resbench.records.differences import difference, first
from resbench.records.looks_file import LooksFile, read_looks, unite
from resbench.records.merge_records import RecordMerge
from resbench.records.part import Part
from resbench.records.store import Store
from resbench.records.study_file import StudyFile
from resbench.records.trials import TrialsFile

# of study.json; the rest is the grid
_WORDING = (
    "schema",
    "file",
    "about",
    "overrides",
    "probes",
    "command",
    "stated",
    "late",
    "merged",
    "idle",
    "labels",
    "story",
)
_File = TypeVar("_File", bound=Part)
_Compare: TypeAlias = Callable[[Path, Path, _File, _File], None]  # path of ours, path of theirs, ours, theirs


def merge(folders: Sequence[Path], results: Path, dry: bool = False) -> list[str]:
    """Copy what is missing, byte for byte; returns one line for each study. Files that are left out are named on stderr.

    Args:
        folders: results folders, or folders of one study, of other machines.
        results: what they are brought into.
        dry: say what would come in, and copy nothing.

    Raises:
        UserError: a folder without records, or conflicts; nothing was copied.
        Unwritable: the disk is full; what was copied is whole, and the same command goes on.
    """
    studies: dict[str, StudyMerge] = {}
    for name, source in [study for folder in folders for study in _studies(folder, results)]:
        studies.setdefault(name, StudyMerge(name, Store(results / name))).compare(source)
    conflicts = [line for study in studies.values() for line in study.conflicts]
    for line in dict.fromkeys(line for study in studies.values() for line in study.left_out):
        print(printable(line), file=sys.stderr)
    if conflicts:
        count = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
        raise UserError([*conflicts, f"merge: nothing was copied from any study: {count} to settle"])
    return [line for name in sorted(studies) for line in studies[name].take(dry)]


def _studies(folder: Path, results: Path) -> Iterator[tuple[str, Path]]:
    """The studies in a folder, with the names that they will have."""
    if not folder.is_dir():
        raise UserError(f"merge: {folder}: no such folder: name a results folder, or that of one study")
    sources = [path for path in (folder, *sorted(folder.iterdir())) if _is_study(path)]
    if not sources:
        raise UserError(f"merge: {folder}: no records in it: name a results folder, or that of one study")
    for path in folder.iterdir() if sources[0] != folder else ():
        if path.is_symlink() and not path.exists():
            print(printable(f"{path}: a link to nothing: left out"), file=sys.stderr)
    for source in sources[:1] if sources[0] == folder else sources:
        name = _name(source)
        if not is_name(name):
            raise UserError(f"merge: {source}: {name!r} is not the name of a study: {NAME_RULE}: rename the folder")
        if source.resolve() == (results / name).resolve():
            raise UserError(f"merge: {source}: is the study in --results itself: name the folder of another machine")
        yield name, source


def _is_study(folder: Path) -> bool:
    return (folder / "study.json").exists() or bool(Store(folder).ids() or Store(folder / "bench").ids())


def _name(folder: Path) -> str:
    """The study's own name, which stays when its folder is renamed for the journey."""
    try:
        name = StudyFile.read(folder / "study.json").name
    except (OSError, ValueError):
        name = None
    return name or (folder if folder.is_symlink() else folder.resolve()).name


class StudyMerge:
    """A study of ours, and what others have of it."""

    def __init__(self, name: str, store: Store) -> None:
        self.store = store
        self._parts = [
            RecordMerge(name, store, measured=False),
            RecordMerge(f"{name}/bench", Store(store.folder / "bench"), measured=True),
        ]
        self._readings: list[LooksFile] = []
        self._files: dict[str, Path] = {}  # study.json and trials.json -> the path of the one to copy
        self._conflicts: list[str] = []
        self._left_out: list[str] = []

    @property
    def conflicts(self) -> list[str]:
        return [*self._conflicts, *(line for part in self._parts for line in part.conflicts)]

    @property
    def left_out(self) -> list[str]:
        """Files that are damaged, or cannot be merged."""
        return [*self._left_out, *(line for part in self._parts for line in part.left_out)]

    def compare(self, folder: Path) -> None:
        """Compare another folder of this study with ours."""
        self._file(folder / "study.json", StudyFile, self._compare_grids)
        self._file(folder / "trials.json", TrialsFile)
        try:
            self._readings.append(read_looks(folder))
        except ValueError as error:
            self._left_out.append(f"{folder / 'looks.json'}: damaged ({error}): left out")
        if (folder / "optuna.journal").exists():
            text = "trials are not merged: let the machines share one storage (`resbench tune --storage`)"
            self._left_out.append(f"{folder / 'optuna.journal'}: {text}")
        for part, source in zip(self._parts, (folder, folder / "bench"), strict=True):
            part.compare(source)

    def _file(self, path: Path, kind: type[_File], compare: _Compare[_File] = lambda *_: None) -> None:
        """Note a file that we lack, or of which ours is damaged; compare it with the one that we have."""
        try:
            theirs = kind.read(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            what = "of a later version" if isinstance(error, LaterVersion) else "damaged"
            self._left_out.append(f"{path}: {what} ({error}): left out")
            return
        our_path = self._files.get(path.name, self.store.folder / path.name)
        try:
            ours = kind.read(our_path)
        except LaterVersion as error:
            self._left_out.append(f"{our_path}: of a later version ({error}): it is kept")
            return
        except (OSError, ValueError):
            self._files[path.name] = path
            return
        compare(our_path, path, ours, theirs)

    def _compare_grids(self, our_path: Path, path: Path, ours: StudyFile, theirs: StudyFile) -> None:
        if theirs.confirmation and not ours.confirmation:  # a choice that was made on one machine is that of all
            self._files[path.name] = path
            ours = ours.model_copy(update={"confirmation": theirs.confirmation})
        elif ours.confirmation and not theirs.confirmation:
            theirs = theirs.model_copy(update={"confirmation": ours.confirmation})
        a, b = (study.model_dump(mode="json", by_alias=True) for study in (ours, theirs))
        keys = [key for key in {**a, **b} if key not in _WORDING and a.get(key) != b.get(key)]
        if keys == ["runs"] and ours.of_one_plan(theirs):  # one of them has come further
            if len(theirs.runs) > len(ours.runs):
                self._files[path.name] = path
            return
        if keys:
            differences = first([difference(key, a.get(key), b.get(key)) for key in keys])
            remedy = "merge it under another name, or run one grid on both machines"
            self._conflicts.append(f"{our_path} and {path}: different grids under one name: {differences}: {remedy}")

    def take(self, dry: bool) -> list[str]:
        """Copy what is missing; returns a line for each kind of records."""
        other_data = self._parts[0].other_data()
        lines = [line for part in self._parts if (line := part.take(dry))] + other_data
        for name, path in self._files.items() if not dry else ():
            self.store.open()
            files.replace(self.store.folder / name, path.read_bytes(), self.store.work)
        if not dry:
            unite(self.store.folder, self._readings)
        return lines
