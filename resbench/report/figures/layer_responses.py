"""Layer responses: standard deviation behind each layer's norm (He et al. 2015, arXiv 1512.03385, figure 7)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import Canvas, is_steep, logarithmic, objects, value_text, whole
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.probed import (
    COLUMNS,
    Panel,
    Probed,
    draw_panels,
    draw_series,
    line_rows,
    means_of,
    named_lines,
    positive,
    probed,
)
from resbench.report.statistics.mean import Series


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if no network that learned was probed."""
    data = probed(evidence, "responses", every=False, learned=True)
    if not data:
        return None
    points = response_points(data)
    if points["value"].isna().all():
        return None
    ranges = [
        f"{name} {line['value'].min():.2g} to {line['value'].max():.2g}"
        for name, line in named_lines(means_of(points, "order"), data.arms.words)
    ]
    alt = f"Standard deviation of the layers' responses: {'; '.join(ranges)}."
    means = means_of(points, "order")["value"].astype(float)
    title = f"Responses of the layers of trained networks lie between {value_text(means.min())} and {value_text(means.max())}"
    draws = [partial(_draw, data, points, narrow) for narrow in (False, True)]
    return Figure("responses", points, draws[0], _caption(data, points), alt, title, draws[1])


def response_points(data: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`: `place` counts the layers, or their ranks, from 1."""
    rows: list[dict[str, Any]] = []
    seeds = not data.arms.many
    for cell in data.cells:
        layers = cell.layers
        series: dict[int, Series] = {seed: result["deviation"] for seed, result in cell.results.items()}
        places = range(1, len(layers) + 1)
        rows += line_rows(cell, "order", series, places, layers, seeds)
        ordered = {seed: _descending(values) for seed, values in series.items()}
        rows += line_rows(cell, "sorted", ordered, places, [""] * len(layers), seeds)
    return objects(rows, COLUMNS)


def _descending(values: Series) -> Series:
    """Largest first, absent ones last."""
    return sorted(values, key=lambda value: (value is None, -(value or 0.0)))


def _draw(data: Probed, points: pd.DataFrame, narrow: bool) -> Canvas:
    values = points["value"].astype(float)
    shown = values[values > 0]
    steep = is_steep(shown)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        """On the scale of all panels, so that none cuts what another shows."""
        draw_series(axes, positive(part) if steep else part, data)
        if steep:
            axes.set_ylim(shown.min() / 1.3, shown.max() * 1.3)
            logarithmic(axes)
        else:
            axes.set_ylim(0, 1.05 * values.max() or 1)
        whole(axes)

    panels = (
        Panel("order", "layers in order", "layer", "standard deviation", draw),
        Panel("sorted", "sorted by magnitude", "rank of the layer", "", draw),
    )
    return draw_panels(data, points, panels, narrow)[0]


def _caption(data: Probed, points: pd.DataFrame) -> str:
    seeds = points["kind"].eq("seed").any()
    return (
        "Responses of the layers at the end of training: standard deviation of each layer's output behind its norm and "
        "before the nonlinearity, over training images and positions; of the convolution itself where no norm follows "
        "it. In order of depth, the stem first, and in descending order (after He et al. 2015, figure 7). "
        f"{'Thick: mean over the seeds; thin: each seed' if seeds else 'Means over the seeds'}. Sorted by magnitude, each seed is "
        "sorted for itself, and the mean is over layers of equal rank. Runs that did not train "
        "are left out, except where all runs of a cell collapsed."
    ) + data.remark()
