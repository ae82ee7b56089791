"""The whole grid at a glance: a field for each cell, coloured by its difference to the baseline or by its error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MultipleLocator

from resbench.core.text import plural, show
from resbench.report.figures.drawing import (
    BAND,
    BLACK,
    GREY,
    ON_DARK,
    ON_PALE,
    PAPER,
    SMALL,
    TINY,
    WIDE,
    Canvas,
    bare,
    canvas,
    fitted,
    value_text,
    width_of,
    wrapped,
)
from resbench.report.figures.error import in_rows
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.heat_fields import Column, HeatMap, heat_points
from resbench.report.figures.marks import Spot, mark_field
from resbench.report.figures.spots import known_spot
from resbench.report.format import signed

_TEXT_UP_TO = 12  # columns
_UNKNOWN, _NEUTRAL = BAND, "#e9e6df"  # of what is not known, and of what lies within the margin
_FILLED = 0.65  # of all fields, at least


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None for a grid of one axis, which a table shows as well."""
    frame, x = evidence.frame, evidence.x
    others = [axis for axis in evidence.study.axes if axis != x and len(set(map(show, frame[axis]))) > 1]
    if not x or not others or frame["mean"].isna().all() or len(set(map(show, frame[x]))) < 2 or in_rows(evidence):
        return None
    data = HeatMap(heat_points(evidence), x, others, evidence.margin, evidence.labels)
    if len(data.cells) < _FILLED * len(data.rows) * len(data.columns):
        return None  # a table has no holes
    spots = _spots(evidence, data)
    return Figure("heat-map", data.points, lambda: _draw(data, spots), _caption(data), _alt(data), _title(data))


def _spots(evidence: Evidence, data: HeatMap) -> dict[tuple[str, Column], Spot]:
    """What each field stands for."""
    known = evidence.frame.to_dict("records")
    return {
        key: known_spot(evidence, known[place], _against(row))
        for place, (key, row) in enumerate(zip(data.cells, data.points.to_dict("records"), strict=True))
    }


def _against(row: Mapping[Any, Any]) -> str:
    if row["kind"] == "baseline":
        return "baseline"
    return f"{signed(row['difference'])} points against the baseline" if row["kind"] == "difference" else ""


def _title(data: HeatMap) -> str:
    if data.shown == "error":
        return "Test error of every cell"
    counted = data.colored.dropna()
    fewer, more = int((counted < 0).sum()), int((counted > 0).sum())
    return f"Against the baseline: {fewer} cells with fewer errors, {more} with more, {int(data.even.sum())} within the margin"


def _draw(data: HeatMap, spots: Mapping[tuple[str, Column], Spot]) -> Canvas:
    width = max(map(len, data.panels))
    wide = width <= _TEXT_UP_TO
    labels = max(width_of(data.word(-1, column), TINY) for column in data.columns)
    each = (0.34 if wide else 0.22) * len(data.rows) + 0.2 * len(data.others) + min(labels, 1.2) + 0.25
    size = min(WIDE, max(5.0, (0.85 if wide else 0.21) * width + 2.2)), max(each * len(data.panels) + 0.6, 2.7)
    figure = canvas(*size)
    grid = figure.subplots(len(data.panels), 1, squeeze=False)[:, 0]
    for axes, columns in zip(grid, data.panels, strict=True):
        _draw_panel(axes, data, columns)
        for y, row in enumerate(data.rows):
            for x, column in enumerate(columns):
                if spot := spots.get((row, column)):
                    mark_field(axes, (x, y), (x + 1, y + 1), spot)
        axes.set_xlim(0, width)  # fields of one size in all panels
        _label(axes, data, columns, figure.get_figwidth() / (width + 2))
    _draw_legend(figure, list(grid), data)
    return figure


