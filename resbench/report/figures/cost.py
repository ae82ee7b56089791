"""Figures of cost: throughput by depth, training under the roofline, and error against what training costs."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.cell import cell_key
from resbench.core.text import show
from resbench.records.claim import Target
from resbench.report.arms import arms_of
from resbench.report.figures.drawing import GREY, Canvas, canvas, logarithmic, objects
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_bars, draw_dots, draw_lines
from resbench.report.figures.styles import Arms, legend
from resbench.report.tables.cost import WHERE
from resbench.report.target import trained_cells

_THROUGHPUT = "train_images_per_second"
_QUARTILES = {f"{_THROUGHPUT}_q1": "low", f"{_THROUGHPUT}_q3": "high"}


def throughput(evidence: Evidence) -> Figure | None:
    """Training throughput against x on the first machine; None if nothing was measured, or x is no axis of numbers."""
    costs, x, arms = evidence.costs, evidence.x, evidence.arms
    if costs.empty or not x or not all(type(value) in (int, float) for value in costs[x]) or costs[x].nunique() < 2:
        return None
    shown, machine = _first_machine(costs)
    points = pd.DataFrame({"arm": list(map(arms.name, shown.to_dict("records"))), x: shown[x].astype(float)})
    points[[_THROUGHPUT, *_QUARTILES]] = shown[[_THROUGHPUT, *_QUARTILES]]
    caption = f"Training throughput: median over steps, bars are quartiles; {machine}."
    alt = "Training throughput of each cell."
    return Figure("throughput", points, partial(_draw_throughput, points, x, arms), caption, alt)


def _draw_throughput(points: pd.DataFrame, x: str, arms: Arms) -> Canvas:
    figure = canvas(8.5, 4.6)
    axes = figure.add_subplot()
    points = points.sort_values(x, kind="stable").rename(columns=_QUARTILES)
    draw_lines(axes, points, x, _THROUGHPUT, arms, group="arm", every=1, markersize=6)
    draw_bars(axes, points, x, _THROUGHPUT, arms, group="arm")
    logarithmic(axes)
    axes.set_xscale("log")
    ticks = sorted(points[x].unique())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel("training images/s")
    legend(figure, arms, True)
    return figure


def roofline(evidence: Evidence) -> Figure | None:
    """FLOPs a second against FLOPs for each byte moved, under what the machine was measured to reach; None without both.

    Williams, Waterman and Patterson 2009. Bytes are counted, not measured: each activation written and read in the
    forward pass, read again in the backward pass, its gradient written and read; weights and caches left out.
    """
    costs, x, arms = evidence.costs, evidence.x, evidence.arms
    if costs.empty or "bandwidth" not in costs or not costs["bandwidth"].notna().any():
        return None
    shown, machine = _first_machine(costs[costs["bandwidth"].notna()])
    points = pd.DataFrame({"arm": list(map(arms.name, shown.to_dict("records")))})
    if x:
        points[x] = shown[x].to_numpy()
    points["flops_per_byte"] = shown["flops_per_byte"].to_numpy()
    points["gflops_per_second"] = shown["flops_per_second"].to_numpy() / 1e9
    points["peak_gflops_per_second"] = shown["peak_flops_per_second"].median() / 1e9
    points["gigabytes_per_second"] = shown["bandwidth"].median() / 1e9
    caption = (
        "Training under the roofline: each cell's FLOPs a second against FLOPs for each byte that its activations "
        f"move; the lines are the best matrix product and the best sum of arrays measured next to it; {machine}."
    )
    alt = "Training speed of each cell under the roofline of the machine."
    return Figure("roofline", points, partial(_draw_roofline, points, arms), caption, alt)


def _draw_roofline(points: pd.DataFrame, arms: Arms) -> Canvas:
    figure = canvas(8.5, 4.6)
    axes = figure.add_subplot()
    _draw_ceilings(axes, points)
    draw_dots(axes, points, "flops_per_byte", "gflops_per_second", arms, group="arm")
    logarithmic(axes, "x")
    logarithmic(axes, "y")
    axes.set_xlabel("FLOPs for each byte moved (counted)")
    axes.set_ylabel("GFLOP/s in training")
    legend(figure, arms, False)
    return figure


def _draw_ceilings(axes: Axes, points: pd.DataFrame) -> None:
    """What the machine reaches: memory's slope up to the ridge, and the flat roof of matrix products."""
    peak, bandwidth = float(points["peak_gflops_per_second"].iloc[0]), float(points["gigabytes_per_second"].iloc[0])
    ridge = peak / bandwidth
    left, right = points["flops_per_byte"].min() / 2, 2 * max(points["flops_per_byte"].max(), ridge)
    axes.plot([left, ridge, right], [left * bandwidth, peak, peak], color=GREY, linewidth=1.4, zorder=1)
    for text, place, offset, align in (
        (f"matrix products: {peak:,.0f} GFLOP/s", (right, peak), (0, 4), ("right", "baseline")),
        (f"memory: {bandwidth:,.0f} GB/s", (left, left * bandwidth), (6, 0), ("left", "top")),
    ):
        axes.annotate(
            text, place, offset, textcoords="offset points", ha=align[0], va=align[1], color=GREY, fontsize="small"
        )


