"""Gradients by depth, at initialisation and at the end, and how alike those of neighbouring inputs are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import Canvas, logarithmic, objects, power_text, whole
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.probed import (
    COLUMNS,
    Panel,
    Probed,
    ProbedCell,
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
    """The figure, or None if no run was probed."""
    data = probed(evidence, "gradients", every=True)
    if not data:
        return None
    points = flow_points(data)
    if points["value"].isna().all():
        return None
    ends = [
        f"with {name} from {_size(line['value'].iloc[0])} to {_size(line['value'].iloc[-1])}"
        for name, line in named_lines(means_of(points, "start"), data.arms.words)
    ]
    alt = f"Gradients relative to the weights at initialisation, from the first layer to the last: {'; '.join(ends)}."
    draws = [partial(_draw, data, points, narrow) for narrow in (False, True)]
    return Figure(
        "gradient-flow", points, draws[0], _caption(data, points), alt, _title(points, data.arms.words), draws[1]
    )


def _size(value: float) -> str:
    """One digit: gradients are compared by powers of ten."""
    return power_text(float(f"{float(value):.1g}"))


def _title(points: pd.DataFrame, words: Mapping[str, str]) -> str:
    """Of the deepest networks: how far the gradients of the layers lie apart before training."""
    start = means_of(points, "start")
    start = start[(start["row"] == start["row"].iloc[-1]) & (start["value"].astype(float) > 0)] if len(start) else start
    spans = []
    for name, line in named_lines(start, words):
        values = line["value"].astype(float)
        spans.append((float(values.max() / values.min()), name))
    if not spans:
        return "Gradients of the layers by depth"
    texts = [f"{power_text(float(f'{span:.2g}'))} times ({name})" for span, name in sorted(spans, reverse=True)[:2]]
    return f"Before training the gradients of layers differ by up to {', '.join(texts)}"


def flow_points(data: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`.

    Of the panels `start` and `end` the place is the depth of the layer, 0 the stem and 1 the last one; of `correlation`
    it counts the units from 1. The end is that of runs that ended.
    """
    rows: list[dict[str, Any]] = []
    seeds = not data.arms.many
    for cell in data.cells:
        layers = cell.layers
        depths = [i / max(len(layers) - 1, 1) for i in range(len(layers))]
        last = {seed: result for seed, result in cell.results.items() if seed in cell.ended}
        for panel, series in (("start", _gradients(cell.results, 0)), ("end", _gradients(last, -1))):
            if series:
                rows += line_rows(cell, panel, series, depths, layers, seeds, geometric=True)
        correlations: dict[int, Series] = {seed: result["correlation"] for seed, result in cell.results.items()}
        units = len(next(iter(correlations.values())))
        rows += line_rows(cell, "correlation", correlations, range(1, units + 1), [""] * units, seeds)
    return objects(rows, COLUMNS)


def _gradients(results: Mapping[int, Mapping[str, Any]], epoch: int) -> dict[int, Series]:
    """Gradients at one of the epochs that were measured, by seed."""
    return {seed: result["relative"][epoch] for seed, result in results.items() if result["relative"]}


def _draw(data: Probed, points: pd.DataFrame, narrow: bool) -> Canvas:
    values = points.loc[points["panel"] != "correlation", "value"].astype(float)
    above = values[values > 0]
    limits = (above.min() / 1.4, above.max() * 1.4) if len(above) else None
    gradients = partial(_draw_gradients, data=data, limits=limits)
    depth = "depth of the layer, 0 to 1"
    panels = (
        Panel("start", "at initialisation", depth, "|g| / |w|", gradients),
        Panel("end", "at the end", depth, "", gradients),
        Panel("correlation", "neighbours' correlation", "unit", "", partial(_draw_correlation, data=data)),
    )
    return draw_panels(data, points, panels, narrow)[0]


def _draw_gradients(axes: Axes, points: pd.DataFrame, data: Probed, limits: tuple[float, float] | None) -> None:
    """All panels of gradients share a logarithmic scale, if anything is above zero."""
    draw_series(axes, positive(points) if limits else points, data)
    if limits:
        axes.set_ylim(*limits)
        logarithmic(axes)
    axes.set_xlim(-0.03, 1.03)


def _draw_correlation(axes: Axes, points: pd.DataFrame, data: Probed) -> None:
    draw_series(axes, points, data)
    low = points["value"].min()
    axes.set_ylim(min(-0.05, low - 0.05) if low == low else -0.05, 1.05)
    whole(axes)


def _caption(data: Probed, points: pd.DataFrame) -> str:
    seeds = " (thick) and each seed (thin)" if points["kind"].eq("seed").any() else ""
    text = (
        "Gradient of each layer's weights relative to the weights, |g|/|w|, at initialisation and after the last epoch, "
        f"against the depth of the layer; geometric mean over the seeds{seeds}. Neighbours' correlation: at initialisation, of the "
        "gradients by the input of each unit at neighbouring points of a line between two images, mean over the seeds; "
        "near 1 they change smoothly, near 0 they are white noise (shattered: Balduzzi et al. 2017). Runs that did "
        "not train count at initialisation, and at the end only where all of a cell collapsed."
    )
    if (points.loc[points["panel"] != "correlation", "value"].astype(float) == 0).any():
        text += " Gradients of exactly zero have no place on this scale: there is a gap."
    if any(map(_has_grown, data.cells)):
        text += " A network that grows has fewer layers and units at initialisation; its units are counted as they were then."
    return text + data.remark()


def _has_grown(cell: ProbedCell) -> bool:
    """Whether there are more units at the end than at initialisation, of which the correlations are."""
    units = {name.split(".")[1] for name in cell.layers if name.startswith("units.")}
    return len(next(iter(cell.results.values()))["correlation"]) < len(units)