def _draw_panel(axes: Axes, data: HeatMap, columns: Sequence[Column]) -> None:
    fields = [[data.cells.get((row, column)) for column in columns] for row in data.rows]
    colored = dict(zip(data.cells, zip(data.colored, data.even, strict=True), strict=True))
    keys = [[(row, column) for column in columns] for row in data.rows]
    numbers = [[float(colored[key][0]) if key in colored else math.nan for key in line] for line in keys]
    values = np.ma.masked_invalid(numbers)
    mesh = axes.pcolormesh(values, cmap=data.colors, norm=data.norm, edgecolors=PAPER, linewidth=0.8)
    for y, line in enumerate(fields):
        for x, cell in enumerate(line):
            if cell is None or (cell["kind"] == "missing" and not cell["untrained"]):
                axes.text(x + 0.5, y + 0.5, "·", ha="center", va="center", color=GREY)
                continue
            even = bool(colored[keys[y][x]][1])
            if even:
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=_NEUTRAL, edgecolor=PAPER, linewidth=0.8))
            _mark(axes, x, y, cell, data.shown)
            if len(data.columns) <= _TEXT_UP_TO:
                blank = cell["untrained"] or math.isnan(numbers[y][x])
                color = BLACK if blank else _ink(mesh.cmap(data.norm(numbers[y][x])))
                color = ON_PALE if even else color
                plain = {"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85}
                axes.text(
                    x + 0.5, y + 0.5, _text(cell, data.shown), ha="center", va="center", fontsize=SMALL, color=color,
                    bbox=plain if cell["untrained"] else None,
                )  # fmt: skip
    axes.set_ylim(len(fields), 0)
    bare(axes)


def _mark(axes: Axes, x: int, y: int, cell: Mapping[Any, Any], shown: str) -> None:
    """A background where there is no number, hatches where runs did not train, and a frame around a baseline."""
    if math.isnan(float(cell[shown])):
        fill = PAPER if cell["kind"] == "baseline" else _UNKNOWN
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor=PAPER, linewidth=0.8))
    if cell["untrained"]:
        hatch = "xxxx" if cell["untrained"] == cell["runs"] else "////"
        axes.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch=hatch, edgecolor=GREY, linewidth=0))
    if cell["kind"] == "baseline" and shown == "difference":
        inside = (x + 0.1, y + 0.1)
        axes.add_patch(Rectangle(inside, 0.8, 0.8, fill=False, edgecolor=BLACK, linewidth=0.7, zorder=5))


def _text(cell: Mapping[Any, Any], shown: str) -> str:
    if cell["kind"] == "missing":
        return f"{cell['untrained']} untrained"
    if shown == "error" or cell["kind"] != "difference":
        return f"{cell['error']:.2f} %"
    return _points(float(cell["difference"]))


