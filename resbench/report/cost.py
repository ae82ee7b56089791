"""What the networks of a study cost, as `resbench bench` measured it: frame, table and figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from resbench.config import flatten
from resbench.report.blocks import Table
from resbench.report.statistics import show
from resbench.report.study import Study
from resbench.report.styles import Arms, legend
from resbench.store import Store

_WHERE = ("device_name", "threads", "precision")
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
        config, cell = flatten(record["config"]), cells.get(record["run"], {})
        row = {axis: cell.get(axis, config.get(axis)) for axis in study.axes}
        row |= {name: record["provenance"].get(name) for name in _WHERE}
        rows.append(row | record["metrics"] | {"rank": order.get(record["run"], len(order))})
    frame = pd.DataFrame(rows)
    for axis in study.axes if rows else []:
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return (
        frame.sort_values([*_WHERE, "rank"], kind="stable", ignore_index=True).drop(columns="rank") if rows else frame
    )


def cost_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table | None:
    """The frame for people; None where nothing was measured."""
    if frame.empty:
        return None
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    columns = {axis: [show(row[axis]) for row in rows] for axis in axes}
    for name in _WHERE:
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
    return Table(list(columns), list(zip(*columns.values(), strict=True)), _MEANING)


def _spread(row: dict[str, Any], name: str) -> str:
    if math.isnan(row.get(name, math.nan)):
        return "–"
    form = ",.0f" if row[name] >= 100 else ",.1f"
    return f"{row[name]:{form}} ({row[f'{name}_q1']:{form}}–{row[f'{name}_q3']:{form}})"


def draw_cost(frame: pd.DataFrame, x: str | None, arms: Arms) -> tuple[Figure, pd.DataFrame, str] | None:
    """Training throughput against x, a line for each arm; None if x is no axis of numbers.

    Args:
        frame: as `cost_frame` returns; of several machines the first is drawn.
        x: the axis to the right.
        arms: the combinations of the other axes.
    """
    if frame.empty or not x or not all(type(value) in (int, float) for value in frame[x]) or frame[x].nunique() < 2:
        return None
    where = tuple(frame[name].iloc[0] for name in _WHERE)
    shown = frame[[tuple(row) == where for row in frame[list(_WHERE)].to_numpy()]]
    names = ["train_images_per_second", "train_images_per_second_q1", "train_images_per_second_q3"]
    points = pd.DataFrame({"arm": [arms.of(row) for row in shown.to_dict("records")], x: shown[x].astype(float)})
    points[names] = shown[names]
    figure = Figure(figsize=(8.5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, style in zip(arms.names, arms.styles, strict=True):
        line = points[points["arm"] == name].sort_values(x)
        around = [(line[names[0]] - line[names[1]]).to_numpy(), (line[names[2]] - line[names[0]]).to_numpy()]
        axes.errorbar(
            line[x],
            line[names[0]],
            yerr=around,
            color=style.color,
            marker=style.marker,
            linestyle=style.dash,
            capsize=2,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set_xscale("log")
    ticks = sorted(points[x].unique())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel("training images/s")
    if len(arms.names) > 1:
        legend(figure, arms, True)
    caption = f"Training throughput: median over steps, bars are quartiles; {where[0]}, {where[1]} threads, {where[2]}."
    return figure, points, caption
