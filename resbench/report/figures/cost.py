"""Figures of cost: throughput by depth, training under the roofline, and error against what training costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import Drawn, canvas, logarithmic, objects
from resbench.report.figures.styles import Arms, legend
from resbench.report.frames import show
from resbench.report.study import Study
from resbench.report.tables.cost import WHERE
from resbench.report.target import spent


def draw_cost(frame: pd.DataFrame, x: str | None, arms: Arms) -> Drawn | None:
    """Training throughput against x, a line for each arm; None if x is no axis of numbers.

    Args:
        frame: as `cost_frame` returns; of several machines the first is drawn.
        x: the axis to the right.
        arms: the combinations of the other axes.
    """
    if frame.empty or not x or not all(type(value) in (int, float) for value in frame[x]) or frame[x].nunique() < 2:
        return None
    shown, where = _first_machine(frame)
    names = ["train_images_per_second", "train_images_per_second_q1", "train_images_per_second_q3"]
    points = pd.DataFrame({"arm": [arms.of(row) for row in shown.to_dict("records")], x: shown[x].astype(float)})
    points[names] = shown[names]
    figure = canvas(8.5, 4.6)
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
    logarithmic(axes, "y")
    axes.set_xscale("log")
    ticks = sorted(points[x].unique())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel("training images/s")
    if len(arms.names) > 1:
        legend(figure, arms, True)
    return figure, points, f"Training throughput: median over steps, bars are quartiles; {where}."


def draw_roofline(frame: pd.DataFrame, x: str | None, arms: Arms) -> Drawn | None:
    """FLOPs a second against FLOPs for each byte moved, under what the machine was measured to reach; None without both.

    Williams, Waterman and Patterson 2009. Bytes are counted, not measured: each activation written and read in the
    forward pass, read again in the backward pass, its gradient written and read; weights and caches left out.
    """
    if frame.empty or "bandwidth" not in frame or not frame["bandwidth"].notna().any():
        return None
    shown, where = _first_machine(frame[frame["bandwidth"].notna()])
    points = pd.DataFrame({"arm": [arms.of(row) for row in shown.to_dict("records")]})
    if x:
        points[x] = shown[x].to_numpy()
    points["flops_per_byte"] = shown["flops_per_byte"].to_numpy()
    points["gflops_per_second"] = shown["flops_per_second"].to_numpy() / 1e9
    peak = points["peak_gflops_per_second"] = shown["peak_flops_per_second"].median() / 1e9
    bandwidth = points["gigabytes_per_second"] = shown["bandwidth"].median() / 1e9
    figure = canvas(8.5, 4.6)
    axes = figure.add_subplot()
    _ceilings(axes, points, peak, bandwidth)
    for name, style in zip(arms.names, arms.styles, strict=True):
        part = points[points["arm"] == name]
        axes.scatter(
            part["flops_per_byte"],
            part["gflops_per_second"],
            color=style.color,
            marker=style.marker,
            s=34,
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
        )
    logarithmic(axes, "x")
    logarithmic(axes, "y")
    axes.set_xlabel("FLOPs for each byte moved (counted)")
    axes.set_ylabel("GFLOP/s in training")
    if len(arms.names) > 1:
        legend(figure, arms, False)
    caption = (
        "Training under the roofline: each cell's FLOPs a second against FLOPs for each byte that its activations "
        f"move; the lines are the best matrix product and the best sum of arrays measured beside it; {where}."
    )
    return figure, points, caption


def _ceilings(axes: Axes, points: pd.DataFrame, peak: float, bandwidth: float) -> None:
    """What the machine reaches: memory's slope up to the ridge, and the flat roof of matrix products."""
    left, right = points["flops_per_byte"].min() / 2, max(2 * points["flops_per_byte"].max(), 2 * peak / bandwidth)
    ridge = peak / bandwidth
    axes.plot([left, ridge, right], [left * bandwidth, peak, peak], color="#57606a", linewidth=1.4, zorder=1)
    axes.annotate(
        f"matrix products: {peak:,.0f} GFLOP/s",
        (right, peak),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color="#57606a",
        fontsize="small",
    )
    axes.annotate(
        f"memory: {bandwidth:,.0f} GB/s",
        (left, left * bandwidth),
        xytext=(6, 0),
        textcoords="offset points",
        va="top",
        color="#57606a",
        fontsize="small",
    )


