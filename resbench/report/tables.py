"""Frames as tables for people: fractions become percent with two decimals, absent numbers a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.config import flatten
from resbench.report.blocks import Table
from resbench.report.statistics import groups, interval, numbers, show
from resbench.report.study import Study

DASH = "–"
_MEANING = (
    "Test accuracy in percent: mean over the seeds that ended ± half of its 95 % t interval over seeds, "
    "no ± where there is one seed. Other columns are means. Diverged runs are counted and are in no mean."
)
_RAW = {
    "test accuracy": "mean",
    "errors in 10,000": "errors",
    "train loss": "train_loss",
    "train accuracy": "train_accuracy",
    "val. accuracy": "val_accuracy",
    "parameters": "parameters",
    "MFLOPs": "flops",
    "seconds a run": "train_seconds",
}
_FRACTIONS = ("test_error", "test_accuracy", "val_accuracy", "train_accuracy")


def percent(fraction: float) -> str:
    """`0.9923` -> `99.23`."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.2f}"


def with_interval(row: Mapping[str, Any]) -> str:
    """`99.23 ± 0.05`, or the mean alone where there is no interval."""
    half = (row["high"] - row["low"]) / 2
    return percent(row["mean"]) + ("" if math.isnan(half) else f" ± {100 * half:.2f}")


def points(fraction: float) -> str:
    """A difference in percentage points with its sign, `+12.30`."""
    return f"{100 * fraction:+.2f}".replace("-", "−")


def number(value: float, form: str = ",.0f") -> str:
    """A number, or a dash where there is none."""
    return DASH if math.isnan(value) else format(value, form)


def name_of(cell: Mapping[str, Any]) -> str:
    """A cell in words, `model.depth 58, model.shortcut none`."""
    return ", ".join(f"{path} {show(value)}" for path, value in cell.items()) or "the only cell"


def cell_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table:
    """One row per cell.

    Args:
        frame: what `statistics.cells` returns.
        axes: the columns that name a cell.
    """
    rows = frame.to_dict("records")
    columns: dict[str, list[str]] = {axis: [show(row[axis]) for row in rows] for axis in axes}
    columns["seeds"] = [_of(int(row["seeds_ok"]), int(row["planned"])) for row in rows]
    for status in ("diverged", "failed"):
        if frame[status].sum():
            columns[status] = [str(row[status]) for row in rows]
    columns["test accuracy"] = [with_interval({str(key): value for key, value in row.items()}) for row in rows]
    columns["errors in 10,000"] = [number(row["errors"], ",.1f") for row in rows]
    columns["train loss"] = [number(row["train_loss"], ".4f") for row in rows]
    columns["train accuracy"] = [percent(row["train_accuracy"]) for row in rows]
    if frame["val_accuracy"].notna().any():
        columns["val. accuracy"] = [percent(row["val_accuracy"]) for row in rows]
    columns["parameters"] = [number(row["parameters"]) for row in rows]
    columns["MFLOPs"] = [number(row["flops"] / 1e6, ",.1f") for row in rows]
    columns["seconds a run"] = [number(row["train_seconds"]) for row in rows]
    raw = {name: [row[field] for row in rows] for name, field in _RAW.items() if name in columns}
    return Table.of(columns, raw, caption=_MEANING, name="cells", frame=frame)


def _of(done: int, planned: int) -> str:
    return str(done) if done == planned else f"{done} of {planned}"


def excluded_table(study: Study) -> Table | None:
    """Cells that were left out, and why."""
    rows = [[name_of(entry["cell"]), str(entry["because"])] for entry in study.asked.get("excluded") or []]
    return Table(["cell", "left out because"], rows) if rows else None


def published_table(study: Study) -> Table | None:
    """Published numbers beside ours; other data, code or recipes make them a comparison of size only."""
    rows = []
    for entry in study.asked.get("published") or []:
        metric = str(entry["on"])
        ours = [_ours(part, metric) for part in _matching(study, entry["at"])]
        rows += [
            [str(entry["source"]), name_of(entry["at"]), metric, _value(float(entry["value"]), metric), one]
            for one in ours or [DASH]
        ]
    caption = "Fractions in percent; ± is half of the 95 % t interval over our seeds."
    return Table(["source", "at", "metric", "published", "ours"], rows, caption) if rows else None


def _matching(study: Study, at: Mapping[str, Any]) -> list[pd.DataFrame]:
    """Runs of each cell that has these values; settings that are no axis must have them in all records."""
    fixed = {path: value for path, value in at.items() if path not in study.axes}
    if any(study.settings.get(path) != [show(value)] for path, value in fixed.items()):
        return []
    wanted = {study.axes.index(path): show(value) for path, value in at.items() if path in study.axes}
    found = groups(study.runs, study.axes)
    return [part for key, part in found if all(key[i] == text for i, text in wanted.items())]


def _ours(part: pd.DataFrame, metric: str) -> str:
    ok = part[part["status"] == "ok"]
    values = interval(numbers(ok, metric))
    return with_interval(values._asdict()) if metric in _FRACTIONS else _value(values.mean, metric)


def _value(value: float, metric: str) -> str:
    if metric in _FRACTIONS:
        return percent(value)
    return number(value, ",.0f" if metric in ("parameters", "flops") else ".4f")


def protocol_table(study: Study) -> Table:
    """Settings that are the same, or not declared as an axis and yet not the same, in all records."""
    rows = [[path, " / ".join(values)] for path, values in study.settings.items()]
    return Table(["setting", "value"], rows, fold=f"All {len(rows)} settings that are no axis")


def provenance_table(study: Study) -> Table:
    """Which code, libraries and hardware the records come from."""
    found = {path for record in study.records for path in flatten(record["provenance"])}
    rows = []
    for path in sorted(found):
        values = study.provenance(path)
        text = " / ".join(value if len(values) == 1 else f"{value} ({count})" for value, count in values.items())
        rows.append([path, text])
    return Table(["what", "value (number of records)"], rows, fold=f"Where the {len(study.records)} records come from")
