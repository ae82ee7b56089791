"""Growing: error against the work of training so far, with marks where networks were deepened (`recipe.grow`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import LOG_FROM, SMALL, TINY, Drawn, leaf, logarithmic, objects, width_of
from resbench.report.figures.probed import DEPTH, arms_of, evenly, mean, panels_of, title
from resbench.report.figures.styles import MOST_ARMS, Arms, hues_of, legend
from resbench.report.frames import groups, show
from resbench.report.study import Study

_COLUMNS = ("row", "arm", "group", "epoch", "depth", "grows", "flops", "error", "seeds")
_AXIS = "recipe.grow"
_IN_ONE = 6  # cells in one panel, as in the training curves
_MOST_PANELS = 6
_UNITS = {1e18: "EFLOPs", 1e15: "PFLOPs", 1e12: "TFLOPs", 1e9: "GFLOPs", 1e6: "MFLOPs"}


def draw_growth(study: Study, frame: pd.DataFrame) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if no network of the study grows.

    Args:
        frame: as `cells.cells` returns.
    """
    if _AXIS not in study.axes and not any(map(_stages, study.records)):
        return None
    depths = frame[DEPTH].nunique() if DEPTH in study.axes else 1
    alone = len(frame) <= _IN_ONE or depths == 1
    arms = Arms(frame, study.axes, study.baseline) if alone and depths > 1 else arms_of(study, frame)
    hues = hues_of(arms, frame, study.baseline)
    errors = _errors(study)
    points = growth_points(study, arms, hues, errors, alone)
    if points.empty or points["epoch"].nunique() < 2:
        return None
    there = list(dict.fromkeys(points["row"]))
    rows = evenly(there, _MOST_PANELS)
    points = points[points["row"].isin(rows)].reset_index(drop=True)
    columns = min(len(rows), 3)
    figure, grid = panels_of(-(-len(rows) // columns), columns)
    if alone:
        figure.set_size_inches(8.5, 4.6)
    factor, unit = _unit(points["flops"].max())
    for number, axes in enumerate(grid.flat):
        if number >= len(rows):
            axes.set_visible(False)
            continue
        _draw_panel(axes, points, rows[number], arms, hues, factor)
        if rows[number]:
            title(axes, "", rows[number])
        axes.set_xlabel(f"training so far ({unit})", fontsize=SMALL)
        if number % columns == 0:
            axes.set_ylabel(f"{errors} error (%)", fontsize=SMALL)
    if 1 < len(hues.names) <= 2 * MOST_ARMS:
        legend(figure, hues, True)
    if len(rows) == 1:
        figure.draw_without_rendering()
        _name_depths(grid[0, 0], points, hues, factor)
    return figure, points, _caption(errors, len(rows), len(there), len(rows) == 1)


def growth_points(study: Study, arms: Arms, hues: Arms, errors: str, alone: bool) -> pd.DataFrame:
    """What the figure shows: by arm and epoch the mean `error` in percent and the `flops` of a run so far.

    `depth` is that of the epoch in a run that grows; `grows` says that the epoch is the first of a deeper network, whose
    mark stands at the FLOPs of the epoch before.
    """
    rows: list[dict[str, Any]] = []
    for _, part in groups(study.runs[study.runs["status"] == "ok"], study.axes):
        cell = dict(part.iloc[0])
        at = {
            "row": "" if alone else f"{leaf(DEPTH)} {show(cell[DEPTH])}",
            "arm": arms.of(cell),
            "group": hues.of(cell),
        }
        records = [study.by_id[one] for one in part["id"]]
        by_epoch: dict[int, list[tuple[float, float]]] = {}
        for record in records:
            for epoch, flops, error in _run(record, errors):
                by_epoch.setdefault(epoch, []).append((flops, error))
        depths = _depths(records[0], max(by_epoch, default=0))
        for epoch, told in sorted(by_epoch.items()):
            depth = depths[epoch - 1] if depths else ""
            grows = bool(depths) and epoch > 1 and depths[epoch - 2] != depth
            flops, error = (mean(values) for values in zip(*told, strict=True))
            told_of = {"epoch": epoch, "depth": depth, "grows": grows, "flops": flops, "error": error}
            rows.append(at | told_of | {"seeds": len(told)})
    return objects(rows, _COLUMNS)


def _run(record: Mapping[str, Any], errors: str) -> Iterator[tuple[int, float, float]]:
    """(epoch, FLOPs until then, error in percent) of a run; within it the work is divided by depth."""
    total, history = record["metrics"].get("training_flops"), record["history"]
    if total is None or not history:
        return
    field = "val_accuracy" if errors == "validation" else "train_accuracy"
    depths = _depths(record, max(row["epoch"] for row in history))
    shares: Sequence[float] = depths or [1.0] * max(row["epoch"] for row in history)
    until = list(accumulate(shares))
    for row in history:
        if row.get(field) is not None:
            yield row["epoch"], total * until[row["epoch"] - 1] / until[-1], 100 * (1 - float(row[field]))


def _stages(record: Mapping[str, Any]) -> list[int]:
    """Depths that a run grows through; empty if it does not."""
    grow = record["config"].get("recipe", {}).get("grow")
    return list(grow) if isinstance(grow, list) else []


def _depths(record: Mapping[str, Any], last: int) -> list[int]:
    """Depth in each epoch: the epochs are divided evenly over the stages; empty if the run does not grow."""
    stages = _stages(record)
    epochs = record["config"].get("recipe", {}).get("epochs") or last
    starts = [epochs * index // len(stages) for index in range(len(stages))]
    return [
        next(depth for start, depth in zip(reversed(starts), reversed(stages), strict=True) if start <= epoch)
        for epoch in range(last if stages else 0)
    ]


def _errors(study: Study) -> str:
    """Validation errors, if every run has them: a comparison needs the same images on both sides."""
    ended = [record for record in study.records if record["status"] == "ok" and record["history"]]
    there = all(row.get("val_accuracy") is not None for record in ended for row in record["history"])
    return "validation" if there else "training"


def _unit(most: float) -> tuple[float, str]:
    return next(((size, name) for size, name in _UNITS.items() if most >= size), (1.0, "FLOPs"))


def _draw_panel(axes: Axes, points: pd.DataFrame, row: str, arms: Arms, hues: Arms, factor: float) -> None:
    """A line for each arm, and a dashed vertical line in its colour wherever its networks become deeper."""
    here = points[points["row"] == row]
    growing = list(dict.fromkeys(here.loc[here["grows"].astype(bool), "arm"]))
    gap = 3.0 * max(len(growing) - 1, 1)
    for (arm, group), line in here.groupby(["arm", "group"], sort=False):
        style = hues.styles[hues.names.index(str(group))]
        axes.plot(
            line["flops"] / factor, line["error"], color=style.color, linestyle=style.dash, linewidth=1.5,
            marker=style.marker, markersize=4, markeredgewidth=0, markevery=max(1, len(line) // 8),
        )  # fmt: skip
        for place in _growths(line):
            dashes = (3.0 * growing.index(arm), (3.0, gap))  # between those of arms that grow at the same place
            axes.axvline(place / factor, color=style.color, linestyle=dashes, linewidth=1.2, zorder=1)
    firsts = points.groupby(["row", "arm"], sort=False)["flops"].max()
    if firsts.max() / firsts.min() > LOG_FROM:
        axes.set_xlim(points["flops"].min() / factor / 1.2, firsts.max() / factor * 1.2)
        logarithmic(axes, "x")
    else:
        axes.set_xlim(0, firsts.max() / factor * 1.03)
    low, high = points["error"].min(), points["error"].max()
    if low > 0 and high / low > LOG_FROM:
        axes.set_ylim(low / 1.15, high * 1.15)
        logarithmic(axes)
    else:
        axes.set_ylim(0, 1.06 * high or 1)
    axes.tick_params(labelsize=SMALL)


def _growths(line: pd.DataFrame) -> list[float]:
    """FLOPs at which an arm's networks become deeper: those of the epochs before."""
    flops, grows = list(line["flops"]), list(line["grows"])
    return [flops[i - 1] for i in range(1, len(flops)) if grows[i]]


def _name_depths(axes: Axes, points: pd.DataFrame, hues: Arms, factor: float) -> None:
    """Above the panel a line for each arm that grows: its depths, where there is room between the marks."""
    growing = [(arm, line) for arm, line in points.groupby("arm", sort=False) if line["grows"].any()]
    if len(growing) > 4:
        return
    low = axes.get_xlim()[0]
    inches = axes.get_window_extent().width / axes.figure.dpi
    place = axes.transData + axes.transAxes.inverted()
    for level, (_, line) in enumerate(reversed(growing)):
        style = hues.styles[hues.names.index(str(line["group"].iloc[0]))]
        marks = [low * factor, *_growths(line), float(line["flops"].iloc[-1])]
        ats = [float(place.transform((mark / factor, 1))[0]) for mark in marks]
        depths = list(dict.fromkeys(line["depth"]))
        for left, right, depth in zip(ats, ats[1:], depths, strict=False):
            text = f"depth {depth}" if width_of(f"depth {depth}", TINY) < 0.9 * (right - left) * inches else str(depth)
            if width_of(text, TINY) < 0.9 * (right - left) * inches:
                axes.annotate(
                    text, ((left + right) / 2, 1), (0, 3 + 10 * level), xycoords="axes fraction", ha="center",
                    textcoords="offset points", va="bottom", fontsize=TINY, color=style.color,
                )  # fmt: skip


def _caption(errors: str, rows: int, there: int, named: bool) -> str:
    text = (
        f"Error by epoch ({errors}, mean over the seeds that ended) against the FLOPs of training until then. Vertical lines: "
        "a network of this colour is deepened by units that are the identity"
    )
    text += "; its depths stand above." if named else "."
    text += (
        " Records hold the FLOPs of a whole run: within a run that grows they are divided by depth, each epoch in "
        "proportion to the depth of its network; within others evenly. Diverged runs are left out."
    )
    return text + (f" {rows} of {there} depths are drawn, evenly chosen." if there > rows else "")