def draw_tradeoff(study: Study, arms: Arms, x: str | None = None) -> Drawn | None:
    """Test error against the FLOPs and the seconds of training; None where all cells cost the same or nothing ended.

    Args:
        study: its runs.
        arms: what colours and markers tell apart.
        x: the axis that they do not tell; its values stand beside the cells that no cheaper one beats.
    """
    points, target = tradeoff(study, arms, x), study.asked.get("target")
    if points.empty or points["training_flops"].max() < 1.05 * points["training_flops"].min():
        return None
    figure = canvas(11, 4.6)
    panels = figure.subplots(1, 2, sharey=True)
    columns = {"training_flops": "FLOPs of training a run", "train_seconds": "seconds of training a run"}
    for axes, (column, label) in zip(panels, columns.items(), strict=True):
        for name, style in zip(arms.names, arms.styles, strict=True):
            part = points[points["arm"] == name]
            axes.scatter(
                part[column],
                part["error"],
                color=style.color,
                marker=style.marker,
                s=34,
                edgecolors="white",
                linewidths=0.6,
                zorder=3,
            )
        if target:
            _draw_target(axes, target, column)
        best = _frontier(points, column)
        axes.plot(best[column], best["error"], color="#57606a", linewidth=1, drawstyle="steps-post", zorder=1)
        for place in best.to_dict("records") if x else []:
            where = (place[column], place["error"])
            axes.annotate(
                show(place[x]),
                where,
                xytext=(-4, -3),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize="small",
            )
        axes.margins(0.1)  # room for the words beside the points
        logarithmic(axes, "x")
        if points["error"].min() > 0:
            logarithmic(axes, "y")
        axes.set_xlabel(label)
    panels[0].set_ylabel("test error (%)")
    if len(arms.names) > 1:
        legend(figure, arms, False)
    caption = (
        "Test error against cost: mean over the seeds of a cell that ended; the line joins cells that no cheaper one "
        f"beats{f', with its {x} beside' if x else ''}. Seconds are of whatever machines the records come from, with their runs side by side."
    )
    if target:
        caption += f" Dashed: the target, {100 * target['test_accuracy']:.2f} % of accuracy"
        caption += "; the cross: what it was published to take." if "training_flops" in target else "."
    return figure, points, caption


def _draw_target(axes: Axes, target: Mapping[str, Any], column: str) -> None:
    """The error to reach, and where the published run lies."""
    error = 100 * (1 - target["test_accuracy"])
    axes.axhline(error, color="#57606a", linewidth=1, linestyle="--", zorder=1)
    if column in target:
        axes.scatter([target[column]], [error], color="#57606a", marker="X", s=60, zorder=3)


def tradeoff(study: Study, arms: Arms, x: str | None = None) -> pd.DataFrame:
    """One row per cell that ended: arm, x if given, seeds, mean test error in percent, FLOPs and seconds of training."""
    rows = [
        {"arm": arms.of(one.cell)}
        | ({x: one.cell[x]} if x else {})
        | {"seeds": one.seeds, "error": 100 * (1 - one.accuracy.estimate)}
        | {"training_flops": one.flops, "train_seconds": one.seconds}
        for one in spent(study)
    ]
    return objects(rows, ["arm", *([x] if x else []), "seeds", "error", "training_flops", "train_seconds"])


def _frontier(points: pd.DataFrame, column: str) -> pd.DataFrame:
    """The cells that no cheaper cell equals, cheapest first."""
    ordered = points.sort_values([column, "error"], kind="stable")
    before = ordered["error"].cummin().shift(fill_value=float("inf"))
    return ordered[ordered["error"] < before]


def _first_machine(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    where = tuple(frame[name].iloc[0] for name in WHERE)
    shown = frame[[tuple(row) == where for row in frame[list(WHERE)].to_numpy()]]
    return shown, f"{where[0]}, {where[1]} threads, {where[2]}"
