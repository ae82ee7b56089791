"""Test errors against a number, such as the depth: a line for each arm, named at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import show
from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    PAPER,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    part_labels,
    scale_errors,
    value_text,
)
from resbench.report.figures.end_labels import label_ends
from resbench.report.figures.error_spots import with_spots
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.lines import draw_bars, draw_dots, draw_lines
from resbench.report.figures.marks import mark
from resbench.report.figures.scale import Scale
from resbench.report.figures.spots import mark_points
from resbench.report.figures.styles import Arms, legend

_MOST_ROWS = 6  # of the strip of runs that did not train
_MOST_NAMED = 6  # lines with their names at their ends


def draw_by_number(evidence: Evidence, points: pd.DataFrame, narrow: bool = False) -> Canvas:
    """The figure, with a strip above for the runs that did not train."""
    arms, hues = evidence.arms, evidence.hues
    numbers = dict.fromkeys(arms.names, 0) if arms.many else {name: i for i, name in enumerate(arms.names)}
    of_arm = [numbers[name] for name in points["arm"]]
    scale = Scale(list(points["x"]), of_arm)
    points = with_spots(evidence, points).assign(
        place=[scale.at(x, arm) for x, arm in zip(points["x"], of_arm, strict=True)]
    )
    untrained = points[points["kind"] == "untrained"]
    rows = list(dict.fromkeys(untrained["group"]))
    rows = rows if len(rows) <= _MOST_ROWS else ["all"]
    strip = 0.2 * len(rows) + 0.1 if rows else 0.0
    figure = canvas(NARROW if narrow else WIDE, (3.3 if narrow else 4.0) + strip)
    if strip:
        upper, axes = figure.subplots(2, 1, sharex=True, height_ratios=[strip, 4.0], gridspec_kw={"hspace": 0.02})
        _draw_strip(upper, untrained, rows, hues, scale)
    else:
        axes = figure.add_subplot()
    _scale(axes, points, arms.many)
    _draw_means(axes, points, hues, scale.numeric, arms.many)
    if not arms.many:
        _draw_seeds(axes, points[points["kind"] == "seed"], hues, scale.step)
    _draw_chance(axes, evidence, points)
    scale.label(axes, evidence.labels.name(evidence.x) if evidence.x else "")
    _name_arms(figure, axes, points, hues, scale, narrow)
    part_labels(figure, [axes])  # last: names take room from the axes
    return figure


def _name_arms(figure: Canvas, axes: Axes, points: pd.DataFrame, hues: Arms, scale: Scale, narrow: bool) -> None:
    """Each line's name and last value next to its end; a legend for many, or where nothing joins the points."""
    means = points[points["kind"] == "mean"].sort_values("place", kind="stable")
    groups = list(dict.fromkeys(means["group"]))
    if not scale.numeric or len(groups) < 2 or len(groups) > _MOST_NAMED:
        legend(figure, hues, scale.numeric, shown=set(points["group"]))
        return
    ends = []
    for name in groups:
        last = means[means["group"] == name].iloc[-1]
        text = f"{hues.words[name]} {value_text(last['error'])}"
        ends.append((float(last["error"]), text, hues.styles[name].color))
    label_ends(axes, ends, 0.12 if narrow else 0.08, inches=1.05 if narrow else 1.9, lines=3)


def _draw_chance(axes: Axes, evidence: Evidence, points: pd.DataFrame) -> None:
    """A line at the errors of guessing, where networks come near it."""
    if not points["error"].max() > 0.5 * evidence.chance:
        return
    axes.axhline(evidence.chance, color=GREY, linestyle=":", linewidth=1.1, zorder=1)
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, evidence.chance * 1.15))
    axes.annotate(
        f"guessing: {evidence.chance:.0f} %", (0, evidence.chance), (4, -3), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="top", fontsize=SMALL, color=GREY,
    )  # fmt: skip


def _draw_means(axes: Axes, points: pd.DataFrame, hues: Arms, joined: bool, many: bool) -> None:
    means = points[points["kind"] == "mean"].sort_values("place", kind="stable")
    if not many:
        draw_bars(axes, means, "place", "error", hues, capsize=3)
    size, edge, alpha = (3.5, 0.0, 0.6) if many else (7.0, 1.0, 1.0)
    if joined:
        width = 0.8 if many else 1.6
        marks: dict[str, Any] = {"linewidth": width, "markersize": size, "markeredgewidth": edge, "alpha": alpha}
        draw_lines(axes, means, "place", "error", hues, every=1, **marks)
    else:
        draw_dots(axes, means, "place", "error", hues, s=size**2, linewidths=edge, alpha=alpha)
    mark_points(axes, means, "place", "error")


def _draw_seeds(axes: Axes, seeds: pd.DataFrame, hues: Arms, step: float) -> None:
    """A dot for each seed, next to each other by rank: nothing is random."""
    columns = seeds.groupby(["arm", "place"], sort=False)["place"]
    rank, size = columns.cumcount(), columns.transform("size")
    seeds = seeds.assign(place=seeds["place"] + ((rank + 1) / (size + 1) - 0.5) * 0.8 * step)
    draw_dots(axes, seeds, "place", "error", hues, marker="o", s=11, linewidths=0.5, zorder=2.8)
    mark_points(axes, seeds, "place", "error")


def _draw_strip(axes: Axes, untrained: pd.DataFrame, rows: Sequence[str], hues: Arms, scale: Scale) -> None:
    """A row for each colour with a × and counts at each x; one row for all where they are too many."""
    for number, row in enumerate(rows):
        part = untrained if row == "all" else untrained[untrained["group"] == row]
        color = hues.styles[row].color if row in hues.styles else GREY
        counts = part.assign(at=list(map(show, part["x"]))).groupby("at", sort=False)[["untrained", "runs"]].sum()
        for x, lost, runs in counts.itertuples():
            place = scale.places[x]
            for spot in part.loc[[show(value) == x for value in part["x"]], "spot"]:
                mark(axes, place, -number, spot)
            axes.plot([place], [-number], marker="x", color=color, markersize=6, markeredgewidth=1.6, linestyle="")
            right = place > sum(scale.limits()) / 2
            axes.annotate(
                f"{lost:.0f} of {runs:.0f}", (place, -number), (-6 if right else 6, 0), textcoords="offset points",
                va="center", ha="right" if right else "left", fontsize=SMALL, color=color,
            )  # fmt: skip
    axes.set_ylim(0.4 - len(rows), 0.6)
    axes.set_yticks([])
    axes.set_title("did not train", loc="left", fontsize=SMALL, color=GREY, pad=2)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set(linestyle=(0, (4, 3)), color=GREY)


def _scale(axes: Axes, points: pd.DataFrame, many: bool) -> None:
    axes.set_ylabel("test error (%)")
    shown = points.loc[points["kind"] == "mean" if many else points["kind"] != "untrained", "error"]
    if shown.empty:
        axes.set_ylim(0, 100)
        axes.set_yticks([])
        plain = {"facecolor": PAPER, "edgecolor": "none"}
        axes.text(0.5, 0.5, "no run trained", transform=axes.transAxes, ha="center", color=GREY, bbox=plain)
    elif many:
        scale_errors(axes, shown)
    else:
        scale_errors(axes, shown, points["low"].min(), points["high"].max())