def tradeoff(evidence: Evidence) -> Figure | None:
    """Test error against the FLOPs and the seconds of training; None where all cells cost the same or nothing ended."""
    x, arms, target = evidence.x, evidence.arms, evidence.study.target
    points = tradeoff_points(evidence)
    if points.empty or points["training_flops"].max() < 1.05 * points["training_flops"].min():
        return None
    caption = (
        "Test error against cost: mean over the seeds of a cell that ended; the line joins cells that no cheaper one "
        f"beats{f', labelled with their {x}' if x else ''}. Seconds are of whatever machines the records come from, with their "
        "runs side by side."
    )
    if any(arm.ended and not arm.whole for arm in arms_of(evidence.study).values()):
        caption += " Cells of which some runs did not train have no mean and are left out."
    if target:
        caption += f" Dashed: the target, {100 * target.test_accuracy:.2f} % of accuracy"
        caption += "; the cross: what it was published to take." if target.training_flops is not None else "."
    alt = "Test error of each cell against the FLOPs and the seconds of its training."
    return Figure("tradeoff", points, partial(_draw_tradeoff, points, x, arms, target), caption, alt)


def tradeoff_points(evidence: Evidence) -> pd.DataFrame:
    """One row per cell that ended: arm, x if there is one, seeds, mean test error in percent, FLOPs and seconds of training."""
    x, whole = evidence.x, {key: arm.whole for key, arm in arms_of(evidence.study).items()}
    rows = [
        {"arm": evidence.arms.name(cost.cell)}
        | ({x: cost.cell[x]} if x else {})
        | {"seeds": cost.seeds, "error": 100 * (1 - cost.accuracy.estimate)}
        | {"training_flops": cost.flops, "train_seconds": cost.seconds}
        for cost in trained_cells(evidence.study)
        if whole[cell_key(cost.cell, evidence.study.axes)]
    ]
    return objects(rows, ["arm", *([x] if x else []), "seeds", "error", "training_flops", "train_seconds"])


def _draw_tradeoff(points: pd.DataFrame, x: str | None, arms: Arms, target: Target | None) -> Canvas:
    figure = canvas(11, 4.6)
    pair = figure.subplots(1, 2, sharey=True)
    columns = {"training_flops": "FLOPs of training a run", "train_seconds": "seconds of training a run"}
    for axes, (column, label) in zip(pair, columns.items(), strict=True):
        draw_dots(axes, points, column, "error", arms, group="arm")
        if target:
            _draw_target(axes, target, target.training_flops if column == "training_flops" else None)
        best = _frontier(points, column)
        axes.plot(best[column], best["error"], color=GREY, linewidth=1, drawstyle="steps-post", zorder=1)
        for place in best.to_dict("records") if x else []:
            axes.annotate(
                show(place[x]), (place[column], place["error"]), (-4, -3), textcoords="offset points", ha="right",
                va="top", fontsize="small",
            )  # fmt: skip
        axes.margins(0.1)  # room for the words next to the points
        logarithmic(axes, "x")
        if points["error"].min() > 0:
            logarithmic(axes, "y")
        axes.set_xlabel(label)
    pair[0].set_ylabel("test error (%)")
    legend(figure, arms, False)
    return figure


def _draw_target(axes: Axes, target: Target, cost: float | None) -> None:
    """The error to reach, and where the published run lies."""
    error = 100 * (1 - target.test_accuracy)
    axes.axhline(error, color=GREY, linewidth=1, linestyle="--", zorder=1)
    if cost is not None:
        axes.scatter([cost], [error], color=GREY, marker="X", s=60, zorder=3)


def _frontier(points: pd.DataFrame, column: str) -> pd.DataFrame:
    """The cells that no cheaper cell equals, cheapest first."""
    ordered = points.sort_values([column, "error"], kind="stable")
    before = ordered["error"].cummin().shift(fill_value=float("inf"))
    return ordered[ordered["error"] < before]


def _first_machine(costs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the machine that comes first, and its name."""
    machine = tuple(costs[name].iloc[0] for name in WHERE)
    shown = costs[[tuple(row) == machine for row in costs[list(WHERE)].to_numpy()]]
    return shown, f"{machine[0]}, {machine[1]} threads, {machine[2]}"
