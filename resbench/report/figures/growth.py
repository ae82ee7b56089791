"""Growing: error against the work of training so far, with marks where networks were deepened (`recipe.grow`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import plural
from resbench.records.record import Record
from resbench.report.figures.drawing import (
    NARROW,
    SIZE,
    SMALL,
    TINY,
    WIDE,
    Canvas,
    is_steep,
    logarithmic,
    objects,
    panels,
    power_text,
    scale_errors,
    value_text,
    width_of,
)
from resbench.report.figures.evidence import DEPTH, Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.marks import Spot
from resbench.report.figures.probed import evenly, named_lines
from resbench.report.figures.spots import cell_spot, mark_points
from resbench.report.figures.styles import Arms, legend
from resbench.report.labels import Labels
from resbench.report.outcomes import measured
from resbench.report.statistics.mean import mean
from resbench.report.study import Study

_COLUMNS = ("row", "arm", "group", "epoch", "depth", "grows", "flops", "error", "seeds")
_AXIS = "recipe.grow"
_IN_ONE = 6  # cells in one panel, as in the training curves
_MOST_PANELS = 6
_UNITS = {1e18: "EFLOPs", 1e15: "PFLOPs", 1e12: "TFLOPs", 1e9: "GFLOPs", 1e6: "MFLOPs"}


@dataclass(frozen=True)
class Growth:
    """How a study that grows is drawn.

    Attributes:
        arms, hues: the lines and what colours them.
        alone: whether all of them have one panel, or each depth one.
        errors: which there are: validation or training.
    """

    arms: Arms
    hues: Arms
    alone: bool
    errors: str


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if no network of the study grows."""
    study, frame = evidence.study, evidence.frame
    if _AXIS not in study.axes and not any(map(_stages, study.records)):
        return None
    depths = frame[DEPTH].nunique() if DEPTH in study.axes else 1
    alone = len(frame) <= _IN_ONE or depths == 1
    arms = evidence.arms_by(study.axes) if alone and depths > 1 else evidence.arms_of_depth
    growth = Growth(arms, evidence.hues_of(arms), alone, _errors(study))
    points = growth_points(study, growth)
    if points.empty or points["epoch"].nunique() < 2:
        return None
    lengths = points.groupby(["row", "arm"], sort=False)["epoch"].transform("nunique")
    grown = points.assign(long=lengths > 1).groupby("row", sort=False)["long"].transform("any")
    points = points[grown]  # panels of single points show no course
    panels = list(dict.fromkeys(points["row"]))
    rows = evenly(panels, _MOST_PANELS)
    points = points[points["row"].isin(rows)].reset_index(drop=True)
    ends = [
        f"{name} {value_text(line['error'].iloc[-1])} % after {power_text(line['flops'].iloc[-1], 1)} FLOPs"
        for name, line in named_lines(points, growth.arms.words)
    ]
    alt = f"Error against the work of training; at the end {'; '.join(ends)}."
    drawn = points.assign(spot=pd.Series(_spots(evidence, points, growth), index=points.index, dtype=object))
    draws = [partial(_draw, growth, drawn, narrow) for narrow in (False, True)]
    caption = _caption(growth.errors, rows, len(panels))
    return Figure("growth", points, draws[0], caption, alt, _title(points, growth), draws[1])


def _spots(evidence: Evidence, points: pd.DataFrame, growth: Growth) -> list[Spot]:
    cells = {(_row(cell, growth), growth.arms.name(cell)): cell for cell in evidence.frame.to_dict("records")}
    out = []
    for row in points.to_dict("records"):
        said = f"epoch {row['epoch']}: {growth.errors} error {value_text(row['error'])} %"
        said += f"\n{power_text(row['flops'], 1)} FLOPs so far"
        said += f", depth {row['depth']}" if row["depth"] != "" else ""
        said += f"\nmean of {plural(row['seeds'], 'seed')}"
        out.append(cell_spot(evidence, cells[row["row"], row["arm"]], said))
    return out


def _row(cell: Mapping[Any, Any], growth: Growth) -> str:
    """The panel of a cell."""
    return "" if growth.alone else Labels().value(DEPTH, cell[DEPTH])


