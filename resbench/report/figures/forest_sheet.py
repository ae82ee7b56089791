"""How a forest plot is drawn: on a page with names and numbers next to the differences, on a phone above them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from resbench.records.metrics import Metric
from resbench.report.figures.comparison_rows import Family, Row
from resbench.report.figures.drawing import (
    BAND,
    BLACK,
    GREY,
    NARROW,
    PAPER,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    symmetric,
    width_of,
    wrapped,
)
from resbench.report.figures.marks import mark
from resbench.report.figures.spots import mark_points
from resbench.report.figures.styles import Colors
from resbench.report.format import capitalised, rounded


class _Sheet(NamedTuple):
    """Sizes in inches: of the whole, of the plot and what is to its left, of a row and its label, and lines of a label."""

    width: float
    left: float
    plot: float
    row: float
    label: float
    lines: int


_WIDE = _Sheet(WIDE, 2.75, 2.85, 0.27, 2.6, 2)
_NARROW = _Sheet(NARROW, 0.15, NARROW - 0.3, 0.62, NARROW - 0.3, 2)
_CLEAR = ("supported", "refuted")
_FAR = 15.0  # times: beyond, a linear axis would flatten the smaller differences onto zero
_MOST_TIMES = 1e4  # from the linear part to the end of an axis
_SEEN = 0.002  # of an axis: a margin below is thinner than a line
_LINE, _AXIS, _GAP = 0.19, 0.48, 0.14


def draw_forest(families: Sequence[Family], points: pd.DataFrame, colors: Colors, narrow: bool = False) -> Canvas:
    """A panel for each family; those in points share one axis, which stands under the last of them."""
    sheet = _NARROW if narrow else _WIDE
    labels = {f.number: [wrapped(row.label, sheet.label, SMALL, sheet.lines) for row in f.rows] for f in families}
    heads = {f.number: wrapped(capitalised(f.says), sheet.width - 0.3, SMALL + 1, bold=True) for f in families}
    several = {number: any(len(lines) > 1 for lines in each) for number, each in labels.items()}
    steps = {number: sheet.row + 0.13 * several[number] for number in labels}
    heights = {family.number: steps[family.number] * len(family.rows) for family in families}
    shares = axes_of(families)
    height = sum(heights.values()) + sum(_LINE * len(head) + _GAP for head in heads.values())
    below = _AXIS + 0.3 * narrow
    height += below * len(shares) + 0.1
    figure = canvas(sheet.width, height, constrained=False)
    widest = max((width_of(text, SMALL) for text in _all_numbers(families, points)), default=0.0)
    top = height - 0.08
    for shared in shares:
        limits, threshold = _limits(shared, points), linear_to(shared, points)
        for family in shared:
            head = heads[family.number]
            figure.text(0.1 / sheet.width, top / height, "\n".join(head), va="top", weight="bold", fontsize=SMALL + 1)
            top -= _LINE * len(head) + 0.03
            bottom = top - heights[family.number]
            box = (sheet.left / sheet.width, bottom / height, sheet.plot / sheet.width, heights[family.number] / height)
            axes = figure.add_axes(box)
            axes.set_xlim(limits)
            _draw_family(
                axes,
                family,
                labels[family.number],
                points,
                colors,
                1.02 + (widest + 0.15) / sheet.plot,
                steps[family.number] if narrow else 0.0,
            )
            if threshold:
                symmetric(axes, threshold)
            last = family is shared[-1]
            words = [each.metric.words for each in shared]
            _label(axes, family.metric, last, words, all(map(_is_judged, shared)), narrow)
            top = bottom - (below if last else 0.0) - _GAP + 0.03
    return figure


def axes_of(families: Sequence[Family]) -> list[list[Family]]:
    """The families by axis: those of one metric share one."""
    by_metric: dict[str, list[Family]] = {}
    for family in families:
        metric = family.metric
        by_metric.setdefault(metric.compared_as or metric.name, []).append(family)
    return [
        part
        for shared in by_metric.values()
        for part in ([shared] if shared[0].metric.proportion else [[family] for family in shared])
    ]


def _of(families: Sequence[Family], points: pd.DataFrame) -> pd.DataFrame:
    return points[points["family"].isin([family.number for family in families])]


def linear_to(families: Sequence[Family], points: pd.DataFrame) -> float | None:
    """Where an axis of differences of very different sizes becomes logarithmic; None where a linear one shows them all."""
    part = _of(families, points)
    sizes = part.loc[part["kind"] == "difference", "difference"].abs()
    if len(sizes) < 2 or not sizes.max() > 0:
        return None
    margins = [family.margin for family in families if math.isfinite(family.margin) and family.margin > 0]
    small = max(float(sizes.min()), *margins, float(sizes.max()) / _MOST_TIMES)
    if sizes.max() < _FAR * small:
        return None
    return float(10.0 ** math.floor(math.log10(2 * small)))


def _limits(families: Sequence[Family], points: pd.DataFrame) -> tuple[float, float]:
    """Of the axis: all estimates, seeds and margins, and intervals as far as they do not flatten the rest."""
    part = _of(families, points)
    inner = [0.0, *part["difference"].dropna()]
    inner += [sign * 1.3 * f.margin for f in families if math.isfinite(f.margin) for sign in (-1, 1)]
    low, high = min(inner), max(inner)
    reach = 1.5 * max(high - low, 1e-9)
    outer = [value for name in ("low", "high") for value in part[name].dropna() if low - reach < value < high + reach]
    low, high = min([low, *outer]), max([high, *outer])
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def has_band(families: Sequence[Family], points: pd.DataFrame) -> bool:
    """Whether any margin is wide enough to be seen."""
    for shared in axes_of(families):
        (low, high), threshold = _limits(shared, points), linear_to(shared, points)
        least = _SEEN * (threshold or high - low)
        if any(math.isfinite(family.margin) and family.margin > least for family in shared):
            return True
    return False


def is_cut(families: Sequence[Family], points: pd.DataFrame) -> bool:
    """Whether any interval leaves its axis."""
    for shared in axes_of(families):
        (low, high), part = _limits(shared, points), _of(shared, points)
        if (part["simultaneous_low"] < low).any() or (part["simultaneous_high"] > high).any():
            return True
    return False


def _draw_family(
    axes: Axes,
    family: Family,
    labels: Sequence[Sequence[str]],
    points: pd.DataFrame,
    colors: Colors,
    verdicts: float,
    step: float,
) -> None:
    """A row for each comparison.

    Args:
        verdicts: where they are written, as a fraction of the axes.
        step: inches of a row in which everything else stands above the difference; 0 where it stands next to it.
    """
    axes.axvspan(-family.margin, family.margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    axes.set_ylim(len(family.rows) - 0.5, -0.5)
    names = ["\n".join(lines) for lines in labels]
    axes.set_yticks(range(len(names)), [""] * len(names) if step else names, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    part = _of([family], points)
    text: dict[str, Any] = {
        "transform": blended_transform_factory(axes.transAxes, axes.transData),
        "va": "center",
        "fontsize": SMALL,
    }
    for y, row in enumerate(family.rows):
        clear = row.drawn and row.verdict in _CLEAR
        bold: Any = {"weight": "bold" if clear else "normal", "color": BLACK if row.drawn else GREY}
        down, upper = 0.0, 0.0
        if step:
            plain: Any = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}
            upper = y - 0.5 + (0.13 + 0.13 * len(labels[y])) / step
            down = 0.5 - 0.17 / step
            axes.axhspan(y - 0.5, upper + 0.09 / step, color=PAPER, linewidth=0, zorder=1.2)  # no line crosses words
            axes.text(0, y - 0.5 + 0.04 / step, names[y], bbox=plain, linespacing=1.0, **text | {"va": "top"})
            axes.text(1, upper, row.verdict, ha="right", bbox=plain, **text | bold)
        else:
            axes.text(verdicts, y, row.verdict, **text | bold)
        if not row.drawn:
            ground: Any = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
            line = wrapped(_reason(row), (_NARROW if step else _WIDE).plot - 0.1, SMALL, 1)[0]
            axes.text(0.01, y + down, line, color=GREY, bbox=ground, **text)
            continue
        of_row = part[part["comparison"] == row.label]
        (point,) = of_row[of_row["kind"] == "difference"].to_dict("records")
        seeds, below = of_row[of_row["kind"] == "seed"], 0.11 / step if step else 0.26
        _draw_row(axes, y + down, point, seeds["difference"], colors.of_cell(row.ours.cell), below)
        mark(axes, float(point["difference"]), y + down, point["spot"])
        mark_points(axes, seeds.assign(place=y + down + below), "difference", "place")
        numbers = numbers_of(point, family.metric)
        if step:
            axes.text(0, upper, numbers, bbox=plain, **text)
        else:
            axes.text(1.02, y, numbers, **text)


def _reason(row: Row) -> str:
    """Why there is no difference."""
    if row.comparison.same:
        return "one network, trained once: no difference"
    if row.verdict == "not comparable":
        return "other data, or values that are missing"
    if any(arm.failed for arm in row.comparison.arms):
        return "runs failed, which is no random choice"
    if all(arm.trained for arm in row.comparison.arms):
        return "at least one arm has no finished run with this number"
    lost = " and ".join(f"{arm.untrained} of {len(arm.begun)}" for arm in row.comparison.arms)
    return f"{lost} runs did not train: means are not compared"


def _draw_row(
    axes: Axes, y: float, point: Mapping[Any, Any], seeds: pd.Series[float], color: str, below: float
) -> None:
    axes.plot(seeds, [y + below] * len(seeds), marker="|", markersize=4, linestyle="", color=color)
    axes.hlines(y, point["simultaneous_low"], point["simultaneous_high"], color=color, linewidth=1)
    axes.hlines(y, point["low"], point["high"], color=color, linewidth=3.6)
    face: dict[str, Any] = {"markerfacecolor": PAPER, "markeredgecolor": color, "markersize": 4.5}
    axes.plot([point["difference"]], [y], marker="o", markeredgewidth=1.5, zorder=4, **face)  # the bar stays in sight


def _all_numbers(families: Sequence[Family], points: pd.DataFrame) -> Iterator[str]:
    for family in families:
        part = _of([family], points)
        for point in part[part["kind"] == "difference"].to_dict("records"):
            yield numbers_of(point, family.metric)


def numbers_of(point: Mapping[Any, Any], metric: Metric) -> str:
    """`−0.12 [−0.18, −0.06]`; of metrics that never vary the difference alone."""
    if metric.exact:
        return f"{point['difference']:+,.0f}".replace("-", "−")
    return " ".join(rounded(point["difference"], point["low"], point["high"], metric)).rstrip()


def _is_judged(family: Family) -> bool:
    """Whether one side is better: of errors and losses of two arms, neither of probes nor of how differences differ."""
    metric = family.metric
    return not (metric.probe or metric.exact or any(row.subtracted for row in family.rows))


def _label(axes: Axes, metric: Metric, last: bool, metrics: Sequence[str], judged: bool, narrow: bool) -> None:
    """The axis under the last of the panels that share it.

    Args:
        judged: whether one side is better.
    """
    axes.tick_params(axis="x", labelbottom=last, bottom=last, labelsize=SMALL)
    axes.spines["bottom"].set_visible(last)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=7)
    if last:
        words = " or ".join(dict.fromkeys(metrics)) + (f" ({metric.unit})" if metric.unit else "")
        sides = ("lower", "higher")
        if judged:
            sides = ("better", "worse") if metric.compared_as or metric.better == "lower" else ("worse", "better")
        label = f"← {sides[0]}   difference in {words}   {sides[1]} →"
        if narrow:
            lines = wrapped(f"difference in {words}", _NARROW.plot, SMALL, 2)
            label = "\n".join([f"← {sides[0]}          {sides[1]} →", *lines])
        axes.set_xlabel(label, fontsize=SMALL)
