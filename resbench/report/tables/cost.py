"""What the networks of a study cost, as `resbench bench` measured it: frame and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.metrics import UNSTEADY
from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.report.document import Table
from resbench.report.format import DASH, number, significant
from resbench.report.frames import frame_of
from resbench.report.machines import WHERE
from resbench.report.study import Study

_MEANING = (
    "Medians over steps on made-up images; in brackets the quartiles. Memory is the peak of the process on a CPU, the "
    "peak of what torch allocated on CUDA. Share of peak: three forward passes of counted FLOPs for each image trained, "
    "over the best matrix product measured next to it, in the same precision and with the same threads."
)
_REFERENCE_MEANING = "In batches of 32 images of the size for which they were made; medians, in brackets the quartiles."
_UNSTEADY_MARK = " !"
_UNSTEADY_MEANING = f" {_UNSTEADY_MARK.strip()} marks medians whose quartiles differ more than {UNSTEADY:.0f} times: the machine did other work."


class _CostColumn(NamedTuple):
    """How a measured metric is shown.

    Attributes:
        form: of the number; without one and without digits it is a median with its quartiles.
        unit: by which the metric is divided.
        digits: significant ones, in place of a form.
    """

    head: str
    metric: str
    form: str = ""
    unit: float = 1.0
    digits: int = 0


_PARAMETERS = _CostColumn("parameters", "parameters", ",.0f")
_RATES = (
    _CostColumn("training images/s", "train_images_per_second"),
    _CostColumn("inference images/s", "inference_images_per_second"),
    _CostColumn("latency ms", "latency_ms"),
)
_USE = (
    _CostColumn("GFLOP/s", "flops_per_second", unit=1e9, digits=3),
    _CostColumn("share of peak %", "share_of_peak", ".0f", 0.01),
)
_MEMORY = _CostColumn("memory MiB", "peak_memory", ",.0f", 2**20)
_COLUMNS = (_PARAMETERS, _CostColumn("MFLOPs", "flops", unit=1e6, digits=3), *_RATES, _MEMORY, *_USE)
_AGAINST_PLAIN = (
    _CostColumn("plain images/s", "plain_images_per_second"),
    _CostColumn("against plain", "speedup", ".2f"),
)
_REFERENCE = (_PARAMETERS, _CostColumn("GFLOPs", "flops", unit=1e9, digits=3), *_RATES, *_USE)


def cost_frame(results: Path, study: Study) -> pd.DataFrame:
    """One row per cell and machine: the axes, device, threads, precision, and every measured metric.

    Args:
        results: folder of all studies.
        study: the study, whose bench records lie in `results/<study>/bench`.
    """
    cells: dict[str, dict[str, Cell]] = {}
    for run in study.file.runs:
        cells.setdefault(run.id, {}).setdefault(repr(run.cell), run.cell)
    order = {run_id: rank for rank, run_id in enumerate(cells)}
    rows: list[dict[str, Any]] = []
    for record in _measurements(results, study):
        if record.run is None:
            continue
        settings = record.settings
        facts = {name: record.provenance.facts.get(name) for name in WHERE}
        facts |= {"torch": record.provenance.text("versions.torch"), "measured": _measured(record.provenance)}
        facts |= record.metrics | {"rank": order.get(record.run, len(order))}
        for cell in cells.get(record.run, {"": {}}).values():
            rows.append({axis: cell.get(axis, settings.get(axis)) for axis in study.axes} | facts)
    frame = frame_of(rows, study.axes)
    return frame.sort_values([*WHERE, "rank"], kind="stable", ignore_index=True).drop(columns="rank") if rows else frame


def cost_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table | None:
    """A row per cell and machine; None where nothing was measured.

    Args:
        frame: as `cost_frame` returns.
    """
    if frame.empty:
        return None
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    texts = {axis: [show(row[axis]) for row in rows] for axis in axes}
    texts |= {name: [show(row[name]) for row in rows] for name in WHERE if frame[name].nunique() > 1}
    texts |= {"torch": [row["torch"] for row in rows]} if frame["torch"].nunique() > 1 else {}
    columns = [*_COLUMNS, *(_AGAINST_PLAIN if "speedup" in frame else ())]
    texts |= {column.head: [_text(row, column) for row in rows] for column in columns}
    raw = {column.head: [row[column.metric] for row in rows] for column in columns}
    texts |= {"measured": [row["measured"] for row in rows]}
    return Table.of(texts, raw, caption=_caption(_MEANING, rows), name="costs", frame=frame)


def reference_table(results: Path, study: Study) -> Table | None:
    """Models that a reader knows, measured next to the study's; None where there are none."""
    rows: list[list[str]] = []
    measured: list[Mapping[str, Any]] = []
    for record in _measurements(results, study):
        if record.run is None:
            where = record.provenance.facts
            machine = f"{where['device_name']}, {where['threads']} threads, {where['precision']}"
            numbers = (_text(record.metrics, column) for column in _REFERENCE)
            rows.append([str(record.config["known"]), _input(record), machine, *numbers, _measured(record.provenance)])
            measured.append(record.metrics)
    head = ["model", "input", "machine", *(column.head for column in _REFERENCE), "measured"]
    return Table(head, sorted(rows), _caption(_REFERENCE_MEANING, measured), name="known-models") if rows else None


def _small(percent: float) -> str:
    """A share below 1 %."""
    return f"{percent:.1f}" if percent >= 0.1 else "< 0.1"


def _input(record: Record) -> str:
    """`3 × 224 × 224`."""
    sides = record.config.get("image")
    return " × ".join(map(str, sides)) if isinstance(sides, list) else DASH


def _measured(facts: Provenance) -> str:
    """`2026-11-27 22:05`; records of earlier versions do not say when they were measured."""
    return facts.text("measured")[:16].replace("T", " ") or DASH


def _caption(meaning: str, rows: Sequence[Mapping[str, Any]]) -> str:
    marked = any(_is_unsteady(row, column.metric) for row in rows for column in _RATES)
    return meaning + (_UNSTEADY_MEANING if marked else "")


def _is_unsteady(row: Mapping[str, Any], metric: str) -> bool:
    """Whether a median stands between quartiles that are far from each other."""
    low, high = row.get(f"{metric}_q1"), row.get(f"{metric}_q3")
    return low is not None and high is not None and high > UNSTEADY * low


def _measurements(results: Path, study: Study) -> list[Record]:
    """Of the study's networks; of a model that a reader knows `run` is None."""
    return Store(results / study.name / "bench").records()


def _text(row: Mapping[str, Any], column: _CostColumn) -> str:
    value = row.get(column.metric)
    value = math.nan if value is None else float(value)
    if column in _USE and _is_unsteady(row, "train_images_per_second"):
        return DASH  # of a rate that is hardly known it says nothing
    if column.metric == "share_of_peak" and value > 1:
        return DASH  # the peak was measured while the machine did other work
    if column.digits:
        return significant(value / column.unit, column.digits)
    if column.form:
        small = column.metric == "share_of_peak" and value < column.unit
        return _small(value / column.unit) if small else number(value / column.unit, column.form)
    if math.isnan(value):
        return DASH
    rate, *quartiles = (significant(float(row[f"{column.metric}{end}"]), 3) for end in ("", "_q1", "_q3"))
    mark = _UNSTEADY_MARK if _is_unsteady(row, column.metric) else ""
    return f"{rate} ({'–'.join(quartiles)}){mark}"
