"""Whether one axis changes what another does: mean errors of pairs of axes, each with the noise of its own runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import plural, show
from resbench.report.figures.drawing import (
    NARROW,
    SMALL,
    WIDE,
    Canvas,
    leaf,
    panels,
    part_labels,
    scale_errors,
)
from resbench.report.figures.end_labels import label_ends
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_bars, draw_lines
from resbench.report.figures.marks import Spot, mark
from resbench.report.figures.scale import Scale, is_numeric
from resbench.report.figures.spots import runs_link
from resbench.report.figures.trends import trend
from resbench.report.format import mean_text
from resbench.report.statistics.marginal import marginal_means
from resbench.report.tables.factors import RESPONSE, Factors

_MOST_PANELS = 6
_MOST_LINES = 10
_MOST_SAID = 4  # lines of an alternative text
_COLUMNS = ["panel", "x", "line", "mean", "low", "high", "runs"]


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None where no two of three axes are crossed, no mean has an interval, or means would count runs several times."""
    if len(evidence.study.axes) < 3:
        return None  # the figure of errors shows the one pair that there is
    pairs = [] if evidence.factors.merged else _pairs(evidence.factors, evidence.colors.axis)
    if pairs and {*pairs[0]} == {evidence.x, evidence.colors.axis}:
        pairs = pairs if len(pairs) > 1 else []  # the figure of errors shows that one
    means = [_means(evidence.factors, pair, evidence.colors.axis) for pair in pairs[:_MOST_PANELS]]
    means = [(part, remark) for part, remark in means if _crossed(part[part["mean"].notna()], ("x", "line"))]
    if not any(part["low"].notna().any() for part, _ in means):
        return None
    points = pd.concat([part for part, _ in means], ignore_index=True)
    caption = (
        "Mean test error, over the values of the other axes and the seeds that finished with all of them. Bars: 95 % "
        "intervals for these test images, from the seeds of each mean (Student's t); a mean of one seed has none. Where "
        "lines are not parallel, one axis changes the effect of the other."
    )
    if len(pairs) > _MOST_PANELS:
        caption += f" {_MOST_PANELS} of {len(pairs)} pairs of axes, those with the largest interactions."
    caption = " ".join([caption, *dict.fromkeys(evidence.labels.prose(remark) for _, remark in means if remark)])
    names = [" × ".join(map(evidence.labels.name, panel.split(" × "))) for panel in dict.fromkeys(points["panel"])]
    alt = f"Mean test error by {names[0]}: {'; '.join(_trends(evidence, points[points['panel'] == points['panel'].iloc[0]]))}."
    title = f"Mean test error by {names[0]}" + (f", and {len(names) - 1} more pairs" if len(names) > 1 else "")
    draws = [partial(_draw, evidence, points, narrow) for narrow in (False, True)]
    return Figure("interactions", points, draws[0], caption, alt, title, draws[1])


def _trends(evidence: Evidence, panel: pd.DataFrame) -> list[str]:
    """Where each line of a panel goes, of the first ones."""
    x, line = str(panel["panel"].iloc[0]).split(" × ")
    values = {show(value): value for value in evidence.frame[line]}
    out = []
    for text, part in panel[panel["mean"].notna()].groupby("line", sort=False):
        places = [f" ({evidence.labels.value(x, value)})" for value in part["x"]]
        out.append(
            f"with {evidence.labels.value(line, values[str(text)])} it {trend(list(part['mean']), places, ' %')}"
        )
    return out[:_MOST_SAID]


def _pairs(factors: Factors, question: str | None) -> list[tuple[str, str]]:
    """Pairs of axes that are crossed: depth with shortcut first, those of the axis with colours, then by their interaction."""
    table = factors.analysis.table
    table = table[table["scale"] == "as measured"]
    sizes = dict(zip(table["term"], table["omega2"], strict=True))

    def rank(pair: tuple[str, str]) -> tuple[bool, bool, float]:
        size = float(sizes.get(" x ".join(pair), math.nan))
        first = {leaf(axis) for axis in pair} != {"depth", "shortcut"}
        return first, question not in pair, math.inf if math.isnan(size) else -size

    return sorted(filter(partial(_crossed, factors.frame), itertools.combinations(factors.axes, 2)), key=rank)


def _crossed(frame: pd.DataFrame, pair: tuple[str, str]) -> bool:
    """Whether two values of one axis were both run with the same two of the other, so that they can interact."""
    partners: dict[str, set[str]] = {}
    for a, b in zip(*(map(show, frame[axis]) for axis in pair), strict=True):
        partners.setdefault(a, set()).add(b)
    return any(len(a & b) > 1 for a, b in itertools.combinations(partners.values(), 2))


