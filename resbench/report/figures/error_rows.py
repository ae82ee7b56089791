"""Test errors of cells that no number orders: a row for each setting, with a dot for each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import show
from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    PALE,
    PAPER,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    is_steep,
    logarithmic,
    power_text,
    value_text,
    wrapped,
)
from resbench.report.figures.error_spots import with_spots
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.marks import mark
from resbench.report.figures.spots import mark_points
from resbench.report.figures.styles import Arms, legend
from resbench.report.figures.titles import named_axes
from resbench.report.frames import numbers
from resbench.report.statistics.mean import mean

MOST_CELLS = 40
_MOST_IN_ROW = 4
_LEFT = 2.7  # inches of the names


@dataclass(frozen=True)
class Rows:
    """The rows of a study.

    Attributes:
        names: of the rows, from above.
        of: the row of each cell.
        shared: whether arms of several colours stand in one row.
    """

    names: Sequence[str]
    of: Sequence[int]
    shared: bool


def rows_of(evidence: Evidence) -> Rows:
    """A row for each setting of the axes that have no colours, if arms meet there; else one for each cell.

    With a target the cheapest come first.
    """
    cells, axis = evidence.frame.to_dict("records"), evidence.colors.axis
    rest = [one for one in evidence.study.axes if one != axis]
    keys = [tuple(show(cell[one]) for one in rest) for cell in cells]
    colors = len({show(cell[axis]) for cell in cells}) if axis else 0
    if rest and colors <= _MOST_IN_ROW and 1.5 * len(set(keys)) <= len(keys) and not evidence.study.target:
        order = list(dict.fromkeys(keys))
        names = [evidence.words(cells[keys.index(key)], rest) for key in order]
        return Rows(names, [order.index(key) for key in keys], True)
    names = [evidence.words(cell, named_axes(evidence, cell)) for cell in cells]
    ranks = list(range(len(cells)))
    costs = _training_flops(evidence)
    if evidence.study.target and not any(map(math.isnan, costs)):
        ranks = sorted(ranks, key=lambda i: (costs[i], i))
        names = [f"{name}: {power_text(cost)} FLOPs" for name, cost in zip(names, costs, strict=True)]
    return Rows([names[i] for i in ranks], [ranks.index(i) for i in range(len(cells))], False)


def _training_flops(evidence: Evidence) -> list[float]:
    """Of a run of each cell, NaN where that is not known."""
    return [mean(numbers(runs, "training_flops")) for _, _, runs in evidence.study.cells]


def draw_rows(evidence: Evidence, points: pd.DataFrame, rows: Rows, narrow: bool = False) -> Canvas:
    """The figure; on a narrow one the names stand over their rows."""
    lines = max(len(wrapped(name, NARROW - 0.4, SMALL, 2)) for name in rows.names)
    each = 0.49 + 0.13 * lines if narrow else 0.46
    figure = canvas(NARROW if narrow else WIDE, 0.85 + each * len(rows.names) + 0.25 * rows.shared)
    axes = figure.add_subplot()
    _scale(axes, evidence, points)
    axes.set_ylim(len(rows.names) - 0.4, -0.75 if narrow else -0.6)
    axes.set_xlabel("test error (%)")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _name_rows(axes, rows, narrow)
    edge = _draw_levels(axes, evidence, points)
    colors = [evidence.colors.of_cell(cell) for cell in evidence.frame.to_dict("records")]
    points = with_spots(evidence, points).assign(
        row=[rows.of[cell] for cell in points["cell"]], color=[colors[cell] for cell in points["cell"]]
    )
    for row, part in points.groupby("row", sort=False):
        _draw_row(axes, float(row), part)  # type: ignore[arg-type]
        _name_lost(axes, float(row), part, edge, narrow)  # type: ignore[arg-type]
    if rows.shared:
        axis = str(evidence.colors.axis)
        legend(figure, Arms(evidence.frame, [axis], evidence.colors, evidence.labels), False, marker="o")
    return figure


def _name_rows(axes: Axes, rows: Rows, narrow: bool) -> None:
    if not narrow:
        axes.set_yticks(range(len(rows.names)), ["\n".join(wrapped(name, _LEFT, SMALL, 2)) for name in rows.names])
        axes.tick_params(axis="y", labelsize=SMALL)
        return
    axes.set_yticks([])
    for y, name in enumerate(rows.names):
        text = "\n".join(wrapped(name, NARROW - 0.4, SMALL, 2))
        axes.text(0, y - 0.2, text, transform=axes.get_yaxis_transform(), fontsize=SMALL, va="bottom", linespacing=1.0)


def _scale(axes: Axes, evidence: Evidence, points: pd.DataFrame) -> None:
    """Room for the means, their intervals and the numbers next to them."""
    shown = points[points["kind"] != "untrained"]
    if shown.empty:
        axes.set_xlim(0, 100)
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no run trained", transform=axes.transAxes, ha="center", color=GREY)
        return
    values = [shown["error"]]
    if target := evidence.study.target:
        values.append(pd.Series([100 * (1 - target.test_accuracy)]))
    inner = pd.concat(values)
    ends = pd.concat([inner, shown["low"].dropna(), shown["high"].dropna()])
    if is_steep(inner):
        axes.set_xlim(max(ends.min(), inner.min() / 2) / 1.6, ends.max() * 1.8)
        logarithmic(axes, "x")
        return
    low, high = max(0.0, ends.min()), ends.max()
    room = 0.14 * (high - low) or max(0.1 * high, 0.1)
    axes.set_xlim(max(0.0, low - room), high + room)


def _draw_levels(axes: Axes, evidence: Evidence, points: pd.DataFrame) -> float | None:
    """Lines at the target, and at the errors of guessing where that is near; returns where these are."""
    levels = []
    if target := evidence.study.target:
        error = 100 * (1 - target.test_accuracy)
        levels.append((error, f"target {error:.3g} %", "--"))
    if points["error"].max() > 0.5 * evidence.chance:
        levels.append((evidence.chance, "guessing", ":"))
    for value, text, dash in levels:
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, value), max(high, value * 1.02))
        axes.axvline(value, color=GREY, linestyle=dash, linewidth=1.1, zorder=1)
        axes.annotate(
            text, (value, 1), (0, 1), xycoords=("data", "axes fraction"), textcoords="offset points", ha="right",
            va="bottom", fontsize=SMALL, color=GREY,
        )  # fmt: skip
    return evidence.chance if levels and levels[-1][1] == "guessing" else None


def _draw_row(axes: Axes, y: float, points: pd.DataFrame) -> None:
    """Means with intervals and numbers, joined by a pale line; below them each seed, and what did not train."""
    means = points[points["kind"] == "mean"].sort_values("error", kind="stable").to_dict("records")
    if len(means) > 1:
        axes.plot([means[0]["error"], means[-1]["error"]], [y, y], color=PALE, linewidth=3.5, zorder=1.5)
    for number, one in enumerate(means):
        if one["low"] == one["low"]:
            axes.hlines(y, one["low"], one["high"], color=one["color"], linewidth=1.6, zorder=2.5)
        axes.scatter([one["error"]], [y], color=one["color"], s=42, edgecolors=PAPER, linewidths=0.8, zorder=3)
        mark(axes, float(one["error"]), y, one["spot"])
        first, last = number == 0 and len(means) > 1, number == len(means) - 1
        if first or last:
            ends = [one[name] for name in ("low", "high", "error") if one[name] == one[name]]
            axes.annotate(
                value_text(one["error"]), (min(ends) if first else max(ends), y), (-4 if first else 4, 0),
                textcoords="offset points", ha="right" if first else "left", va="center", fontsize=SMALL,
                color=one["color"], annotation_clip=False,
            )  # fmt: skip
    seeds = points[points["kind"] == "seed"]
    axes.scatter(
        seeds["error"], [y + 0.22] * len(seeds), marker="|", s=26, color=list(seeds["color"]), linewidths=1, zorder=2
    )
    mark_points(axes, seeds.assign(place=y + 0.22), "error", "place")


def _name_lost(axes: Axes, y: float, points: pd.DataFrame, edge: float | None, narrow: bool) -> None:
    """How many runs did not train: above the means, on a narrow figure below the seeds, and left of the line of guessing.

    Args:
        edge: where that line is; None without one.
    """
    rows = points[points["kind"] == "untrained"].to_dict("records")
    free = not (points["kind"] == "mean").any()  # the row has room where its means would be
    for number, lost in enumerate(rows):
        away = 0.0 if free else 0.42 if narrow else -0.3
        step = 0.24 * (number - (len(rows) - 1) / 2) if free else 0.24 * number * (1 if narrow else -1)
        across = axes.get_yaxis_transform() if edge is None else axes.transData
        mark(axes, 0.97, y + away + step, lost["spot"], axes.get_yaxis_transform())
        axes.annotate(
            f"× {lost['untrained']:.0f} of {lost['runs']:.0f} did not train",
            (1 if edge is None else edge, y + away + step), (-5, 0), xycoords=across, textcoords="offset points",
            ha="right", va="center", fontsize=SMALL, color=lost["color"],
        )  # fmt: skip
