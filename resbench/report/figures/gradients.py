"""Heat map of gradients, layer by epoch: which layers learn, and when, on one scale of colours for all arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from resbench.report.figures.drawing import (
    GREY,
    HATCH,
    PAPER,
    SMALL,
    TINY,
    WIDE,
    Canvas,
    bare,
    label_edges,
    objects,
    panels,
    part_labels,
    power_text,
    wrapped,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.probed import Probed, ProbedCell, evenly, probed
from resbench.report.statistics.mean import means

_COLUMNS = ("panel", "epoch", "place", "layer", "gradient", "seeds")
_MOST_PANELS = 12
_MOST_DECADES = 12.0  # of the scale of colours, from its upper end
_GAP = 0.35  # between the column of the initialisation and the others


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if no run was probed."""
    data = probed(evidence, "gradients", every=True)
    if not data:
        return None
    cells = _chosen(data)
    points = gradient_points(cells)
    values = points["gradient"].astype(float)
    above = values[values > 0]
    if above.empty:
        return None
    alt = (
        f"Heat maps of {points['panel'].nunique()} cells, layer by epoch: gradients relative to the weights from "
        f"{power_text(float(f'{above.min():.1g}'))} to {power_text(float(f'{above.max():.1g}'))}."
    )
    arms = len(cells) if data.rows == [""] else len({cell.arm for cell in cells})
    columns = arms if arms <= 4 else 3 if arms in (5, 6, 9) else 4
    caption = _caption(points, len(cells), data.probed_cells)
    title = f"Gradients of the layers by epoch, from {power_text(float(f'{above.min():.1g}'))} to {power_text(float(f'{above.max():.1g}'))} times the weights"
    return Figure("gradients", points, partial(_draw, points, columns), caption, alt, title)


def gradient_points(cells: Sequence[ProbedCell]) -> pd.DataFrame:
    """What the figure shows: by panel, epoch and layer the geometric mean of |g|/|w| over the seeds that have it."""
    rows: list[dict[str, Any]] = []
    for cell in cells:
        name = ", ".join(filter(None, (cell.row, cell.words if cell.arm != "all" else "")))
        for epoch in sorted({epoch for result in cell.results.values() for epoch in result["epochs"]}):
            counted = {seed: one for seed, one in cell.results.items() if not epoch or seed not in cell.collapsed}
            results = [result for result in counted.values() if epoch in result["epochs"]]
            series = [result["relative"][result["epochs"].index(epoch)] for result in results]
            for place, (layer, (value, count)) in enumerate(zip(cell.layers, means(series, True), strict=True), 1):
                at = {"panel": name, "epoch": epoch, "place": place, "layer": layer}
                rows.append(at | {"gradient": value, "seeds": count})
    return objects(rows, _COLUMNS)


