"""Whether one axis changes what another does: marginal means of the error for pairs of axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import (
    LOG_FROM,
    SMALL,
    TINY,
    Drawn,
    canvas,
    fitted,
    leaf,
    logarithmic,
    part_labels,
    spread,
)
from resbench.report.figures.scale import Scale
from resbench.report.figures.styles import Arms
from resbench.report.figures.variance import RESPONSE, Factors
from resbench.report.frames import show
from resbench.report.statistics.factors import marginal_means

_MOST_PANELS = 6
_MOST_LINES = 10
_COLUMNS = ["panel", "x", "line", "mean", "low", "high", "runs"]


def draw_interactions(factors: Factors, frame: pd.DataFrame, baseline: Mapping[str, Any]) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None where no two axes can be looked at together.

    Args:
        frame: one row per cell, whose order decides about colours.
        baseline: of the study; its line is orange.
    """
    pairs = _pairs(factors)
    means = [_means(factors, pair) for pair in pairs[:_MOST_PANELS]]
    panels = [found for found, _ in means if not found.empty and found["mean"].notna().any()]
    if not panels:
        return None
    points = pd.concat(panels, ignore_index=True)
    figure = canvas(*_size(len(panels)))
    columns = _columns(len(panels))
    grid = figure.subplots(math.ceil(len(panels) / columns), columns, sharey=True, squeeze=False)
    values = points["mean"].dropna()
    log = bool(values.min() > 0 and values.max() / values.min() > LOG_FROM)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    shown = list(grid.flat)[: len(panels)]
    _limits(shown[0], points, log)
    for number, (axes, found) in enumerate(zip(shown, panels, strict=True)):
        _draw_panel(axes, found, frame, baseline, log)
        axes.set_ylabel(RESPONSE if number % columns == 0 else "")
    part_labels(figure, shown)
    return figure, points, _caption(len(pairs), [remark for _, remark in means])


def _pairs(factors: Factors) -> list[tuple[str, str]]:
    """Pairs of axes with two values or more: depth with shortcut first, then by the size of their interaction."""
    varying = [axis for axis in factors.axes if len(set(map(show, factors.frame[axis]))) > 1]
    table = factors.analysis.table
    table = table[table["scale"] == "as measured"]
    size = dict(zip(table["term"], table["omega2"], strict=True))

    def rank(pair: tuple[str, str]) -> tuple[bool, float]:
        found = float(size.get(" x ".join(pair), math.nan))
        return {leaf(axis) for axis in pair} != {"depth", "shortcut"}, math.inf if math.isnan(found) else -found

    return sorted(itertools.combinations(varying, 2), key=rank)


def _means(factors: Factors, pair: tuple[str, str]) -> tuple[pd.DataFrame, str]:
    """The marginal means of a pair: its axis of more numbers to the right, the other as lines."""
    x, line = sorted(pair, key=lambda axis: not _numeric(list(factors.frame[axis])))
    levels = {axis: len(set(map(show, factors.frame[axis]))) for axis in pair}
    if not _numeric(list(factors.frame[x])) and levels[line] > levels[x]:
        x, line = line, x
    if min(levels.values()) > _MOST_LINES:
        return pd.DataFrame(columns=_COLUMNS), ""
    if levels[line] > _MOST_LINES:
        x, line = line, x
    found, remark = marginal_means(factors.frame, factors.axes, [x, line], RESPONSE).rounded()
    out = pd.DataFrame({"panel": f"{x} × {line}", "x": found[x], "line": [show(value) for value in found[line]]})
    out[["mean", "low", "high", "runs"]] = found[["mean", "low", "high", "runs"]]
    if (found["mean"] < 0).any():  # of combinations that were not run: effects evidently do not add up
        return out.iloc[
            :0
        ], f"Without {leaf(x)} × {leaf(line)}, where means for combinations that were not run fall below zero."
    return out.reindex(columns=_COLUMNS), remark


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _columns(panels: int) -> int:
    return panels if panels < 3 else 2 if panels == 4 else 3


def _size(panels: int) -> tuple[float, float]:
    columns = _columns(panels)
    return {1: 7.0, 2: 10.0, 3: 11.0}[columns], 0.4 + 3.4 * math.ceil(panels / columns)


def _limits(axes: Axes, points: pd.DataFrame, log: bool) -> None:
    means = points["mean"].dropna()
    low, high = points["low"].fillna(points["mean"]).min(), points["high"].fillna(points["mean"]).max()
    if log:
        axes.set_ylim(max(low, means.min() / 2) / 1.2, high * 1.2)
        logarithmic(axes)
        return
    room = 0.08 * (high - low) or max(0.1 * high, 0.1)
    axes.set_ylim(low - room, high + room)


def _draw_panel(axes: Axes, found: pd.DataFrame, frame: pd.DataFrame, baseline: Mapping[str, Any], log: bool) -> None:
    x, line = str(found["panel"].iloc[0]).split(" × ")
    names = list(dict.fromkeys(found["line"]))
    lines = Arms(frame, [line], baseline)
    styles = {show(value): lines.styles[lines.names.index(lines.of({line: value}))] for value in frame[line]}
    scale = Scale(list(found["x"]), [names.index(name) for name in found["line"]], joined=True)
    ends: list[tuple[float, str, str]] = []
    for number, name in enumerate(names):
        style = styles[name]
        part = found[(found["line"] == name) & found["mean"].notna()]
        part = part.assign(place=[scale.at(value, number) for value in part["x"]]).sort_values("place")
        if part.empty:
            continue
        low = part["low"].clip(lower=1e-9) if log else part["low"]
        around = [(part["mean"] - low).to_numpy(), (part["high"] - part["mean"]).to_numpy()]
        axes.errorbar(
            part["place"], part["mean"], yerr=around, color=style.color, marker=style.marker, linestyle=style.dash,
            capsize=2, linewidth=1.5, markersize=5.5, markeredgecolor="white",
        )  # fmt: skip
        ends.append((float(part["mean"].iloc[-1]), name, style.color))
    scale.label(axes, x, most=1.2, size=SMALL)
    _label_ends(axes, ends, log)
    axes.set_title(f"{leaf(x)} × {leaf(line)}", fontsize="medium", loc="left")
    axes.annotate(leaf(line), (1.02, 1.0), xycoords="axes fraction", fontsize=TINY, va="bottom", color="#57606a")


def _label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], log: bool) -> None:
    """The name of each line beside its end, moved apart where two would touch."""
    low, high = axes.get_ylim()
    places = [
        math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low) for value, *_ in ends
    ]
    for (_, name, color), place in zip(ends, spread(places, 0.052), strict=True):
        axes.annotate(
            fitted(name, 1.0), (1.02, place), xycoords="axes fraction", fontsize=SMALL, color=color, va="center",
            annotation_clip=False,
        )  # fmt: skip


def _caption(pairs: int, remarks: Sequence[str]) -> str:
    text = (
        "Marginal means of the test error over the seeds that ended and the other axes, as if every combination had been "
        "run. Bars: 95 % intervals for comparing levels on these test images, without what moves all cells of a seed "
        "alike. Lines that are not parallel interact."
    )
    if pairs > _MOST_PANELS:
        text += f" {_MOST_PANELS} of {pairs} pairs of axes, those with the largest interactions."
    return " ".join([text, *dict.fromkeys(filter(None, remarks))])
