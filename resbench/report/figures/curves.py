"""Training curves: mean error over the seeds of a cell by epoch, train dashed and validation solid (He et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from resbench.core.text import plural
from resbench.records.record import Row
from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    WIDE,
    Canvas,
    is_steep,
    label_edges,
    logarithmic,
    panels,
    value_text,
    whole,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.marks import Spot
from resbench.report.figures.spots import cell_spot, mark_points
from resbench.report.figures.styles import DASHED, SOLID, Arms, Dash, legend
from resbench.report.figures.training_layout import is_recorded
from resbench.report.labels import Labels
from resbench.report.outcomes import measured
from resbench.report.statistics.mean import mean
from resbench.report.study import Study

_ARMS_IN_ONE = 6
_MOST_PANELS = 12
_MOST_SAID = 12  # lines of an alternative text
# column -> (name, dash)
_LINES: Mapping[str, tuple[str, Dash]] = {"train_error": ("training", DASHED), "val_error": ("validation", SOLID)}
_KINDS = {
    "train_error": "training (dashed; measured while the weights change, on images as they are augmented)",
    "val_error": "validation (solid)",
}


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if no run that ended has two epochs, or losses within epochs are there to be drawn instead."""
    if is_recorded(evidence):
        return None
    study, x, arms = evidence.study, evidence.x, evidence.arms
    if len(evidence.frame) <= _ARMS_IN_ONE:
        x, arms = None, evidence.arms_by(study.axes)
    points = curve_points(study, x, arms, evidence.labels)
    points = points.dropna(subset=list(_LINES), how="all")  # of a user's own code, which need not report any
    if points["epoch"].nunique() < 2:
        return None  # one epoch is no curve
    lengths = points.groupby(["panel", "arm"], sort=False)["epoch"].transform("nunique")
    lines, curved = (part.groupby(["panel", "arm"]).ngroups for part in (points, points[lengths > 1]))
    if 2 * curved < lines:
        return None
    alone = lines - curved
    points = points[lengths > 1]  # one epoch is no curve
    names = list(dict.fromkeys(points["panel"]))
    points = points[points["panel"].isin(names[:_MOST_PANELS])]
    kinds = [_KINDS[column] for column in _LINES if points[column].notna().any()]
    caption = f"Mean error by epoch over the seeds that ended: {' and '.join(kinds)}. Runs that did not train are left out, but where all of a cell collapsed."
    hues = evidence.hues_of(arms)
    if hues is not arms:
        caption += f" The {len(arms.names)} arms are coloured by {', '.join(map(evidence.labels.name, hues.axes))}."
    if len(names) > _MOST_PANELS:
        caption += f" The first {_MOST_PANELS} of {len(names)} panels."
    if alone:
        caption += f" Left out, as they trained for a single epoch: {alone} of {lines} lines."
    groups = {arms.name(cell): hues.name(cell) for cell in evidence.frame.to_dict("records")}
    drawn = points.assign(spots=pd.Series(_spots(evidence, points, x, arms), index=points.index, dtype=object))
    draws = [partial(_draw, drawn, hues, groups, narrow) for narrow in (False, True)]
    return Figure("curves", points, draws[0], caption, _alt(points, arms), _title(points), draws[1])


def _spots(evidence: Evidence, points: pd.DataFrame, x: str | None, arms: Arms) -> list[dict[str, Spot]]:
    """What the points of each row stand for, by column."""
    cells = {_place(evidence.labels, cell, x, arms): cell for cell in evidence.frame.to_dict("records")}
    return [
        {
            column: cell_spot(
                evidence,
                cells[row["panel"], row["arm"]],
                f"epoch {row['epoch']}: {name} error {value_text(row[column])} %\nmean of {plural(row['seeds'], 'seed')}",
            )
            for column, (name, _) in _LINES.items()
        }
        for row in points.to_dict("records")
    ]


def _place(labels: Labels, cell: Mapping[Any, Any], x: str | None, arms: Arms) -> tuple[str, str]:
    """The panel and the arm of a cell."""
    return labels.value(x, cell[x]) if x else "", arms.name(cell)


def _title(points: pd.DataFrame) -> str:
    """From where to where the errors fall."""
    column = "val_error" if points["val_error"].notna().any() else "train_error"
    lines = [line.sort_values("epoch")[column].dropna() for _, line in points.groupby(["panel", "arm"], sort=False)]
    ends = [[float(line.iloc[i]) for line in lines if len(line)] for i in (0, -1)]
    first, last = (_range_text(min(values), max(values)) for values in ends)
    return f"{_LINES[column][0].capitalize()} errors: {first} after the first epoch, {last} after the last"


def _range_text(low: float, high: float) -> str:
    texts = value_text(low), value_text(high)
    return f"{' to '.join(dict.fromkeys(texts))} %"


def _alt(points: pd.DataFrame, arms: Arms) -> str:
    """The first and the last error of each line."""
    column = "val_error" if points["val_error"].notna().any() else "train_error"
    texts = []
    for (panel, arm), line in points.groupby(["panel", "arm"], sort=False):
        known = line[line[column].notna()].sort_values("epoch")
        if len(known):
            ends = " to ".join(value_text(float(known[column].iloc[i])) for i in (0, -1))
            texts.append(f"{panel} {arms.words[str(arm)]}: {ends}".strip())
    text = f"{_LINES[column][0].capitalize()} error in percent, from the first to the last epoch: {'; '.join(texts[:_MOST_SAID])}"
    return text + ("; …." if len(texts) > _MOST_SAID else ".")


def curve_points(study: Study, x: str | None, arms: Arms, labels: Labels) -> pd.DataFrame:
    """Mean errors in percent by epoch, and the number of seeds.

    Args:
        x: the axis that makes the panels; None for one panel.
        arms: the combinations of all other axes.
        labels: what its values are called.
    """
    rows: list[dict[str, Any]] = []
    for _, cell, part in study.cells:
        at = dict(zip(("panel", "arm"), _place(labels, cell, x, arms), strict=True))
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
    return round(mean([100 * (1 - value) for row in history if (value := row.get(accuracy)) is not None]), 10)


def _draw(points: pd.DataFrame, hues: Arms, groups: Mapping[str, str], narrow: bool) -> Canvas:
    """A panel for each value of x.

    Args:
        groups: arm -> what colours it.
    """
    points = points.assign(group=points["arm"].map(groups))
    names = list(dict.fromkeys(points["panel"]))
    columns = 1 if len(names) == 1 or narrow else 2 if len(names) in (2, 4) else 3
    size = (NARROW, 2.6, 0.9) if narrow else (WIDE, 3.8, 0.2) if len(names) == 1 else (WIDE, 2.3, 0.6)
    figure, grid = panels(
        len(names), columns, *size, sharex=len(set(points.groupby("panel")["epoch"].max())) == 1, sharey=True
    )
    steep = is_steep(pd.concat([points[column] for column in _LINES]))
    for name, axes in zip(names, grid, strict=True):
        for column, (_, dash) in _LINES.items():
            part = points[points["panel"] == name]
            draw_lines(axes, part, "epoch", column, hues, dash=dash)
            mark_points(axes, part.assign(spot=[spots[column] for spots in part["spots"]]), "epoch", column)
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
    legend(figure, hues, False, handles, shown=set(points["group"]))
    return figure
