"""What the figures share: canvases, scales, colours that are no arm's, and text that is measured before it is placed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from resbench.report.figures.marks import Canvas
from resbench.report.format import power_text as power_text
from resbench.report.format import significant
from resbench.report.theme import NEUTRALS

__all__ = ["Canvas"]

BLACK, GREY, PALE, BAND, PAPER = (NEUTRALS[name].light for name in ("text", "soft", "pale", "band", "paper"))
ON_PALE, ON_DARK = "#111111", "#fefefe"  # text within a field that has a colour; the same at night
HATCH: Mapping[str, Any] = {"hatch": "////", "edgecolor": GREY, "linewidth": 0}  # where there is no value
SIZE, SMALL, TINY = 9.0, 8.0, 7.0  # points; nothing is smaller
WIDE, NARROW = 8.0, 3.5  # inches of a figure on a page, and on a phone, where a point is as large
DEPTH = "model.depth"
LOG_FROM = 10.0  # ratio of the largest to the smallest value from which a scale is logarithmic


def canvas(width: float, height: float, constrained: bool = True) -> Canvas:
    """An empty figure, in inches, that no state of pyplot knows of."""
    figure = Canvas(figsize=(width, height), layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def panels(
    count: int, columns: int, width: float, height: float, margin: float, **shared: Any
) -> tuple[Canvas, list[Axes]]:
    """A figure with so many panels, row by row.

    Args:
        width: of the figure, in inches.
        height: of a row.
        margin: added to the height of the rows.
        shared: which axes are shared, as `subplots` takes it.
    """
    rows = math.ceil(count / columns)
    figure = canvas(width, margin + height * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


def label_edges(grid: Sequence[Axes], columns: int, x: str, y: str, size: float | str = "medium") -> None:
    """Name the axes at the lower and at the left edge of the panels, and nowhere else."""
    for number, axes in enumerate(grid):
        if lowest := number + columns >= len(grid):
            axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlabel(x if lowest else "", fontsize=size, visible=lowest)
        axes.set_ylabel(y if number % columns == 0 else "", fontsize=size)


def bare(axes: Axes) -> None:
    """Take ticks, grid and frame away."""
    axes.tick_params(length=0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)


def whole(axes: Axes, most: int | Literal["auto"] = 6) -> None:
    """Ticks of the x axis at whole numbers: layers, units, epochs."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=most))


def is_steep(values: pd.Series[Any]) -> bool:
    """Whether a scale of these values is logarithmic: they are positive, and far from each other."""
    numbers = values.dropna().astype(float)
    return bool(len(numbers) and numbers.min() > 0 and numbers.max() / numbers.min() > LOG_FROM)


def scale_errors(axes: Axes, values: pd.Series[Any], low: float = math.nan, high: float = math.nan) -> None:
    """Room on the y axis for values and their intervals; a logarithmic one cuts wide intervals, which would flatten the rest.

    Args:
        low, high: the lowest and the highest end of the intervals; NaN without any.
    """
    least, most = float(values.min()), float(values.max())
    low, high = min(least, low if low == low else math.inf), max(most, high if high == high else -math.inf)
    if is_steep(values):
        axes.set_ylim(max(low, least / 2) / 1.25, high * 1.25)
        logarithmic(axes)
        return
    room = 0.08 * (high - low) or max(0.1 * high, 0.1)
    axes.set_ylim(max(low - room, -room if low < 0 else 0), high + room)


def value_text(value: float) -> str:
    """A percentage or a rise as a figure says it: two digits, three from ten on: `0.77`, `87.5`."""
    return significant(float(value), 3 if abs(value) >= 10 else 2)


def leaf(path: str) -> str:
    """`model.depth` -> `depth`."""
    return path.rpartition(".")[2]


