"""Figures of what training costs: throughput by depth, and FLOPs a second under the roofline."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import GREY, NARROW, SMALL, WIDE, Canvas, canvas, logarithmic
from resbench.report.figures.end_labels import label_ends
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_bars, draw_dots, draw_lines
from resbench.report.figures.spots import cell_spot, mark_points
from resbench.report.figures.styles import Arms, legend
from resbench.report.format import number, significant
from resbench.report.machines import first_machine

_THROUGHPUT = "train_images_per_second"
_QUARTILES = {f"{_THROUGHPUT}_q1": "low", f"{_THROUGHPUT}_q3": "high"}


def throughput(evidence: Evidence) -> Figure | None:
    """Training throughput against x on the first machine; None if nothing was measured, or x is no axis of numbers."""
    costs, x, arms = evidence.costs, evidence.x, evidence.arms
    if costs.empty or not x or not all(type(value) in (int, float) for value in costs[x]) or costs[x].nunique() < 2:
        return None
    shown, machine = first_machine(costs)
    points = pd.DataFrame({"arm": list(map(arms.name, shown.to_dict("records"))), x: shown[x].astype(float)})
    points[[_THROUGHPUT, *_QUARTILES]] = shown[[_THROUGHPUT, *_QUARTILES]]
    name = evidence.labels.name(x)
    caption = (
        f"Training throughput: median over steps, bars are quartiles; {machine}. Dotted: half the images a second with "
        f"twice the {name}, the slope of a cost in proportion to it."
    )
    ends = _ends(points, x, arms)
    alt = f"Training images a second by {name}: {'; '.join(ends)}."
    drawn = points.assign(spot=_spots(evidence, shown))
    draws = [partial(_draw_throughput, drawn, x, name, arms, narrow) for narrow in (False, True)]
    return Figure("throughput", points, draws[0], caption, alt, _throughput_title(points, x, name), draws[1])


def _spots(evidence: Evidence, shown: pd.DataFrame) -> pd.Series[Any]:
    """What the point of each of these measurements stands for."""
    spots = []
    for row in shown.to_dict("records"):
        said = f"{number(row[_THROUGHPUT])} training images/s"
        said += f"\n{row['flops_per_second'] / 1e9:,.1f} GFLOP/s" if row["flops_per_second"] > 0 else ""
        spots.append(cell_spot(evidence, row, said))
    return pd.Series(spots, index=shown.index, dtype=object)


def _ends(points: pd.DataFrame, x: str, arms: Arms) -> list[str]:
    """The first and the last value of each arm in words."""
    out = []
    for name, line in points.sort_values(x, kind="stable").groupby("arm", sort=False):
        first, last = (significant(line[_THROUGHPUT].iloc[i]) for i in (0, -1))
        out.append(f"{arms.words[str(name)]} {first} at {line[x].iloc[0]:g}, {last} at {line[x].iloc[-1]:g}")
    return out


def _throughput_title(points: pd.DataFrame, x: str, name: str) -> str:
    """By how many times the throughput falls from the least to the largest x."""
    falls = []
    for _, line in points.sort_values(x, kind="stable").groupby("arm", sort=False):
        if len(line) > 1:
            falls.append(float(line[_THROUGHPUT].iloc[0] / line[_THROUGHPUT].iloc[-1]))
    if not falls or min(falls) <= 1:
        return f"Training images a second by {name}"
    low, high = (significant(fall) for fall in (min(falls), max(falls)))
    least, most = points[x].min(), points[x].max()
    return (
        f"{most / least:.3g} times the {name} costs {low}{f' to {high}' if low != high else ''} times the training time"
    )


def _draw_throughput(points: pd.DataFrame, x: str, name: str, arms: Arms, narrow: bool) -> Canvas:
    figure = canvas(NARROW if narrow else WIDE, 3.9 if narrow else 4.2)
    axes = figure.add_subplot()
    points = points.sort_values(x, kind="stable").rename(columns=_QUARTILES)
    draw_lines(axes, points, x, _THROUGHPUT, arms, group="arm", every=1, markersize=6)
    draw_bars(axes, points, x, _THROUGHPUT, arms, group="arm")
    mark_points(axes, points, x, _THROUGHPUT)
    low, high = points[x].min(), points[x].max()
    start = points[_THROUGHPUT].max() * 1.15
    axes.plot([low, high], [start, start * low / high], color=GREY, linestyle=":", linewidth=1.2, zorder=1)
    logarithmic(axes)
    axes.set_xscale("log")
    ticks = sorted(points[x].unique())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(name)
    axes.set_ylabel("training images/s")
    ends = []
    for arm, line in points.groupby("arm", sort=False):
        ends.append((float(line[_THROUGHPUT].iloc[-1]), arms.words[str(arm)], arms.styles[str(arm)].color))
    label_ends(axes, ends, 0.1 if narrow else 0.05, inches=1.1 if narrow else 2.2, lines=2 if narrow else 1)
    return figure


def roofline(evidence: Evidence) -> Figure | None:
    """FLOPs a second against FLOPs for each byte moved, under what the machine was measured to reach; None without both.

    Williams, Waterman and Patterson 2009. Bytes are counted, not measured: each activation written and read in the
    forward pass, read again in the backward pass, its gradient written and read; weights and caches left out.
    """
    costs, x, arms = evidence.costs, evidence.x, evidence.arms
    if costs.empty or "bandwidth" not in costs or not costs["bandwidth"].notna().any():
        return None
    shown, machine = first_machine(costs[costs["bandwidth"].notna()])
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
    share = points["gflops_per_second"] / _roof(points)
    alt = (
        f"Training speed of {len(points)} cells, {significant(points['gflops_per_second'].min())} to "
        f"{significant(points['gflops_per_second'].max())} GFLOP/s, at {points['flops_per_byte'].min():.2g} to "
        f"{points['flops_per_byte'].max():.2g} FLOPs a byte."
    )
    title = f"Training reaches {100 * share.min():.2g} to {100 * share.max():.2g} % of what memory and arithmetic allow"
    drawn = points.assign(spot=_spots(evidence, shown).to_numpy())
    draws = [partial(_draw_roofline, drawn, arms, narrow) for narrow in (False, True)]
    return Figure("roofline", points, draws[0], caption, alt, title, draws[1])


def _roof(points: pd.DataFrame) -> pd.Series[float]:
    """What the machine reaches at the FLOPs a byte of each cell, in GFLOP/s."""
    slope = points["gigabytes_per_second"] * points["flops_per_byte"]
    return slope.clip(upper=points["peak_gflops_per_second"])


def _draw_roofline(points: pd.DataFrame, arms: Arms, narrow: bool) -> Canvas:
    figure = canvas(NARROW if narrow else WIDE, 4.4)
    axes = figure.add_subplot()
    _draw_ceilings(axes, points)
    draw_dots(axes, points, "flops_per_byte", "gflops_per_second", arms, group="arm")
    mark_points(axes, points, "flops_per_byte", "gflops_per_second")
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
    left = min(
        float(points["flops_per_byte"].min()) / 2, ridge / 2
    )  # left of the ridge, or the slope would rise above the roof
    right = 2 * max(points["flops_per_byte"].max(), ridge)
    axes.plot([left, ridge, right], [left * bandwidth, peak, peak], color=GREY, linewidth=1.4, zorder=1)
    for text, place, offset, align in (
        (f"matrix products: {peak:,.0f} GFLOP/s", (right, peak), (0, 4), ("right", "baseline")),
        (
            f"memory: {bandwidth:,.0f} GB/s",
            (math.sqrt(left * ridge), math.sqrt(left * ridge) * bandwidth),
            (8, -2),
            ("left", "top"),
        ),
    ):
        axes.annotate(
            text, place, offset, textcoords="offset points", ha=align[0], va=align[1], color=GREY, fontsize=SMALL
        )