def _means(factors: Factors, pair: tuple[str, str], question: str | None) -> tuple[pd.DataFrame, str]:
    """The means of a pair, its axis with colours as lines, else that of fewer numbers, and a remark."""
    x, line = sorted(pair, key=lambda axis: not is_numeric(list(factors.frame[axis])))
    levels = {axis: len(set(map(show, factors.frame[axis]))) for axis in pair}
    empty = pd.DataFrame(columns=_COLUMNS)
    if min(levels.values()) > _MOST_LINES:
        return empty, ""
    more_lines = not is_numeric(list(factors.frame[x])) and levels[line] > levels[x]
    if more_lines or levels[line] > _MOST_LINES:
        x, line = line, x
    if x == question and levels[x] <= _MOST_LINES:
        x, line = line, x
    means, remark = marginal_means(factors.frame, factors.axes, [x, line], RESPONSE).rounded()
    points = pd.DataFrame({"panel": f"{x} × {line}", "x": means[x], "line": [show(value) for value in means[line]]})
    points[_COLUMNS[3:]] = means[_COLUMNS[3:]]
    return points.assign(low=means["low"].clip(lower=0), high=means["high"].clip(upper=100)), remark


def _draw(evidence: Evidence, points: pd.DataFrame, narrow: bool) -> Canvas:
    parts = [part for _, part in points.groupby("panel", sort=False)]
    columns = 1 if narrow else min(len(parts), 2)
    width = NARROW if narrow else 5.5 if columns == 1 else WIDE
    figure, grid = panels(len(parts), columns, width, 3.0, 0.4, sharey=True)
    low, high = points["low"].fillna(points["mean"]).min(), points["high"].fillna(points["mean"]).max()
    scale_errors(grid[0], points["mean"], low, high)
    for number, (axes, part) in enumerate(zip(grid, parts, strict=True)):
        _draw_panel(axes, part, evidence, 0.95 if narrow else 1.25)
        axes.set_ylabel(RESPONSE if number % columns == 0 else "")
    part_labels(figure, grid)
    return figure


def _said(evidence: Evidence, pair: Mapping[str, Any], row: Mapping[Any, Any]) -> str:
    """What a mean is of, in lines."""
    mean = mean_text(row["mean"], row["low"], row["high"])
    interval = ", 95 % interval" if row["low"] == row["low"] else ""
    return f"{evidence.labels.cell(pair)}\ntest error {mean} %\nmean of {plural(int(row['runs']), 'run')}{interval}"


def _draw_panel(axes: Axes, points: pd.DataFrame, evidence: Evidence, inches: float) -> None:
    """A pair of axes.

    Args:
        inches: width of the names at the right.
    """
    x, line = str(points["panel"].iloc[0]).split(" × ")
    arms = evidence.arms_by([line])
    names = {show(value): arms.name({line: value}) for value in evidence.frame[line]}
    order = list(dict.fromkeys(points["line"]))
    numbers = list(map(order.index, points["line"]))
    scale = Scale(list(points["x"]), numbers, joined=True)
    places = [scale.at(value, number) for value, number in zip(points["x"], numbers, strict=True)]
    points = points.assign(group=[names[text] for text in points["line"]], place=places)
    points = points[points["mean"].notna()].sort_values(["place"], kind="stable")
    draw_bars(axes, points, "place", "mean", arms)
    draw_lines(axes, points, "place", "mean", arms, units=("line",), every=1, markersize=5.5, markeredgewidth=0.75)
    lines = {show(value): value for value in evidence.frame[line]}
    for row in points.to_dict("records"):
        pair = {x: row["x"], line: lines[row["line"]]}
        mark(axes, row["place"], row["mean"], Spot(_said(evidence, pair, row), runs_link(evidence, pair)))
    scale.label(axes, x, most=1.2, size=SMALL, words=partial(evidence.labels.entry, x))
    ends = [
        (float(part["mean"].iloc[-1]), arms.words[part["group"].iloc[0]], arms.styles[part["group"].iloc[0]].color)
        for name in order
        if len(part := points[points["line"] == name])
    ]
    label_ends(axes, ends, 0.11, inches=inches, lines=2)
    axes.set_xlabel(evidence.labels.name(x))
    axes.set_title(f"{evidence.labels.name(x)} × {evidence.labels.name(line)}", fontsize="medium", loc="left")