def width_of(text: str, size: float, bold: bool = False) -> float:
    """Width of one line of text, in inches."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    points: float = TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]
    return points / 72


def fitted(text: str, inches: float, size: float = SMALL) -> str:
    """The text, or as much of it as the width allows and an ellipsis."""
    if width_of(text, size) <= inches:
        return text
    length = next((n for n in range(len(text) - 1, 0, -1) if width_of(text[:n] + "…", size) <= inches), 0)
    return text[:length].rstrip() + "…"


def wrapped(text: str, inches: float, size: float = SMALL, most: int = 3, bold: bool = False) -> list[str]:
    """The text in at most so many lines of this width; the last one is cut where that does not suffice."""
    lines: list[str] = []
    for word in filter(None, re.split(r"[ \n]", text)):  # not at a space that does not break
        if lines and width_of(f"{lines[-1]} {word}", size, bold) <= inches:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    cut = [*lines[: most - 1], " ".join(lines[most - 1 :])] if len(lines) > most else lines
    return [fitted(line, inches * (0.93 if bold else 1), size) for line in cut]


def part_labels(figure: Canvas, panels: Sequence[Axes]) -> None:
    """Slant the labels of an x axis that touch, if they are words, and blank those that still do; their ticks stay."""
    figure.draw_without_rendering()
    crowded = [axes for axes in panels if _touching(axes) and any(map(_is_word, axes.get_xticklabels()))]
    for axes in crowded:
        for label in axes.get_xticklabels():
            label.set(rotation=25, ha="right", rotation_mode="anchor")
    if crowded:
        figure.draw_without_rendering()
    for axes in panels:
        texts = [label.get_text() for label in axes.get_xticklabels()]
        for i in _touching(axes):
            texts[i] = ""
        if texts:
            axes.set_xticks(axes.get_xticks(), texts)


def _touching(axes: Axes) -> list[int]:
    """Which labels of the x axis touch the one before them that stays."""
    end, touching, labels = float("-inf"), [], axes.get_xticklabels()
    for i in sorted(range(len(labels)), key=lambda i: float(axes.get_xticks()[i])):
        left, right = _extent(labels[i])
        if left < end + 2:
            touching.append(i)
        elif labels[i].get_text():
            end = right
    return touching


def _is_word(label: Text) -> bool:
    return (
        bool(label.get_text())
        and not label.get_text().lstrip("-\N{MINUS SIGN}").replace(".", "").replace(",", "").isdigit()
    )


def _extent(label: Text) -> tuple[float, float]:
    """Where a label of the x axis begins and ends, in pixels; of a slanted one, the thickness of its line."""
    box = label.get_window_extent()
    angle = math.radians(float(label.get_rotation()))
    if not angle:
        return box.x0, box.x1
    dots = label.figure.dpi if label.figure else 72.0
    thick = float(label.get_fontsize()) / 72 * dots / math.sin(angle)
    return box.x1 - thick, box.x1


def logarithmic(axes: Axes, which: str = "y") -> None:
    """A logarithmic axis that is labelled in plain numbers."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    span = high / max(low, 1e-300)
    sparse = span > (100 if high > 1e6 else 1e3)  # large numbers have long labels
    axis.set_major_locator(
        LogLocator(subs=(1,) if sparse else (1, 2, 5)) if span > 4 else MaxNLocator(3 if high > 1e6 else 6)
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_text(value)))
    axis.set_minor_formatter(NullFormatter())


def symmetric(axes: Axes, threshold: float) -> None:
    """An axis to the right that is linear up to a threshold on both sides of zero and logarithmic beyond, in plain numbers."""
    axes.set_xscale("symlog", linthresh=threshold, linscale=1.2)
    low, high = (1.6 * end if abs(end) > threshold else end for end in axes.get_xlim())  # room for a marker
    axes.set_xlim(low, high)
    decades = [10.0**power for power in range(-6, 7) if threshold <= 10.0**power]
    ends = decades[:: 1 if len([end for end in decades if end <= max(-low, high)]) <= 4 else 2]
    axes.set_xticks([tick for tick in [*(-end for end in reversed(ends)), 0.0, *ends] if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}".replace("-", "−")))
    axes.xaxis.set_minor_locator(NullLocator())


def objects(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame of rows in which None stays None and 1 next to 0.5 stays 1."""
    whole = {name: pd.Series([row.get(name, "") for row in rows], dtype=object) for name in columns}
    return pd.DataFrame(whole, columns=list(columns)).infer_objects()


def signs(low: pd.Series[float], high: pd.Series[float]) -> str:
    """For an alternative text: how many intervals lie on which side of zero."""
    below, above = int((high < 0).sum()), int((low > 0).sum())
    return f"intervals below zero: {below}, above: {above}, that reach it or are not known: {len(low) - below - above}"
