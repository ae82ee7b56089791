"""Lesions: what a trained network loses with units removed or swapped (Veit et al. 2016, arXiv 1605.06431)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import GREY, SMALL, Drawn, objects, part_labels
from resbench.report.figures.probed import (
    COLUMNS,
    Cell,
    Probed,
    Series,
    arms_legend,
    draw_lines,
    line_rows,
    mean,
    panels_of,
    probed,
    title,
    whole,
)
from resbench.report.study import Study

_PANELS = {"single": "one unit removed", "random": "several units removed", "swap": "two units swapped"}
_STEEP = 10.0  # points from which the scale of rises is linear only up to one point
_SHIFT = 0.06  # between the draws of arms, of the distance between two numbers of units


def draw_lesions(study: Study, frame: pd.DataFrame) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if no run that ended was probed.

    Args:
        frame: as `cells.cells` returns.
    """
    told = probed(study, frame, "lesions", diverged=False)
    if not told:
        return None
    points = lesion_points(told)
    panels = [panel for panel in _PANELS if panel == "single" or points["panel"].eq(panel).any()]
    figure, grid = panels_of(len(told.rows), len(panels), [1.25, 1, 0.8][: len(panels)])
    steep = bool((points.loc[points["panel"] != "random", "value"].abs() > _STEEP).any())
    for row, line in zip(told.rows, grid, strict=True):
        for panel, axes in zip(panels, line, strict=True):
            part = points[(points["row"] == row) & (points["panel"] == panel)]
            (_draw_errors if panel == "random" else _draw_rises)(axes, part, told)
            if panel != "random":
                _scale(axes, points, steep)
            title(axes, row, _PANELS[panel])
            axes.set_xlabel(_X[panel], fontsize=SMALL)
        line[0].set_ylabel("rise of test error (points)", fontsize=SMALL)
    arms_legend(figure, told)
    part_labels(figure, list(grid.flat))
    for line in grid:
        _limit(line, panels)
    return figure, points, _caption(told, points, steep)


_X = {"single": "unit", "random": "units removed", "swap": "places between the units"}


