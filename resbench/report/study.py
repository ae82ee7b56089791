"""A study as the report sees it: the question of its study file, joined with the records that answer it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resbench.core.cell import CellKey, Value
from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.core.text import show
from resbench.records.circumstances import DATA, Circumstance, Mixture, mixture
from resbench.records.claim import Claim, Published, Target
from resbench.records.command import going_on, read_command
from resbench.records.identity import FROZEN
from resbench.records.looks_file import Reading, read_looks
from resbench.records.record import Record
from resbench.records.store import Store, study_names
from resbench.records.study_file import ExcludedCell, StudyFile
from resbench.report.collapse import with_collapsed
from resbench.report.frames import CellRuns, cell_runs, frame_of
from resbench.report.labels import Labels

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


DEFAULT_RESULTS = Path("results")


@dataclass
class Study:
    """The runs that a study file asks for, and the records of them.

    Attributes:
        file: the study file; an empty one if the folder has none.
        axes: dotted paths that span the cells.
        runs: one row per run asked for, in the study's order; `status` is "missing" where there is no record, and
            "collapsed" where a run ended and did not train.
        records: the records of these runs; nothing in them does harm in a page or a terminal.
        others: number of records in the folder that the study does not ask for.
        damaged: number of record files that cannot be read.
        later: number of those that a later version has written.
        readings: when its verdicts were read.
        readings_lost: whether the file of these readings is damaged, so that none is known.
        confirmation: the runs on fresh seeds of the cell that was chosen to reach the target; None if none is chosen.
    """

    name: str
    file: StudyFile
    axes: list[str]
    runs: pd.DataFrame
    records: list[Record]
    others: int
    damaged: int
    later: int = 0
    readings: Sequence[Reading] = ()
    confirmation: Study | None = None
    readings_lost: bool = False

    @cached_property
    def by_id(self) -> dict[str, Record]:
        """The records by run id."""
        return {record.id: record for record in self.records}

    @cached_property
    def cells(self) -> list[CellRuns]:
        """Each cell with its values and its rows of `runs`."""
        return list(cell_runs(self.runs, self.axes))

    @property
    def planned(self) -> int:
        """The most seeds that are asked for of a cell."""
        return max((len(runs) for _, _, runs in self.cells), default=0)

    @cached_property
    def idle(self) -> dict[CellKey, frozenset[str]]:
        """The axes that do not act in a cell, of each cell in which there are some."""
        return {tuple(show(one.cell.get(axis)) for axis in self.axes): frozenset(one.fields) for one in self.file.idle}

    @cached_property
    def labels(self) -> Labels:
        """What its fields and values are called."""
        return Labels(self.file.labels, [cell for _, cell, _ in self.cells])

    @property
    def about(self) -> str:
        return self.file.about

    @property
    def claims(self) -> list[Claim]:
        return self.file.claims

    @property
    def published(self) -> list[Published]:
        return self.file.published

    @property
    def target(self) -> Target | None:
        return self.file.target

    @property
    def excluded(self) -> list[ExcludedCell]:
        return self.file.excluded

    @property
    def overrides(self) -> list[str]:
        return self.file.overrides

    @property
    def baseline(self) -> dict[str, Value]:
        """Values of the baseline, of those paths that are axes."""
        return {path: value for path, value in self.file.baseline.items() if path in self.axes}

    @cached_property
    def settings(self) -> dict[str, list[str]]:
        """Every resolved setting that is no axis, with the values it takes among the records."""
        out: dict[str, dict[str, None]] = {}
        for record in self.records:
            for path, value in record.settings.items():
                # a user's own code has no use for most fields: those that were set are in the table
                unset = "trainer" in record.config and FROZEN.get(path) == value
                if path != "seed" and path not in self.axes and not unset:
                    out.setdefault(path, {})[show(value)] = None
        return {path: sorted(values) for path, values in sorted(out.items())}

    @cached_property
    def mixed_data(self) -> list[tuple[Circumstance, Mixture]]:
        """The data of which runs have several where one was meant, with the cells that have each."""
        rows = self.runs.drop_duplicates("id")
        labelled = [
            (" ".join(f"{axis}={show(row[axis])}" for axis in self.axes) or "the only cell", self.by_id[row["id"]])
            for row in rows.to_dict("records")
            if row["id"] in self.by_id
        ]
        return [(one, found) for one in DATA if (found := mixture(one, labelled))]

    def provenance(self, path: str) -> Counter[str]:
        """How many records have each value of a fact of their provenance."""
        values = [record.provenance.flat.get(path) for record in self.records]
        return Counter(sorted("unknown" if value is None else show(value) for value in values))


def load(results: Path, name: str, file: StudyFile | None = None) -> Study:
    """Read a study.

    Args:
        file: the question, in place of the study file in its folder.

    Raises:
        UserError: there is no such folder.
    """
    folder = results / name
    if name in ("", "..") or Path(name).name != name or not folder.is_dir():
        known = ", ".join(study_names(results)) or "none"
        raise UserError([f"{name}: no such study in {results}; there are: {known}"])
    store = Store(folder)
    records = {record.id: record.sanitised() for record in store.records()}
    stored = file or store.study()
    question = stored.sanitised() if stored else StudyFile(schema=1, runs=[])
    axes = question.axes if question.axes is not None else _varying([record.settings for record in records.values()])
    rows = _asked(question, records, axes) if stored else _as_recorded(records, axes)
    if not rows:
        raise UserError([f"{folder}: nothing to report: no records and no runs asked for"])
    ids = {row["id"] for row in rows}
    known_records = [record for record in records.values() if record.id in ids]
    confirmation = _confirmation(question, records, axes)
    asked = ids | {record.id for record in (confirmation.records if confirmation else ())}
    readings = _readings(folder)
    return Study(
        name=question.name or name,
        file=question,
        axes=list(axes),
        runs=with_collapsed(frame_of(rows, axes), axes, records),
        records=known_records,
        others=len(records.keys() - asked),
        damaged=len(store.damaged),
        later=len(store.later),
        readings=readings or (),
        confirmation=confirmation,
        readings_lost=readings is None,
    )


def _readings(folder: Path) -> list[Reading] | None:
    """When verdicts were read; None where that cannot be known."""
    try:
        return read_looks(folder).looks
    except ValueError:
        return None


def _confirmation(file: StudyFile, records: dict[str, Record], axes: Sequence[str]) -> Study | None:
    """The runs that confirm the target, as a study of their own: they are no part of the cells of the grid."""
    chosen = file.confirmation
    if chosen is None or not chosen.runs:
        return None
    target = Target(test_accuracy=chosen.test_accuracy)
    own = StudyFile(schema=1, axes=list(axes), runs=chosen.runs, target=target)
    runs = with_collapsed(frame_of(_asked(own, records, axes), axes), axes, records)
    known = [record for run in chosen.runs if (record := records.get(run.id))]
    return Study(file.name or "", own, list(axes), runs, known, 0, 0)


def resume_command(file: StudyFile, results: Path = DEFAULT_RESULTS) -> str:
    """The command that goes on with a study.

    Args:
        results: folder of all studies.
    """
    words = ["resbench", file.command, file.file, *file.overrides]
    storage = file.search.storage if file.search else None
    words += ["--storage", storage] if storage else []
    words += ["--results", str(results)] if results != DEFAULT_RESULTS else []
    return shlex.join(words)


def how_to_go_on(store: Store, file: StudyFile) -> str:
    """The command that goes on with a study as it was last given, else as its study file has it."""
    kept = read_command(store.work, file)
    return going_on(kept) if kept else resume_command(file, store.folder.parent)


def _asked(file: StudyFile, records: dict[str, Record], axes: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each run of the study file."""
    rows = []
    for run in file.runs:
        record = records.get(run.id)
        settings = record.settings if record else {}
        row: dict[str, Any] = {axis: run.cell.get(axis, settings.get(axis)) for axis in axes}
        rows.append(row | _outcome(run.id, run.seed, record))
    return rows


def _as_recorded(records: dict[str, Record], axes: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each record, where nothing says which runs were asked for."""
    settings = {record.id: record.settings for record in records.values()}
    order = sorted(settings, key=lambda run_id: [_sortable(settings[run_id].get(axis)) for axis in [*axes, "seed"]])
    return [
        {axis: settings[run_id].get(axis) for axis in axes}
        | _outcome(run_id, settings[run_id].get("seed"), records[run_id])
        for run_id in order
    ]


def _outcome(run_id: str, seed: int | None, record: Record | None) -> dict[str, Any]:
    row: dict[str, Any] = {"id": run_id, "seed": seed, "status": record.status if record else "missing"}
    return row | ({f"metrics.{name}": value for name, value in record.metrics.items()} if record else {})


def _varying(settings: Sequence[dict[str, Any]]) -> list[str]:
    paths = {path for one in settings for path in one} - {"seed"}
    values = {path: {show(one.get(path)) for one in settings} for path in paths}
    return sorted(path for path, texts in values.items() if len(texts) > 1)


def _sortable(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (float("inf"), show(value))
