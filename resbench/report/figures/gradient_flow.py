"""Gradients by depth, at initialisation and at the end, and how alike those of neighbouring inputs are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import SMALL, Drawn, logarithmic, objects
from resbench.report.figures.probed import (
    COLUMNS,
    Cell,
    Probed,
    Series,
    arms_legend,
    draw_lines,
    line_rows,
    panels_of,
    probed,
    title,
    whole,
)
from resbench.report.study import Study

_PANELS = {"start": "at initialisation", "end": "at the end", "correlation": "correlation of neighbours"}


def draw_gradient_flow(study: Study, frame: pd.DataFrame) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if no run was probed.

    Args:
        frame: as `cells.cells` returns.
    """
    told = probed(study, frame, "gradients", diverged=True)
    if not told:
        return None
    points = flow_points(told)
    if points["value"].notna().sum() == 0:
        return None
    figure, grid = panels_of(len(told.rows), len(_PANELS))
    limits = _limits(points)
    for row, line in zip(told.rows, grid, strict=True):
        for (panel, text), axes in zip(_PANELS.items(), line, strict=True):
            part = points[(points["row"] == row) & (points["panel"] == panel)]
            if panel == "correlation":
                _draw_correlation(axes, part, told)
            else:
                _draw_gradients(axes, part, told, limits)
            title(axes, row, text)
        line[0].set_ylabel("|g| / |w|", fontsize=SMALL)
    arms_legend(figure, told)
    return figure, points, _caption(told, points)


def flow_points(told: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`.

    Of the panels `start` and `end` the place is the depth of the layer, 0 the stem and 1 the last one; of `correlation`
    it counts the units from 1. The end is that of runs that ended.
    """
    rows: list[dict[str, Any]] = []
    for cell in told.cells:
        layers = next(iter(cell.found.values()))["layers"]
        depths = [i / max(len(layers) - 1, 1) for i in range(len(layers))]
        last = {seed: found for seed, found in cell.found.items() if seed in cell.ended}
        for panel, series in (("start", _at(cell.found, 0)), ("end", _at(last, -1))):
            if series:
                rows += line_rows(cell, panel, series, depths, layers, not told.many, geometric=True)
        rows += _correlations(cell, not told.many)
    return objects(rows, COLUMNS)


def _at(found: Mapping[int, Mapping[str, Any]], which: int) -> dict[int, Series]:
    """Gradients at one of the epochs that were measured, by seed."""
    return {seed: one["relative"][which] for seed, one in found.items() if one["relative"]}


def _correlations(cell: Cell, seeds: bool) -> list[dict[str, Any]]:
    series: dict[int, Series] = {seed: found["correlation"] for seed, found in cell.found.items()}
    units = len(next(iter(series.values())))
    return line_rows(cell, "correlation", series, range(1, units + 1), [""] * units, seeds)


def _limits(points: pd.DataFrame) -> tuple[float, float] | None:
    """Of the logarithmic scale that all panels of gradients share; None if nothing is above zero."""
    values = points.loc[points["panel"] != "correlation", "value"].astype(float)
    there = values[values > 0]
    return (float(there.min()) / 1.4, float(there.max()) * 1.4) if len(there) else None


def _draw_gradients(axes: Axes, points: pd.DataFrame, told: Probed, limits: tuple[float, float] | None) -> None:
    if limits:
        axes.set_yscale("log")
    draw_lines(axes, points, told)
    if limits:
        axes.set_ylim(*limits)
        logarithmic(axes)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("depth of the layer, 0 at the input", fontsize=SMALL)


def _draw_correlation(axes: Axes, points: pd.DataFrame, told: Probed) -> None:
    draw_lines(axes, points, told)
    low = points["value"].min()
    axes.set_ylim(min(-0.05, low - 0.05) if low == low else -0.05, 1.05)
    whole(axes)
    axes.set_xlabel("unit", fontsize=SMALL)
    axes.set_ylabel("correlation", fontsize=SMALL)


def _caption(told: Probed, points: pd.DataFrame) -> str:
    text = (
        "Gradient of each layer's weights relative to the weights, |g|/|w|, at initialisation and after the last epoch, "
        "against the depth of the layer; geometric mean over the seeds{}. Right: correlation, at initialisation, of the "
        "gradients by the input of each unit at neighbouring points of a line between two images, mean over the seeds; "
        "near 1 they change smoothly, near 0 they are white noise (shattered: Balduzzi et al. 2017). Runs that diverged "
        "count at initialisation, and are left out at the end."
    ).format(" (thick) and each seed (thin)" if points["kind"].eq("seed").any() else "")
    values = points.loc[points["panel"] != "correlation", "value"].astype(float)
    if (values == 0).any():
        text += " Gradients of exactly zero have no place on this scale: there is a gap."
    if any(_has_grown(cell) for cell in told.cells):
        text += " A network that grows has fewer layers and units at initialisation; its units are counted as they were then."
    return text + told.remark()


def _has_grown(cell: Cell) -> bool:
    """Whether there are more units at the end than at initialisation, of which the correlations are."""
    found = next(iter(cell.found.values()))
    units = {name.split(".")[1] for name in found["layers"] if name.startswith("units.")}
    return len(found["correlation"]) < len(units)