def lesion_points(told: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`.

    `single`: rise of the error in points by unit, from 1; `random`: error in percent by the number of removed units,
    kind `draw` for each random set; `swap`: rise in points by the distance of the two units.
    """
    rows: list[dict[str, Any]] = []
    for cell in told.cells:
        series: dict[int, Series] = {seed: _rises(found) for seed, found in cell.found.items()}
        units = max(map(len, series.values()), default=0)
        rows += line_rows(cell, "single", series, range(1, units + 1), [""] * units, not told.many)
        rows += _several(cell, not told.many)
        rows += _swaps(cell)
    return objects(rows, COLUMNS)


def _rises(found: Mapping[str, Any]) -> Series:
    """Rise of the error by unit, in points."""
    return [None if error is None else 100 * (error - found["intact"]) for error in found["removed"]]


def _several(cell: Cell, draws: bool) -> list[dict[str, Any]]:
    """Error in percent by number of removed units: of none, of one (the mean over units), and of the random sets."""
    at = {"row": cell.row, "panel": "random", "arm": cell.arm, "group": cell.group, "layer": ""}
    errors: dict[int, list[tuple[int, float]]] = {}
    for seed, found in cell.found.items():
        drawn = {0: [found["intact"]], 1: found["removed"]} | {int(k): some for k, some in found["random"].items()}
        for number, values in drawn.items():
            there = [(seed, 100 * value) for value in values if value is not None]
            errors.setdefault(number, []).extend(there)
    out = []
    for number, told in sorted(errors.items()):
        for seed, value in told if draws and number > 1 else ():
            out.append(at | {"kind": "draw", "seed": seed, "place": number, "value": value, "seeds": 1})
        seeds = len({seed for seed, _ in told})
        average = mean([value for _, value in told])
        if told:
            out.append(at | {"kind": "mean", "seed": "", "place": number, "value": average, "seeds": seeds})
    return out


def _swaps(cell: Cell) -> list[dict[str, Any]]:
    at = {"row": cell.row, "panel": "swap", "arm": cell.arm, "group": cell.group, "kind": "draw", "layer": ""}
    out = []
    for seed, found in cell.found.items():
        for (left, right), error in zip(found["swapped"], found["swapped_error"], strict=True):
            if error is not None:
                rise = 100 * (error - found["intact"])
                out.append(at | {"seed": seed, "place": abs(right - left), "value": rise, "seeds": 1})
    return out


def _draw_rises(axes: Axes, points: pd.DataFrame, told: Probed) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    draw_lines(axes, points[points["kind"] != "draw"], told)
    lone = points[(points["kind"] == "mean") & points["value"].notna()]
    for group, part in lone.groupby("group", sort=False):
        if len(part) <= 40 and not told.many:  # beside a gap a unit has no line, only its marker
            style = told.style(str(group))
            axes.plot(part["place"], part["value"], style.marker, color=style.color, markersize=4, markeredgewidth=0)
    _draw_dots(axes, points[points["kind"] == "draw"], told, lambda place: float(place))
    whole(axes)
    if not len(points):
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=GREY, fontsize=SMALL)


def _draw_errors(axes: Axes, points: pd.DataFrame, told: Probed) -> None:
    numbers = sorted(set(points["place"]))
    points = points.assign(place=[_place(number) for number in points["place"]])
    draw_lines(axes, points[points["kind"] == "mean"], told)
    _draw_dots(axes, points[points["kind"] == "draw"], told, lambda place: float(place))
    axes.set_xticks([_place(number) for number in numbers], [f"{number:g}" for number in numbers])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("test error (%)", fontsize=SMALL)


def _limit(line: Sequence[Axes], panels: Sequence[str]) -> None:
    """Whole units on the x axes, and no ticks beyond them."""
    for panel, axes in zip(panels, line, strict=True):
        if panel != "random":
            axes.set_xlim(0.4, max(axes.dataLim.x1, 1.0) + 0.6)


def _place(number: float) -> float:
    """No unit, then powers of two at equal distances."""
    return math.log2(number) if number else -1.0


def _draw_dots(axes: Axes, points: pd.DataFrame, told: Probed, at: Any) -> None:
    """Every draw, the arms beside each other."""
    names = told.arms.names
    for (arm, group), part in points.groupby(["arm", "group"], sort=False):
        style = told.style(str(group))
        shift = _SHIFT * (names.index(str(arm)) - (len(names) - 1) / 2) if len(names) < 10 else 0.0
        places = [at(place) + shift for place in part["place"]]
        axes.plot(places, part["value"], style.marker, color=style.color, markersize=3, markeredgewidth=0, alpha=0.5)


def _scale(axes: Axes, points: pd.DataFrame, steep: bool) -> None:
    """One scale of rises for all panels."""
    values = points.loc[points["panel"] != "random", "value"].astype(float)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if not steep:
        room = 0.06 * (high - low) or 0.1
        axes.set_ylim(low - room, high + room)
        return
    axes.set_yscale("symlog", linthresh=1, linscale=0.7)
    axes.set_ylim(low - 0.2 if low > -1 else 1.3 * low, 1.3 * high)
    ticks = [sign * size for sign in (-1, 1) for size in (1, 3, 10, 30, 100)]
    shown = sorted(tick for tick in (0, *ticks) if low - 0.2 <= tick <= 1.3 * high)
    axes.set_yticks(shown, [f"{tick:+g}".replace("-", "−") if tick else "0" for tick in shown])
    axes.minorticks_off()


def _caption(told: Probed, points: pd.DataFrame, steep: bool) -> str:
    text = (
        "Test error of trained networks of which units are removed: a unit's branch is set to zero, and a unit without "
        "shortcut is passed by; nothing is trained anew (after Veit et al. 2016, section 4). Left: rise of the error in "
        "points for each unit, mean over the seeds{}; a unit that cannot be removed leaves a gap. Right of it: error "
        "against the number of removed units, mean of all draws{}; of one unit the mean over the units."
    ).format(*((" (thick) and each seed (thin)", " (line) and every random set (dots)") if not told.many else ("", "")))
    if points["panel"].eq("swap").any():
        text += " Rightmost: rise for each random pair of units that change places, by the distance between them."
    if steep:
        text += " Scales of rises are linear up to one point, and logarithmic beyond."
    images = sorted({int(found["images"]) for cell in told.cells for found in cell.found.values()})
    counts = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    return f"{text} On {counts} test images. Runs that diverged are left out.{told.remark()}"
