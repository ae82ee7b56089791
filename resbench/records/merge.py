"""Bring the records of other machines into one results folder.

Everything is compared before anything is copied: two finished records of one run that differ, or two different grids
under one name, are conflicts, which a person has to settle, and then nothing is copied, of no study.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resbench.core.config import UserError, flatten
from resbench.core.files import replace
from resbench.core.text import RULE, is_name, printable
from resbench.records import record as records
from resbench.records.claim import PROBED
from resbench.records.record import Record, complete
from resbench.records.store import Store, read_record
from resbench.records.study_file import read_study, read_trials

_WORDING = ("schema", "file", "about", "overrides", "probes", "command")  # of study.json; the rest is the grid
_WHERE = ("threads", "device", "device_name", "precision", "versions.torch", "revision", "data_sha256")
_MOST_TOLD = 4


def merge(folders: Sequence[Path], results: Path, dry: bool = False) -> list[str]:
    """Copy what is missing, byte for byte; files that are left out are named on stderr.

    Args:
        folders: results folders, or folders of one study, of other machines.
        results: what they are brought into.
        dry: tell what would come in, and copy nothing.

    Returns:
        One line for each study.

    Raises:
        UserError: a folder without records, or conflicts; nothing was copied.
        Unwritable: the disk is full; what was copied is whole, and the same command goes on.
    """
    studies: dict[str, _Study] = {}
    for name, found in [one for folder in folders for one in _studies(folder, results)]:
        studies.setdefault(name, _Study(name, Store(results / name))).compare(found)
    conflicts = [line for study in studies.values() for line in study.conflicts]
    for line in dict.fromkeys(line for study in studies.values() for line in study.left_out):
        print(printable(line), file=sys.stderr)
    if conflicts:
        count = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
        raise UserError([*conflicts, f"merge: nothing was copied, of no study: {count} to settle"])
    return [line for name in sorted(studies) for line in studies[name].take(dry)]


def _studies(folder: Path, results: Path) -> Iterator[tuple[str, Path]]:
    """The studies in a folder, with the names that they will have."""
    if not folder.is_dir():
        raise UserError(f"merge: {folder}: no such folder: name a results folder, or that of one study")
    found = [one for one in (folder, *sorted(folder.iterdir())) if _is_study(one)]
    if not found:
        raise UserError(f"merge: {folder}: no records in it: name a results folder, or that of one study")
    for one in found[:1] if found[0] == folder else found:
        name = _name(one)
        if not is_name(name):
            raise UserError(f"merge: {one}: {name!r} is not the name of a study: {RULE}: rename the folder")
        if one.resolve() == (results / name).resolve():
            raise UserError(f"merge: {one}: this is the study in --results itself: name the folder of another machine")
        yield name, one


def _is_study(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    return (folder / "study.json").exists() or bool(Store(folder).ids() or Store(folder / "bench").ids())


def _name(folder: Path) -> str:
    """The study's own name, which outlives that its folder was renamed for the journey."""
    try:
        told = read_study(folder / "study.json").get("name")
    except (OSError, ValueError):
        told = None
    return str(told or folder.resolve().name)


@dataclass
class _Coming:
    """A record on its way: where it lies, the SHA-256 of its bytes, what it replaces; or the bytes of two united."""

    path: Path
    sha256: str
    why: str = ""
    united: bytes | None = None

    def read(self) -> tuple[Record, bytes]:
        """It is read when it is needed, as there may be very many.

        Raises:
            UserError: it is not the same any more.
        """
        if self.united:
            return records.parse(self.united.decode()), self.united
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise UserError(f"{self.path}: changed while it was merged: the same command again goes on")
        return read_record(self.path, self.path.stem)


@dataclass
class _Records:
    """Records of one kind of a study: its runs, or its measurements.

    Attributes:
        measured: two measurements of the same thing always differ, and the first is kept.
        coming: what is to be copied, by id.
        here: ids that both have, and of which ours is kept.
    """

    title: str
    store: Store
    measured: bool
    coming: dict[str, _Coming] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def compare(self, folder: Path) -> None:
        for run_id in sorted(Store(folder).ids()):
            path = folder / f"{run_id}.json"
            try:
                if path.is_symlink() or not path.is_file():
                    raise ValueError("not a file of its own")
                theirs, content = read_record(path, run_id)
            except (ValueError, TypeError, OSError, RecursionError) as error:
                self.left_out.append(f"{path}: a damaged record ({' '.join(str(error).split())}): left out")
                continue
            self._choose(run_id, theirs, _Coming(path, hashlib.sha256(content).hexdigest()))

    def _choose(self, run_id: str, theirs: Record, coming: _Coming) -> None:
        """Keep what is there, take theirs, or unite both."""
        before = self.coming.get(run_id)
        mine = before.read()[0] if before else self.store.read(run_id)
        if not complete(mine):
            if mine is None or complete(theirs):
                there = mine is not None or self.store.path(run_id).exists()
                coming.why = before.why if before else "in place of a failed or damaged one" if there else "new"
                self.coming[run_id] = coming
            else:
                self.here.add(run_id)
            return
        assert mine is not None
        self.here.add(run_id)
        if self.measured or not complete(theirs):
            return
        told = _differences(mine, theirs)
        if told:
            ours = before.path if before else self.store.path(run_id)
            self.conflicts.append(f"{ours} and {coming.path}: both finished, and differ: {told}: delete one of them")
            return
        probed, more = _probes(mine).keys(), _probes(theirs).keys()
        if more <= probed:
            return
        coming.why = before.why if before else "with more probes"
        if not probed <= more:  # training is the same with and without probes, so the two are one run looked at twice
            both = {key: theirs[key] | mine[key] for key in ("metrics", "probes")}
            coming.united = records.dump(mine | both).encode()
        self.coming[run_id] = coming

    def take(self, dry: bool) -> str:
        """Copy, and say what came; nothing is said of what is not there at all."""
        came: Counter[str] = Counter()
        for one in self.coming.values():
            came[one.why if dry or self.store.publish(*one.read()) else "here"] += 1
        kept = len(self.here - self.coming.keys()) + came.pop("here", 0)
        told = [f"{came.total()} records {'would come' if dry else 'came'} in ({_counts(came)})"] if came else []
        told += [f"{kept} were here"] if kept else []
        return f"{self.title}: {', '.join(told)}" if told else ""