def _title(points: pd.DataFrame, growth: Growth) -> str:
    """The last errors of the arms that grow, and of the others."""
    last = points[points["row"] == points["row"].iloc[-1]]
    texts = [
        f"{value_text(line['error'].iloc[-1])} % ({growth.arms.words[str(arm)]})"
        for arm, line in last.groupby("arm", sort=False)
    ]
    return f"Last {growth.errors} errors: {', '.join(texts[:3])}{', …' if len(texts) > 3 else ''}"


def growth_points(study: Study, growth: Growth) -> pd.DataFrame:
    """What the figure shows: by arm and epoch the mean `error` in percent and the `flops` of a run so far.

    `depth` is that of the epoch in a run that grows; `grows` says that the epoch is the first of a deeper network, whose
    mark stands at the FLOPs of the epoch before.
    """
    rows: list[dict[str, Any]] = []
    for _, cell, runs in study.cells:
        records = [study.by_id[run_id] for run_id in measured(runs)["id"]]
        if not records:
            continue
        at = {"row": _row(cell, growth), "arm": growth.arms.name(cell), "group": growth.hues.name(cell)}
        by_epoch: dict[int, list[tuple[float, float]]] = {}
        for record in records:
            for epoch, flops, error in _epochs(record, growth.errors):
                by_epoch.setdefault(epoch, []).append((flops, error))
        depths = _depths(records[0], max(by_epoch, default=0))
        for epoch, values in sorted(by_epoch.items()):
            depth = depths[epoch - 1] if depths else ""
            grows = bool(depths) and epoch > 1 and depths[epoch - 2] != depth
            flops, error = (mean(column) for column in zip(*values, strict=True))
            point = {"epoch": epoch, "depth": depth, "grows": grows, "flops": flops, "error": error}
            rows.append(at | point | {"seeds": len(values)})
    return objects(rows, _COLUMNS)


def _epochs(record: Record, errors: str) -> Iterator[tuple[int, float, float]]:
    """(epoch, FLOPs until then, error in percent) of a run; within it the work is divided by depth."""
    total, history = record.metrics.get("training_flops"), record.history
    if total is None or not history:
        return
    column = "val_accuracy" if errors == "validation" else "train_accuracy"
    last = max(int(row["epoch"] or 0) for row in history)
    work: Sequence[float] = _depths(record, last) or [1.0] * last
    until = list(accumulate(work))
    for row in history:
        epoch, accuracy = int(row["epoch"] or 0), row.get(column)
        if accuracy is not None:
            yield epoch, total * until[epoch - 1] / until[-1], 100 * (1 - accuracy)


def _stages(record: Record) -> list[int]:
    """Depths that a run grows through; empty if it does not."""
    stages = record.settings.get(_AXIS)
    return list(stages) if isinstance(stages, list) else []


