"""Training curves: mean error over the seeds of a cell by epoch, train dashed and validation solid (He et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from resbench.core.text import show
from resbench.records.record import Row
from resbench.report.figures.drawing import GREY, Canvas, is_steep, label_edges, leaf, logarithmic, panels, whole
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.styles import DASHED, SOLID, Arms, Dash, legend
from resbench.report.outcomes import measured
from resbench.report.statistics.mean import mean
from resbench.report.study import Study

_ARMS_IN_ONE = 6
_MOST_PANELS = 12
# column -> (name, dash)
_LINES: Mapping[str, tuple[str, Dash]] = {"train_error": ("train", DASHED), "val_error": ("validation", SOLID)}


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if no run that ended has two epochs."""
    study, x, arms = evidence.study, evidence.x, evidence.arms
    if len(evidence.frame) <= _ARMS_IN_ONE:
        x, arms = None, evidence.arms_by(study.axes)
    points = curve_points(study, x, arms)
    if points["epoch"].nunique() < 2:
        return None  # one epoch is no curve
    names = list(dict.fromkeys(points["panel"]))
    points = points[points["panel"].isin(names[:_MOST_PANELS])]
    caption = (
        "Mean error by epoch over the seeds that ended: training (dashed; measured while the weights change, on "
        "images as they are augmented) and validation (solid). Runs that did not train are left out, but where all of a cell collapsed."
    )
    hues = evidence.hues_of(arms)
    if hues is not arms:
        caption += f" The {len(arms.names)} arms are coloured by {', '.join(map(leaf, hues.axes))}."
    if len(names) > _MOST_PANELS:
        caption += f" The first {_MOST_PANELS} of {len(names)} panels."
    alt = "Training and validation error of each cell by epoch."
    groups = {arms.name(cell): hues.name(cell) for cell in evidence.frame.to_dict("records")}
    return Figure("curves", points, partial(_draw, points, hues, groups), caption, alt)


def curve_points(study: Study, x: str | None, arms: Arms) -> pd.DataFrame:
    """Mean errors in percent by epoch, and the number of seeds.

    Args:
        x: the axis that makes the panels; None for one panel.
        arms: the combinations of all other axes.
    """
    rows: list[dict[str, Any]] = []
    for _, cell, part in study.cells:
        at = {"panel": f"{x} {show(cell[x])}" if x else "", "arm": arms.name(cell)}
        epochs: dict[int, list[Row]] = {}
        for run_id in measured(part)["id"]:
            for row in study.by_id[run_id].history:
                epochs.setdefault(int(row["epoch"] or 0), []).append(row)
        for epoch, history in sorted(epochs.items()):
            errors = {name: _mean_error(history, name.replace("error", "accuracy")) for name in _LINES}
            rows.append(at | {"epoch": epoch, "seeds": len(history)} | errors)
    return pd.DataFrame(rows, columns=["panel", "arm", "epoch", "seeds", *_LINES])


def _mean_error(history: Sequence[Row], accuracy: str) -> float:
    """In percent."""
    return mean([100 * (1 - value) for row in history if (value := row.get(accuracy)) is not None])


def _draw(points: pd.DataFrame, hues: Arms, groups: Mapping[str, str]) -> Canvas:
    """A panel for each value of x.

    Args:
        groups: arm -> what colours it.
    """
    points = points.assign(group=points["arm"].map(groups))
    names = list(dict.fromkeys(points["panel"]))
    columns = 1 if len(names) == 1 else 2 if len(names) in (2, 4) else 3
    size = (8.5, 4.6, 0.0) if len(names) == 1 else (11.0, 2.7, 0.6)
    figure, grid = panels(len(names), columns, *size, sharex=True, sharey=True)
    steep = is_steep(pd.concat([points[column] for column in _LINES]))
    for name, axes in zip(names, grid, strict=True):
        for column, (_, dash) in _LINES.items():
            draw_lines(axes, points[points["panel"] == name], "epoch", column, hues, dash=dash)
        axes.set_title(name, fontsize="medium")
        whole(axes, "auto")
        if steep:
            logarithmic(axes)
    label_edges(grid, columns, "epoch", "error (%)")
    handles = [
        Line2D([], [], color=GREY, linestyle=(0, dash) if dash else "-", label=label)
        for column, (label, dash) in _LINES.items()
        if points[column].notna().any()
    ]
    legend(figure, hues, False, handles)
    return figure
