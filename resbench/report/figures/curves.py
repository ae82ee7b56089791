"""Training curves: mean error over the seeds of a cell by epoch, train dashed and validation solid (He et al. 2015)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from resbench.report.figures.styles import Arms, legend
from resbench.report.frames import groups, interval, show
from resbench.report.study import Study

_ARMS_IN_ONE = 6
_MOST_PANELS = 12
_LINES: Mapping[str, Any] = {"train_error": "--", "val_error": "-"}
_LOG_FROM = 10.0  # ratio of the largest to the smallest error from which the scale is logarithmic


def draw_curves(study: Study, x: str | None, arms: Arms) -> tuple[Figure, pd.DataFrame, str] | None:
    """The figure, exactly what it shows, and its caption; None if no run that ended has two epochs.

    Args:
        x: the axis that makes the panels where there are too many cells for one.
        arms: the combinations of all other axes.
    """
    found = list(groups(study.runs, study.axes))
    if len(found) <= _ARMS_IN_ONE:
        cells = pd.DataFrame([dict(part.iloc[0]) for _, part in found], dtype=object)
        arms = Arms(cells, study.axes, study.baseline)
        x = None
    points = _points(study, x, arms)
    if points["epoch"].nunique() < 2:
        return None  # one epoch is no curve
    panels = list(dict.fromkeys(points["panel"]))
    shown = panels[:_MOST_PANELS]
    points = points[points["panel"].isin(shown)]
    caption = (
        "Mean error by epoch over the seeds that ended: training (dashed; measured while the weights change, on "
        "images as they are augmented) and validation (solid). Diverged runs are left out."
    )
    if len(panels) > len(shown):
        caption += f" The first {len(shown)} of {len(panels)} panels."
    return _draw(points, shown, arms), points, caption


def _points(study: Study, x: str | None, arms: Arms) -> pd.DataFrame:
    histories = {record["id"]: record["history"] for record in study.records if record["status"] == "ok"}
    rows: list[dict[str, Any]] = []
    for _, part in groups(study.runs, study.axes):
        cell = part.iloc[0]
        at = {"panel": f"{x} {show(cell[x])}" if x else "", "arm": arms.of(cell.to_dict())}
        epochs: dict[int, list[Mapping[str, Any]]] = {}
        for run_id in part["id"]:
            for entry in histories.get(run_id, []):
                epochs.setdefault(entry["epoch"], []).append(entry)
        for epoch, entries in sorted(epochs.items()):
            errors = {name: _mean(entries, name.replace("error", "accuracy")) for name in _LINES}
            rows.append(at | {"epoch": epoch, "seeds": len(entries)} | errors)
    return pd.DataFrame(rows, columns=["panel", "arm", "epoch", "seeds", *_LINES])


def _mean(entries: list[Mapping[str, Any]], accuracy: str) -> float:
    """Mean error in percent."""
    return interval([100 * (1 - float(entry[accuracy])) for entry in entries if entry.get(accuracy) is not None]).mean


def _draw(points: pd.DataFrame, panels: list[str], arms: Arms) -> Figure:
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3
    rows = math.ceil(len(panels) / columns)
    size = (8.5, 4.6) if len(panels) == 1 else (11, 0.6 + 2.7 * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    errors = points[list(_LINES)].stack()
    logarithmic = bool(len(errors) and errors.min() > 0 and errors.max() / errors.min() > _LOG_FROM)
    for number, axes in enumerate(grid.flat):
        if number >= len(panels):
            axes.set_visible(False)
            continue
        _draw_panel(axes, points[points["panel"] == panels[number]], arms, logarithmic)
        axes.set_title(panels[number], fontsize="medium")
        if number + columns >= len(panels):
            axes.xaxis.set_tick_params(labelbottom=True)
            axes.set_xlabel("epoch")
            axes.xaxis.label.set_visible(True)
        if number % columns == 0:
            axes.set_ylabel("error (%)")
    names = {"train_error": "train", "val_error": "validation"}
    drawn = [name for name in _LINES if points[name].notna().any()]
    extra = [Line2D([], [], color="#57606a", linestyle=_LINES[name], label=names[name]) for name in drawn]
    legend(figure, arms, False, extra)
    return figure


def _draw_panel(axes: Axes, points: pd.DataFrame, arms: Arms, logarithmic: bool) -> None:
    lines = dict(list(points.groupby("arm", sort=False)))
    for name, style in zip(arms.names, arms.styles, strict=True):
        line = lines.get(name, points.iloc[:0])
        for error, dash in _LINES.items():
            there = line[line[error].notna()]
            if len(there):
                axes.plot(  # not seaborn's lineplot, which takes ten times as long and draws the same
                    there["epoch"], there[error], color=style.color, linestyle=dash, linewidth=1.5,
                    marker=style.marker, markersize=4, markeredgewidth=0, markevery=max(1, len(there) // 8),
                )  # fmt: skip
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("")
    axes.set_ylabel("")
