"""Every run of a study in a row, with what a script needs to find runs and to show two of them next to each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resbench.core.cell import Cell, Value
from resbench.core.text import show
from resbench.records.record import Record
from resbench.report.csv_text import csv_text
from resbench.report.document import Columns
from resbench.report.format import DASH
from resbench.report.run_blocks import RUNS, Runs
from resbench.report.run_metrics import metric_name, metric_text
from resbench.report.study import Study

_TEXTS = ("run", "cell", "status")  # columns without numbers
_SHOWN = ("test_error", "val_accuracy", "train_loss", "train_seconds")  # metrics that are columns of the table
_KNOWN = {*_SHOWN, "test_accuracy", "epoch"}  # or said by those
_SHORTEST, _LONGEST = 8, 16  # digits of an id
_MOST = 160  # characters of a reason
_CAPTION = "A run leads to its page. Training seconds are those of its training, without its evaluation."


@dataclass(frozen=True)
class RunRow:
    """A run as a cell of the study has it; two cells that are one network have the same runs.

    Attributes:
        status: as the study has it.
        record: None where it has none.
    """

    id: str
    cell: Cell
    seed: int | None
    status: str
    record: Record | None

    @property
    def page(self) -> str:
        """Where its page lies, as seen from that of the study; empty where it has none."""
        return f"{RUNS}/{self.id}.html" if self.record else ""


def run_rows(study: Study) -> list[RunRow]:
    """Every run in the order of the cells, then those that confirm the target."""
    rows = [
        RunRow(run_id, cell, None if pd.isna(seed) else int(seed), status, study.by_id.get(run_id))
        for _, cell, runs in study.cells
        for run_id, seed, status in zip(runs["id"], runs["seed"], runs["status"], strict=True)
    ]
    return rows + (run_rows(study.confirmation) if study.confirmation else [])


def runs_block(study: Study, rows: Sequence[RunRow]) -> Runs | None:
    """The table; None where no run has a record."""
    if not any(row.record for row in rows):
        return None
    digits = _digits([row.id for row in rows])
    columns = Columns()
    shown = [name for name in _SHOWN if any(row.record and row.record.metrics.get(name) is not None for row in rows)]
    for row in rows:
        columns.put("run", row.id[:digits])
        columns.put("cell", study.labels.cell(row.cell))
        columns.put("seed", DASH if row.seed is None else str(row.seed))
        columns.put("status", row.status)
        for name in shown:
            columns.put(metric_name(name), _metric(row.record, name))
    table = columns.table()
    right = [name not in _TEXTS for name in table.head]
    pages = [row.page for row in rows]
    texts = (_facts(study, rows), csv_text(runs_frame(study, rows)))
    return Runs(table.head, table.rows, right, pages, _CAPTION, *texts)


def runs_frame(study: Study, rows: Sequence[RunRow]) -> pd.DataFrame:
    """All data of the study: id, cell in words, settings that vary, seed, status, every metric."""
    settings = _settings(rows, study.axes)
    varying = [path for path, values in settings.items() if path not in study.axes and len(set(values)) > 1]
    metrics = _names(row.record.metrics for row in rows if row.record)
    frame = pd.DataFrame({"run": [row.id for row in rows], "cell": [study.labels.cell(row.cell) for row in rows]})
    for path in [*study.axes, *varying]:
        frame[path] = pd.Series(settings[path], dtype=object)
    frame["seed"] = pd.Series([row.seed for row in rows], dtype="Int64")
    frame["status"] = [row.status for row in rows]
    for name in metrics:
        frame[name] = [row.record.metrics.get(name) if row.record else None for row in rows]
    return frame


def _digits(ids: Sequence[str]) -> int:
    """How many digits tell the ids apart."""
    several = set(ids)
    enough = (digits for digits in range(_SHORTEST, _LONGEST) if len({one[:digits] for one in several}) == len(several))
    return next(enough, _LONGEST)


def _settings(rows: Sequence[RunRow], axes: Sequence[str]) -> dict[str, list[str | None]]:
    """Setting -> its value of each row as text; axes first, and no seed."""
    out: dict[str, list[str | None]] = {axis: [show(row.cell.get(axis)) for row in rows] for axis in axes}
    settings: list[Mapping[str, Value]] = [row.record.settings if row.record else {} for row in rows]
    for path in _names(settings):
        if path not in out and path != "seed":
            out[path] = [show(one[path]) if path in one else None for one in settings]
    return out


def _facts(study: Study, rows: Sequence[RunRow]) -> str:
    """What varies between the runs, for the script: each text once, and which of them a run has."""
    settings, recorded = _settings(rows, study.axes), [row.record for row in rows]
    facts = [
        _fact("setting", path, study.labels.name(path) if path in study.axes else path, values)
        for path, values in settings.items()
        if path in study.axes or _varies(values, recorded)
    ]
    for name in _names(record.metrics for record in recorded if record):
        values = [_metric(record, name) if record else None for record in recorded]
        if name not in _KNOWN and _varies(values, recorded):
            facts.append(_fact("result", name, metric_name(name), values))
    reasons = [_reason(record) if record else None for record in recorded]
    facts += [_fact("result", "reason", "reason", reasons)] if any(reasons) else []
    flat = [
        {path: show(value) for path, value in record.provenance.flat.items()} if record else {} for record in recorded
    ]
    for path in _names(flat):
        values = [one.get(path) for one in flat]
        facts += [_fact("provenance", path, path, values)] if _varies(values, recorded) else []
    text = json.dumps({"axes": len(study.axes), "facts": facts}, ensure_ascii=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text)


_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def _fact(group: str, path: str, name: str, values: Sequence[str | None]) -> dict[str, Any]:
    """A quantity of every row; where few values are many, each value stands there once."""
    place = {value: index for index, value in enumerate(dict.fromkeys(values))}
    out: dict[str, Any] = {"group": group, "path": path} | ({"name": name} if name != path else {})
    if len(place) > len(values) / 2:
        return out | {"texts": list(values)}
    return out | {"texts": list(place), "of": [place[value] for value in values]}


def _varies(values: Sequence[str | None], records: Sequence[Record | None]) -> bool:
    return len({value for value, record in zip(values, records, strict=True) if record}) > 1


def _reason(record: Record) -> str | None:
    return " ".join(record.error.message.split())[:_MOST] if record.error else None


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _metric(record: Record | None, name: str) -> str:
    return metric_text(name, record.metrics.get(name) if record else None)
