"""Bring the records of other machines into one results folder.

Everything is compared before anything is copied. Two finished records of one run that differ, or two different grids
under one name, are conflicts, which a person has to settle: then nothing is copied from any study.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

from resbench.core import files
from resbench.core.errors import LaterVersion, UserError
from resbench.core.text import NAME_RULE, is_name, printable
from resbench.records.circumstances import DATA, counts, mixture
from resbench.records.differences import difference, differences_of, first
from resbench.records.looks_file import LooksFile, read_looks, unite
from resbench.records.part import Part
from resbench.records.record import Record
from resbench.records.store import Store, read_record
from resbench.records.study_file import StudyFile
from resbench.records.trials import TrialsFile

# of study.json; the rest is the grid
_WORDING = ("schema", "file", "about", "overrides", "probes", "command", "stated", "late", "merged", "idle")
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


@dataclass
class IncomingRecord:
    """A record of another machine.

    Attributes:
        sha256: of its bytes.
        reason: why it comes in.
        united: the bytes of this record and of the one before it, which has other probes.
    """

    path: Path
    sha256: str
    reason: str = ""
    united: bytes | None = None

    def read(self) -> tuple[Record, bytes]:
        """The record and its bytes, read when they are needed, as there may be very many.

        Raises:
            UserError: it has changed.
        """
        if self.united:
            return Record.from_json(self.united.decode()), self.united
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise UserError(f"{self.path}: changed while it was merged: the same command again goes on")
        return read_record(self.path, self.path.stem)


@dataclass
class RecordMerge:
    """Records of one kind of a study: its runs, or its measurements.

    Attributes:
        title: in the line that says what came in.
        measured: two measurements of the same thing always differ, and the first is kept.
        incoming: what is to be copied, by id.
        present: ids that both have, and of which ours is kept.
    """

    title: str
    store: Store
    measured: bool
    incoming: dict[str, IncomingRecord] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def compare(self, folder: Path) -> None:
        """Compare every record of a folder with ours."""
        for run_id in sorted(Store(folder).ids()):
            path = folder / f"{run_id}.json"
            try:
                if not path.is_file():
                    raise ValueError("a link to nothing" if path.is_symlink() else "not a file")
                theirs, content = read_record(path, run_id)
            except LaterVersion as error:
                self.left_out.append(f"{path}: a record of a later version ({error}): left out")
                continue
            except (ValueError, TypeError, OSError, RecursionError) as error:
                self.left_out.append(f"{path}: a damaged record ({' '.join(str(error).split())}): left out")
                continue
            self._choose(run_id, theirs, IncomingRecord(path, hashlib.sha256(content).hexdigest()))

    def _choose(self, run_id: str, theirs: Record, incoming: IncomingRecord) -> None:
        """Keep ours, take theirs, or unite both."""
        before = self.incoming.get(run_id)
        ours = before.read()[0] if before else self.store.read(run_id)
        if run_id in self.store.later:
            self.present.add(run_id)
            return
        if ours is None or not ours.finished:
            if ours is None or theirs.finished:
                unfinished = ours is not None or self.store.path(run_id).exists()
                reason = "in place of a failed or damaged one" if unfinished else "new"
                self.incoming[run_id] = replace(incoming, reason=before.reason if before else reason)
            else:
                self.present.add(run_id)
            return
        self.present.add(run_id)
        if self.measured or not theirs.finished:
            return
        differences = differences_of(ours, theirs)
        if differences:
            pair = f"{before.path if before else self.store.path(run_id)} and {incoming.path}"
            self.conflicts.append(f"{pair}: both finished, and differ: {differences}: delete one of them")
        elif not ours.complete(theirs.probes or ()):
            reason = before.reason if before else "with more probes"
            # training is the same with and without probes, so the two are one run that was probed twice
            united = None if theirs.complete(ours.probes or ()) else _unite(ours, theirs).to_json().encode()
            self.incoming[run_id] = replace(incoming, reason=reason, united=united)

    def take(self, dry: bool) -> str:
        """Copy; returns what came in, or nothing if no machine has any record of this kind."""
        reasons: Counter[str] = Counter()
        for record in self.incoming.values():
            reasons[record.reason if dry or self.store.publish(*record.read()) else "present"] += 1
        present = len(self.present - self.incoming.keys()) + reasons.pop("present", 0)
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        parts = [f"{reasons.total()} records {'would come' if dry else 'came'} in ({counts})"] if reasons else []
        parts += [f"{present} were here"] if present else []
        return f"{self.title}: {', '.join(parts)}" if parts else ""

    def other_data(self) -> list[str]:
        """A line for each kind of data of which the records, ours and theirs, have several where one was meant."""
        lines = []
        records = [*self._labelled()]
        for one in DATA:
            for values in mixture(one, records).values():
                text = f"different {one.name}: {counts(values)}: no verdict is given between them"
                lines.append(printable(f"{self.title}: {text}"))
        return lines

    def _labelled(self) -> Iterator[tuple[str, Record]]:
        """Each record that will be here, bare of results, with the folder that it comes from."""
        theirs = ((str(incoming.path.parent), incoming.read()[0]) for incoming in self.incoming.values())
        ours = (self.store.read(run_id) for run_id in sorted(self.store.ids() - self.incoming.keys()))
        for folder, record in itertools.chain(theirs, ((str(self.store.folder), one) for one in ours)):
            if record:
                yield folder, Record(record.id, record.config, record.status, record.provenance)


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


def _unite(ours: Record, theirs: Record) -> Record:
    """Our record with the probes of theirs too."""
    probes = {**(theirs.probes or {}), **(ours.probes or {})}
    return replace(ours, metrics=theirs.metrics | ours.metrics, probes=probes)