class _Study:
    """A study of ours, and what others have of it."""

    def __init__(self, name: str, store: Store) -> None:
        self.store = store
        self.parts = [
            _Records(name, store, measured=False),
            _Records(f"{name}/bench", Store(store.folder / "bench"), measured=True),
        ]
        self._files: dict[str, Path] = {}  # study.json and trials.json -> whose is to be copied
        self._conflicts: list[str] = []
        self._left_out: list[str] = []

    @property
    def conflicts(self) -> list[str]:
        return [*self._conflicts, *(line for part in self.parts for line in part.conflicts)]

    @property
    def left_out(self) -> list[str]:
        return [*self._left_out, *(line for part in self.parts for line in part.left_out)]

    def compare(self, folder: Path) -> None:
        self._file(folder / "study.json", read_study, self._other_grid)
        self._file(folder / "trials.json", read_trials, lambda *_: None)
        if (folder / "optuna.journal").exists():
            text = "trials are not merged: let the machines share one storage (`resbench tune --storage`)"
            self._left_out.append(f"{folder / 'optuna.journal'}: {text}")
        for part, there in zip(self.parts, (folder, folder / "bench"), strict=True):
            part.compare(there)

    def _file(self, path: Path, read: Callable[[Path], Any], check: Callable[[Path, Path, Any, Any], None]) -> None:
        """Note a file that we lack, or whose one of ours is damaged; compare it with the one that we have."""
        try:
            theirs = read(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._left_out.append(f"{path}: damaged ({error}): left out")
            return
        ours = self._files.get(path.name, self.store.folder / path.name)
        try:
            check(ours, path, read(ours), theirs)
        except (OSError, ValueError):
            self._files[path.name] = path

    def _other_grid(self, ours: Path, path: Path, mine: dict[str, Any], theirs: dict[str, Any]) -> None:
        keys = [key for key in dict.fromkeys([*mine, *theirs]) if key not in _WORDING]
        told = [_told(key, mine.get(key), theirs.get(key)) for key in keys if mine.get(key) != theirs.get(key)]
        if told:
            way = "merge it under another name, or run one grid on both machines"
            self._conflicts.append(f"{ours} and {path}: different grids under one name: {_first(told)}: {way}")

    def take(self, dry: bool) -> list[str]:
        lines = [line for part in self.parts if (line := part.take(dry))]
        for name, path in self._files.items() if not dry else ():
            self.store.open()
            replace(self.store.folder / name, path.read_bytes(), self.store.work)
        return lines


def _probes(record: Record) -> dict[str, Any]:
    return dict(record.get("probes", {}))


def _differences(mine: Record, theirs: Record) -> str:
    """What differs between two finished records of a run, apart from the clock and from probes that only one has."""
    alone = _probes(mine).keys() ^ _probes(theirs).keys()
    hidden = {f"metrics.{metric}" for name in alone for metric in PROBED.get(name, ())}
    a, b = (_flat(record, alone) for record in (mine, theirs))
    keys = [key for key in {**a, **b} if a.get(key) != b.get(key) and key not in hidden]
    keys.sort(key=lambda key: (not key.startswith("metrics.test"), not key.startswith("metrics.")))
    if not keys:
        return ""
    here, there = flatten(mine["provenance"]), flatten(theirs["provenance"])
    told = [_told(key, here.get(key), there.get(key)) for key in _WHERE if here.get(key) != there.get(key)]
    return "; ".join(filter(None, [_first([_told(key, a.get(key), b.get(key)) for key in keys]), ", ".join(told)]))


def _flat(record: Record, without: set[str]) -> dict[str, Any]:
    kept = records.content(record)
    if "probes" in kept:
        kept["probes"] = {name: found for name, found in kept["probes"].items() if name not in without}
    return flatten(kept)


def _told(key: str, mine: Any, theirs: Any) -> str:
    if isinstance(mine, list) and isinstance(theirs, list):
        return f"{key} ({len(mine)} against {len(theirs)})" if len(mine) != len(theirs) else f"{key} (not the same)"
    return f"{key} {_short(mine)} against {_short(theirs)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:16]}…"


def _first(told: list[str]) -> str:
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return ", ".join(told[:_MOST_TOLD]) + more


def _counts(came: Counter[str]) -> str:
    return ", ".join(f"{count} {why}" for why, count in came.items())
