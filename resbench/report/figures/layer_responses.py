"""Layer responses: standard deviation behind each layer's norm (He et al. 2015, arXiv 1512.03385, figure 7)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import LOG_FROM, SMALL, Drawn, logarithmic, objects
from resbench.report.figures.probed import (
    COLUMNS,
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

_PANELS = {"order": "layers in order", "sorted": "sorted by magnitude"}


def draw_responses(study: Study, frame: pd.DataFrame) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if no run that ended was probed.

    Args:
        frame: as `cells.cells` returns.
    """
    told = probed(study, frame, "responses", diverged=False)
    if not told:
        return None
    points = response_points(told)
    if points["value"].notna().sum() == 0:
        return None
    figure, grid = panels_of(len(told.rows), len(_PANELS))
    steep = _is_steep(points)
    for row, line in zip(told.rows, grid, strict=True):
        for (panel, text), axes in zip(_PANELS.items(), line, strict=True):
            part = points[(points["row"] == row) & (points["panel"] == panel)]
            _draw_panel(axes, part, told, steep)
            title(axes, row, text)
            axes.set_xlabel("layer" if panel == "order" else "rank of the layer", fontsize=SMALL)
        line[0].set_ylabel("standard deviation", fontsize=SMALL)
        line[1].sharey(line[0])
    arms_legend(figure, told)
    return figure, points, _caption(told, points)


def response_points(told: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`: `place` counts the layers, or their ranks, from 1."""
    rows: list[dict[str, Any]] = []
    for cell in told.cells:
        layers = next(iter(cell.found.values()))["layers"]
        series: dict[int, Series] = {seed: found["deviation"] for seed, found in cell.found.items()}
        places = list(range(1, len(layers) + 1))
        rows += line_rows(cell, "order", series, places, layers, not told.many)
        ordered = {seed: _descending(values) for seed, values in series.items()}
        rows += line_rows(cell, "sorted", ordered, places, [""] * len(places), not told.many)
    return objects(rows, COLUMNS)


def _descending(values: Series) -> Series:
    """Largest first, absent ones last."""
    return sorted(values, key=lambda value: (value is None, -(value or 0.0)))


def _is_steep(points: pd.DataFrame) -> bool:
    values = points["value"].astype(float)
    there = values[values > 0]
    return bool(len(there) and there.max() / there.min() > LOG_FROM)


def _draw_panel(axes: Axes, points: pd.DataFrame, told: Probed, steep: bool) -> None:
    if steep:
        axes.set_yscale("log")
    draw_lines(axes, points, told)
    if steep:
        logarithmic(axes)
    else:
        axes.set_ylim(bottom=0)
    whole(axes)


def _caption(told: Probed, points: pd.DataFrame) -> str:
    text = (
        "Responses of the layers at the end of training: standard deviation of each layer's output behind its norm and "
        "before the nonlinearity, over training images and positions; of the convolution itself where no norm follows "
        "it. In order of depth, the stem first, and in descending order (after He et al. 2015, figure 7)."
    )
    if points["kind"].eq("seed").any():
        text += " Thick: mean over the seeds; thin: each seed."
    else:
        text += " Means over the seeds."
    text += " On the right each seed is sorted for itself, and the mean is over layers of equal rank."
    return text + " Runs that diverged are left out." + told.remark()
