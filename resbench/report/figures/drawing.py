"""What the figures share: a canvas, colours that are no arm's, and text that is measured before it is placed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

Drawn = tuple[Figure, pd.DataFrame, str]  # the figure, exactly what it shows, and its caption

GREY, PALE, BAND = "#57606a", "#d0d7de", "#eaeef2"
SMALL, TINY = 8.0, 7.0  # points; nothing is smaller
LOG_FROM = 10.0  # ratio of the largest to the smallest value from which a scale is logarithmic


def canvas(width: float, height: float, constrained: bool = True) -> Figure:
    """An empty figure, in inches, that no state of pyplot knows of."""
    figure = Figure(figsize=(width, height), layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


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
    kept = next((n for n in range(len(text) - 1, 0, -1) if width_of(text[:n] + "…", size) <= inches), 0)
    return text[:kept].rstrip() + "…"


def wrapped(text: str, inches: float, size: float = SMALL, most: int = 3, bold: bool = False) -> list[str]:
    """The text in at most so many lines of this width; the last one is cut where that does not suffice."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(f"{lines[-1]} {word}", size, bold) <= inches:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    kept = [*lines[: most - 1], " ".join(lines[most - 1 :])] if len(lines) > most else lines
    return [fitted(line, inches * (0.93 if bold else 1), size) for line in kept]


def spread(places: Sequence[float], gap: float) -> list[float]:
    """The places, moved as little as an equal treatment allows so that neighbours are a gap apart."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    blocks: list[list[float]] = []  # of labels that touch: centre, number
    for i in order:
        blocks.append([places[i], 1])
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (one, m), (two, n) = blocks[-2:]
            blocks[-2:] = [[(one * m + two * n) / (m + n), m + n]]
    moved = [centre + gap * (k - (n - 1) / 2) for centre, n in blocks for k in range(int(n))]
    out = [0.0] * len(places)
    for i, place in zip(order, moved, strict=True):
        out[i] = place
    return out


def part_labels(figure: Figure, panels: Sequence[Axes]) -> None:
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
    end, found, labels = float("-inf"), [], axes.get_xticklabels()
    for i in sorted(range(len(labels)), key=lambda i: float(axes.get_xticks()[i])):
        left, right = _across(labels[i])
        if left < end + 2:
            found.append(i)
        elif labels[i].get_text():
            end = right
    return found


def _is_word(label: Text) -> bool:
    return (
        bool(label.get_text())
        and not label.get_text().lstrip("-\N{MINUS SIGN}").replace(".", "").replace(",", "").isdigit()
    )


def _across(label: Text) -> tuple[float, float]:
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
    sparse = span > (30 if high > 1e6 else 1e3)  # large numbers have long labels
    axis.set_major_locator(LogLocator(subs=(1,) if sparse else (1, 2, 5)) if span > 4 else MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}" if value < 1e6 else f"{value:.0e}"))
    axis.set_minor_formatter(NullFormatter())


def symmetric(axes: Axes, threshold: float) -> None:
    """An axis to the right that is linear up to a threshold on both sides of zero and logarithmic beyond, in plain numbers."""
    axes.set_xscale("symlog", linthresh=threshold, linscale=1.2)
    low, high = (1.6 * end if abs(end) > threshold else end for end in axes.get_xlim())  # room for a marker
    axes.set_xlim(low, high)
    decades = [10.0**power for power in range(-6, 7) if threshold <= 10.0**power]
    ends = decades[:: 1 if len([one for one in decades if one <= max(-low, high)]) <= 4 else 2]
    axes.set_xticks([one for one in [*(-end for end in reversed(ends)), 0.0, *ends] if low <= one <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}".replace("-", "−")))
    axes.xaxis.set_minor_locator(NullLocator())


def objects(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame of rows in which None stays None and 1 beside 0.5 stays 1."""
    whole = {name: pd.Series([row.get(name, "") for row in rows], dtype=object) for name in columns}
    return pd.DataFrame(whole, columns=list(columns)).infer_objects()