def _ink(rgba: Any) -> str:
    """Black or white, whichever stands out from the field."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgba[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return ON_DARK if luminance < 0.18 else ON_PALE


def _label(axes: Axes, data: HeatMap, columns: Sequence[Column], field: float) -> None:
    """Values of the last axis under the columns, those of the others over them, with gaps between their blocks."""
    axes.set_yticks([i + 0.5 for i in range(len(data.rows))], [fitted(row, 1.4) for row in data.rows], fontsize=SMALL)
    axes.set_ylabel(data.labels.name(data.x))
    texts = [fitted(data.word(-1, column), 1.2, TINY) for column in columns]
    slanted = any(width_of(word, TINY) > 0.9 * field for text in texts for word in text.split())
    texts = texts if slanted else ["\n".join(wrapped(text, 0.9 * field, TINY)) for text in texts]
    axes.set_xticks([i + 0.5 for i in range(len(columns))], texts, fontsize=TINY, rotation=90 if slanted else 0)
    axes.set_xlabel(data.labels.name(data.others[-1]), fontsize=SMALL)
    for level in range(len(data.others) - 1):
        height = 4 + 11 * (len(data.others) - 2 - level)
        start = 0
        for _, members in groupby(columns, key=lambda column, level=level: column[: level + 1]):  # type: ignore[misc]
            size = len(list(members))
            if start:
                axes.axvline(start, color=PAPER, linewidth=5 - 1.5 * min(level, 2))
            text = fitted(data.word(level, columns[start]), field * size, TINY)
            axes.annotate(
                text, (start + size / 2, 0), (0, height), textcoords="offset points", ha="center", va="bottom",
                fontsize=TINY, color=BLACK, weight="bold" if level == 0 else "normal", annotation_clip=False,
            )  # fmt: skip
            start += size


def _draw_legend(figure: Canvas, grid: list[Axes], data: HeatMap) -> None:
    over, under = data.is_beyond(1), data.is_beyond(-1)
    extend = "both" if over and under else "max" if over else "min" if under else "neither"
    label = "errors, times the baseline's" if data.shown == "difference" else "test error (%)"
    shrink = min(1.0, 2.6 / figure.get_figheight())
    bar = figure.colorbar(grid[0].collections[0], ax=grid, extend=extend, shrink=shrink, label=label, pad=0.015)
    bar.ax.tick_params(labelsize=SMALL)
    bar.ax.yaxis.label.set_fontsize(SMALL)
    if isinstance(data.norm, LogNorm):
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if data.shown == "difference":
        bar.ax.yaxis.set_major_locator(MultipleLocator(max(1, round((data.norm.vmax or 1) / 3))))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{2**value:g}×" if value >= 0 else f"1/{2**-value:g}×")
    differences, kinds = data.shown == "difference", data.points["kind"]
    untrained = {"facecolor": _UNKNOWN, "edgecolor": GREY, "linewidth": 0}
    keys = (
        (
            differences and kinds.eq("baseline").any(),
            "baseline",
            {"facecolor": PAPER, "edgecolor": BLACK, "linewidth": 0.7},
        ),
        (data.even.any(), f"within {data.margin:g} points", {"facecolor": _NEUTRAL, "edgecolor": PAPER}),
        ((data.untrained & ~data.lost).any(), "some runs did not train", untrained | {"hatch": "////"}),
        (data.lost.any(), "no run trained", untrained | {"hatch": "xxxx"}),
        (
            differences and data.is_any("error", untrained=False),
            "not compared",
            {"facecolor": _UNKNOWN, "edgecolor": PAPER},
        ),
    )
    handles = [Patch(label=text, **look) for shown, text, look in keys if shown]
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=SMALL)


def _caption(data: HeatMap) -> str:
    untrained = bool(data.untrained.any())
    if data.shown == "difference":
        text = (
            "Test error of each cell, mean over its seeds, minus that of its baseline in points. Colours: how many "
            "times the baseline's errors; blue is fewer. Differences "
            f"within the margin of {data.margin:g} points have one neutral colour. Baselines are framed."
        )
        text += " They show their error." if len(data.columns) <= _TEXT_UP_TO else ""
        apart = data.untrained & data.points["kind"].isin(("error", "missing"))
        text += " Grey hatched cells are not compared: runs did not train in either arm." if apart.any() else ""
    else:
        text = "Test error of each cell, mean over the seeds that finished, in percent."
    text += " Hatched: cells of which runs diverged or collapsed." if untrained else ""
    text += " A dot: no result." if data.is_any("missing", untrained=False) else ""
    text += " Intervals are in the tables."
    if data.shown == "difference" and (data.is_beyond(1) or data.is_beyond(-1)):
        text += " Fields beyond the scale have the colour of its end."
    return text


def _points(difference: float) -> str:
    return signed(difference, 1 if abs(difference) >= 10 else 2)


def _alt(data: HeatMap) -> str:
    text = f"Grid of {len(data.points)} cells. "
    if data.shown == "difference":
        text += f"Differences to the baseline from {_points(data.values.min())} to {_points(data.values.max())} points"
        text += f", from {2 ** data.points['doublings'].astype(float).min():.2g} to {2 ** data.points['doublings'].astype(float).max():.2g} times its errors"
    else:
        text += f"Test errors from {value_text(data.values.min())} to {value_text(data.values.max())} %"
    cells = int(data.untrained.sum())
    return text + (f"; runs did not train in {plural(cells, 'cell')}." if cells else ".")
