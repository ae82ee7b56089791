"""What the networks of a study cost, as `resbench bench` measured it: frame and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from resbench.core.config import flatten
from resbench.records.store import Store
from resbench.report.document import Table
from resbench.report.frames import show
from resbench.report.study import Study

WHERE = ("device_name", "threads", "precision")
_RAW = {
    "parameters": "parameters",
    "MFLOPs": "flops",
    "training images/s": "train_images_per_second",
    "inference images/s": "inference_images_per_second",
    "latency ms": "latency_ms",
    "memory MiB": "peak_memory",
    "GFLOP/s": "flops_per_second",
    "share of peak %": "share_of_peak",
    "plain images/s": "plain_images_per_second",
    "against plain": "speedup",
}
_MEANING = (
    "Medians over steps on made-up images; in brackets the quartiles. Memory is the peak of the process on a CPU, the "
    "peak of what torch allocated on CUDA. Share of peak: three forward passes of counted FLOPs for each image trained, "
    "over the best matrix product measured beside it, in the same precision and with the same threads."
)


def cost_frame(results: Path, study: Study) -> pd.DataFrame:
    """One row per cell and machine: the axes, device, threads, precision, and every measured metric.

    Args:
        results: folder of all studies.
        study: the study, whose bench records lie in `results/<study>/bench`.
    """
    cells = {run["id"]: run["cell"] for run in study.asked.get("runs", [])}
    order = {run_id: rank for rank, run_id in enumerate(cells)}
    rows: list[dict[str, Any]] = []
    for record in Store(results / study.name / "bench").records():
        if record["run"] is None:
            continue
        config, cell = flatten(record["config"]), cells.get(record["run"], {})
        row = {axis: cell.get(axis, config.get(axis)) for axis in study.axes}
        row |= {name: record["provenance"].get(name) for name in WHERE}
        rows.append(row | record["metrics"] | {"rank": order.get(record["run"], len(order))})
    frame = pd.DataFrame(rows)
    for axis in study.axes if rows else []:
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return frame.sort_values([*WHERE, "rank"], kind="stable", ignore_index=True).drop(columns="rank") if rows else frame


def cost_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table | None:
    """The frame for people; None where nothing was measured."""
    if frame.empty:
        return None
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    columns = {axis: [show(row[axis]) for row in rows] for axis in axes}
    for name in WHERE:
        if frame[name].nunique() > 1:
            columns[name] = [show(row[name]) for row in rows]
    columns["parameters"] = [f"{row['parameters']:,.0f}" for row in rows]
    columns["MFLOPs"] = [f"{row['flops'] / 1e6:,.1f}" for row in rows]
    columns["training images/s"] = [_spread(row, "train_images_per_second") for row in rows]
    columns["inference images/s"] = [_spread(row, "inference_images_per_second") for row in rows]
    columns["latency ms"] = [_spread(row, "latency_ms") for row in rows]
    columns["memory MiB"] = [f"{row['peak_memory'] / 2**20:,.0f}" for row in rows]
    columns["GFLOP/s"] = [f"{row['flops_per_second'] / 1e9:,.1f}" for row in rows]
    columns["share of peak %"] = [f"{100 * row['share_of_peak']:.0f}" for row in rows]
    if "speedup" in frame:
        columns["plain images/s"] = [_spread(row, "plain_images_per_second") for row in rows]
        columns["against plain"] = ["–" if math.isnan(row["speedup"]) else f"{row['speedup']:.2f}" for row in rows]
    raw = {name: [row[field] for row in rows] for name, field in _RAW.items() if name in columns}
    return Table.of(columns, raw, caption=_MEANING, name="costs", frame=frame)


def _spread(row: dict[str, Any], name: str) -> str:
    if math.isnan(row.get(name, math.nan)):
        return "–"
    form = ",.0f" if row[name] >= 100 else ",.1f"
    return f"{row[name]:{form}} ({row[f'{name}_q1']:{form}}–{row[f'{name}_q3']:{form}})"


def known_table(results: Path, study: Study) -> Table | None:
    """Models that a reader knows, measured beside the study's; None where there are none."""
    rows = []
    for record in Store(results / study.name / "bench").records():
        if record["run"] is None:
            metrics, where = record["metrics"], record["provenance"]
            machine = f"{where['device_name']}, {where['threads']} threads, {where['precision']}"
            rows.append([record["config"]["known"], machine, *_known(metrics)])
    head = ["model", "machine", "parameters", "GFLOPs", "training images/s", "inference images/s", "latency ms"]
    head += ["GFLOP/s", "share of peak %"]
    caption = "In batches of 32 images of 3 × 224 × 224, for which they were made; medians, in brackets the quartiles."
    return Table(head, sorted(rows), caption, name="known-models") if rows else None


def _known(metrics: dict[str, Any]) -> list[str]:
    spread = [_spread(metrics, f"{kind}_images_per_second") for kind in ("train", "inference")]
    return [
        f"{metrics['parameters']:,.0f}",
        f"{metrics['flops'] / 1e9:.2f}",
        *spread,
        _spread(metrics, "latency_ms"),
        f"{metrics['flops_per_second'] / 1e9:,.1f}",
        f"{100 * metrics['share_of_peak']:.0f}",
    ]