def _chosen(data: Probed) -> list[ProbedCell]:
    """At most as many cells as there is room for: whole depths and arms, evenly chosen."""
    arms = evenly(list(dict.fromkeys(cell.arm for cell in data.cells)), _MOST_PANELS)
    rows = evenly(data.rows, max(1, _MOST_PANELS // len(arms)))
    return [cell for cell in data.cells if cell.arm in arms and cell.row in rows][:_MOST_PANELS]


def _norm(points: pd.DataFrame) -> Normalize:
    """Limits of log10 of the gradients."""
    values = points["gradient"].astype(float)
    logs = np.log10(values[values > 0].to_numpy())
    low, high = math.floor(10 * logs.min()) / 10, math.ceil(10 * logs.max()) / 10
    return Normalize(max(low, high - _MOST_DECADES), high if high > low else low + 1)


def _is_below(points: pd.DataFrame) -> bool:
    """Whether there are gradients below the scale, zeros for example."""
    return bool((points["gradient"].astype(float) < 10 ** (_norm(points).vmin or 0.0) * (1 - 1e-9)).any())


def _draw(points: pd.DataFrame, columns: int) -> Canvas:
    parts = list(points.groupby("panel", sort=False))
    figure, grid = panels(len(parts), columns, min(WIDE, 1.6 + 2.0 * columns), 2.5, 0.7)
    norm = _norm(points)
    for (name, part), axes in zip(parts, grid, strict=True):
        _draw_panel(axes, part, norm)
        axes.set_title("\n".join(wrapped(str(name), 1.6, SMALL, most=2)), fontsize=SMALL)
    label_edges(grid, columns, "epoch", "layer, 1 at the input", SMALL)
    _draw_legend(figure, grid, points)
    part_labels(figure, grid)
    return figure


def _draw_panel(axes: Axes, points: pd.DataFrame, norm: Normalize) -> None:
    epochs, layers = sorted(set(points["epoch"])), int(points["place"].max())
    values = np.full((layers, len(epochs)), np.nan)  # (layers, epochs)
    places = (points["place"].to_numpy(dtype=int) - 1, [epochs.index(epoch) for epoch in points["epoch"]])
    values[places] = points["gradient"].to_numpy(dtype=float)
    start = 1 if epochs[0] == 0 else 0
    _draw_block(axes, values[:, :start], 0.0, norm)
    _draw_block(axes, values[:, start:], start * (1 + _GAP), norm)
    centres = [i + 0.5 + (_GAP if start and i else 0.0) for i in range(len(epochs))]
    axes.set_xticks(centres, ["init" if epoch == 0 else str(epoch) for epoch in epochs])
    axes.set_xlim(0, centres[-1] + 0.5)
    axes.set_ylim(0.5, layers + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.tick_params(labelsize=TINY)
    bare(axes)


def _draw_block(axes: Axes, values: npt.NDArray[np.float64], left: float, norm: Normalize) -> None:
    """Fields of `(layers, epochs)` from this place on; those without a value are hatched, zeros have the lowest colour."""
    layers, epochs = values.shape
    if not epochs:
        return
    if np.isnan(values).any():
        axes.add_patch(Rectangle((left, 0.5), epochs, layers, facecolor=PAPER, **HATCH))
    with np.errstate(divide="ignore"):
        logs = np.log10(values)
    logs = np.where(np.isneginf(logs), (norm.vmin or 0.0) - 1, logs)
    x, y = left + np.arange(epochs + 1), 0.5 + np.arange(layers + 1)
    axes.pcolormesh(x, y, np.ma.masked_invalid(logs), cmap="cividis", norm=norm, rasterized=True)


def _draw_legend(figure: Canvas, grid: Sequence[Axes], points: pd.DataFrame) -> None:
    mesh = next(axes.collections[0] for axes in grid if axes.collections)
    extend = "min" if _is_below(points) else "neither"
    shrink = min(1.0, 3.0 / figure.get_figheight())
    bar = figure.colorbar(mesh, ax=list(grid), extend=extend, shrink=shrink, pad=0.015, aspect=18)
    bar.set_label("log₁₀ of |g| / |w|", fontsize=SMALL)
    bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=7))
    bar.ax.tick_params(labelsize=SMALL)
    if points["gradient"].isna().any():
        patch = Patch(facecolor=PAPER, label="no value", **HATCH)
        figure.legend(handles=[patch], loc="outside lower right", frameon=False, fontsize=SMALL, labelcolor=GREY)


def _caption(points: pd.DataFrame, panels: int, total: int) -> str:
    text = (
        "Gradient of each layer's weights relative to the weights, |g|/|w|, at initialisation and after the epochs that "
        "were measured: geometric mean over the seeds that got so far, with those that diverged later; after training without those that "
        "collapsed where others trained. The input is at "
        "the bottom, and all panels have one scale of colours."
    )
    if points["gradient"].isna().any():
        text += " Hatched: the layer was not there yet, its weights were zero, or its gradient was not finite."
    if _is_below(points):
        text += " Fields below the scale, zeros among them, have the colour of its end."
    return text + (f" {panels} of the {total} cells that were probed are drawn." if total > panels else "")