def _depths(record: Record, last: int) -> list[int]:
    """Depth in each epoch: the epochs are divided evenly over the stages; empty if the run does not grow."""
    stages = _stages(record)
    epochs = record.settings.get("recipe.epochs") or last
    starts = [epochs * index // len(stages) for index in range(len(stages))]
    return [
        next(depth for start, depth in zip(reversed(starts), reversed(stages), strict=True) if start <= epoch)
        for epoch in range(last if stages else 0)
    ]


def _errors(study: Study) -> str:
    """Validation errors, if every run has them: a comparison needs the same images on both sides."""
    histories = [record.history for record in study.records if record.status == "ok"]
    complete = all(row.get("val_accuracy") is not None for history in histories for row in history)
    return "validation" if complete else "training"


def _draw(growth: Growth, points: pd.DataFrame, narrow: bool) -> Canvas:
    rows = list(dict.fromkeys(points["row"]))
    columns = 1 if narrow else min(len(rows), 3)
    size = (NARROW, 2.8, 0.8) if narrow else (WIDE, 3.6 if len(rows) == 1 else 2.5, 0.5)
    figure, grid = panels(len(rows), columns, *size)
    most = float(points["flops"].max())
    factor, unit = next(((size, name) for size, name in _UNITS.items() if most >= size), (1.0, "FLOPs"))
    points = points.assign(work=points["flops"] / factor)
    for number, (row, axes) in enumerate(zip(rows, grid, strict=True)):
        _draw_panel(axes, points[points["row"] == row], growth.hues)
        _scale(axes, points)
        axes.set_title(row, fontsize=SIZE, loc="left")
        axes.tick_params(labelsize=SMALL)
        axes.set_xlabel(f"training so far ({unit})", fontsize=SMALL)
        axes.set_ylabel(f"{growth.errors} error (%)" if number % columns == 0 else "", fontsize=SMALL)
    legend(figure, growth.hues, True)
    if len(rows) == 1:
        figure.draw_without_rendering()
        _name_depths(grid[0], points, growth.hues)
    return figure


def _draw_panel(axes: Axes, points: pd.DataFrame, hues: Arms) -> None:
    """A line for each arm, and a dashed vertical line in its colour wherever its networks become deeper."""
    draw_lines(axes, points, "work", "error", hues)
    mark_points(axes, points, "work", "error")
    growing = [line for _, line in points.groupby("arm", sort=False) if line["grows"].any()]
    gap = 3.0 * max(len(growing) - 1, 1)
    for number, line in enumerate(growing):
        for place in _growths(line):
            dashes = (3.0 * number, (3.0, gap))  # between those of arms that grow at the same place
            color = hues.styles[line["group"].iloc[0]].color
            axes.axvline(place, color=color, linestyle=dashes, linewidth=1.2, zorder=1)


def _scale(axes: Axes, points: pd.DataFrame) -> None:
    """The same scales for all panels; errors from zero, unless they are far from each other."""
    lasts = points.groupby(["row", "arm"], sort=False)["work"].max()
    if is_steep(lasts):
        axes.set_xlim(points["work"].min() / 1.2, lasts.max() * 1.2)
        logarithmic(axes, "x")
    else:
        axes.set_xlim(0, lasts.max() * 1.03)
    scale_errors(axes, points["error"])
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)


def _growths(line: pd.DataFrame) -> list[float]:
    """Work at which an arm's networks become deeper: that of the epochs before."""
    return list(line["work"].shift()[line["grows"].astype(bool)])


def _name_depths(axes: Axes, points: pd.DataFrame, hues: Arms) -> None:
    """Above the panel a line for each arm that grows: its depths, where there is room between the marks."""
    growing = [line for _, line in points.groupby("arm", sort=False) if line["grows"].any()]
    if len(growing) > 4:
        return
    inches = axes.get_window_extent().width / axes.figure.dpi
    to_axes = axes.transData + axes.transAxes.inverted()
    for level, line in enumerate(reversed(growing)):
        color = hues.styles[line["group"].iloc[0]].color
        marks = [axes.get_xlim()[0], *_growths(line), float(line["work"].iloc[-1])]
        places = [float(to_axes.transform((mark, 1))[0]) for mark in marks]
        depths = list(dict.fromkeys(line["depth"]))
        for left, right, depth in zip(places, places[1:], depths, strict=False):
            room = 0.9 * (right - left) * inches
            text = f"depth {depth}" if width_of(f"depth {depth}", TINY) < room else str(depth)
            if width_of(text, TINY) < room:
                axes.annotate(
                    text, ((left + right) / 2, 1), (0, 3 + 10 * level), xycoords="axes fraction", ha="center",
                    textcoords="offset points", va="bottom", fontsize=TINY, color=color,
                )  # fmt: skip


def _caption(errors: str, rows: Sequence[str], panels: int) -> str:
    text = (
        f"Error by epoch ({errors}, mean over the seeds that finished) against the FLOPs of training until then. Vertical lines: "
        f"a network of this colour is deepened by units that are the identity{'; its depths stand above' if len(rows) == 1 else ''}."
        " Records hold the FLOPs of a whole run: within a run that grows they are divided by depth, each epoch in "
        "proportion to the depth of its network; within others evenly. Runs that did not train are left out, except where all runs of a cell collapsed."
    )
    return text + (f" {len(rows)} of {panels} depths are drawn, evenly chosen." if panels > len(rows) else "")
