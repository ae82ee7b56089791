"""Test error against depth: means with intervals, every seed, and above them the runs that did not train."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import show
from resbench.report.figures.drawing import GREY, SMALL, Canvas, canvas, is_steep, objects, part_labels, scale_errors
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_bars, draw_dots, draw_lines
from resbench.report.figures.scale import Scale
from resbench.report.figures.styles import Arms, legend
from resbench.report.outcomes import measured
from resbench.report.summary import headline

_COLUMNS = ("x", "arm", "group", "kind", "seed", "error", "low", "high", "untrained", "diverged", "collapsed", "runs")
_NUMBERS = ("error", "low", "high", "untrained", "diverged", "collapsed", "runs")
_MOST_ROWS = 6  # of the strip of runs that did not train


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if nothing ran."""
    points = error_points(evidence)
    if points.empty:
        return None
    alt = f"{headline(evidence.frame)} {evidence.verdict_text}".strip()
    return Figure("error", points, partial(_draw, evidence, points), _caption(evidence, points), alt)


def error_points(evidence: Evidence) -> pd.DataFrame:
    """What the figure shows, in percent: kind `mean` with an interval, `seed`, and `untrained` with its counts."""
    study, frame, x = evidence.study, evidence.frame, evidence.x
    rows: list[dict[str, Any]] = []
    low, high = ("low", "high") if frame["low"].notna().any() else ("seed_low", "seed_high")
    for cell, (_, _, part) in zip(frame.to_dict("records"), study.cells, strict=True):
        at = {"x": cell[x] if x else "", "arm": evidence.arms.name(cell), "group": evidence.hues.name(cell)}
        if not math.isnan(cell["mean"]):
            limits = {"low": 100 * (1 - cell[high]), "high": 100 * (1 - cell[low])}
            rows.append(at | {"kind": "mean", "error": 100 * (1 - cell["mean"]), "runs": cell["seeds_ok"]} | limits)
        for run in measured(part).to_dict("records"):
            if not pd.isna(accuracy := run.get("metrics.test_accuracy")):
                rows.append(at | {"kind": "seed", "seed": run["seed"], "error": 100 * (1 - float(accuracy))})
        if cell["untrained"]:
            counts = {name: cell[name] for name in ("untrained", "diverged", "collapsed")}
            rows.append(at | {"kind": "untrained", "runs": cell["seeds_done"]} | counts)
    points = objects(rows, _COLUMNS)
    for name in _NUMBERS:
        points[name] = pd.to_numeric(points[name], errors="coerce")
    points["x"] = pd.Series([row["x"] for row in rows], dtype=object, index=points.index)
    return points


def _caption(evidence: Evidence, points: pd.DataFrame) -> str:
    means = points[points["kind"] == "mean"]
    if evidence.arms.many:
        text = (
            f"Test error: mean of the seeds, a line for each of the {len(evidence.arms.names)} combinations of the other "
            f"axes, coloured by {', '.join(evidence.hues.axes)}. Intervals are in the table of cells."
        )
    else:
        text = "Test error: mean of the seeds (large marker) and each seed (small dot)."
        if means["low"].notna().any():
            new_images = bool(evidence.frame["low"].notna().any())
            target = (
                "new images (crossed over seeds and images" if new_images else "these images (Student's t over seeds"
            )
            text += f" Bars: 95 % interval for {target}), of each cell for itself."
            text += " Of a single network it is Wilson's." if new_images and (means["runs"] == 1).any() else ""
    if points["kind"].eq("untrained").any():
        text += (
            " Upper strip: × and the number of runs that did not train, as they diverged or collapsed, of those that were "
            "run; they are in no mean, which then is of the seeds that trained, but where all runs of a cell collapsed."
        )
    if is_steep(points["error"]):
        text += " The scale is logarithmic; bars that reach zero or below end at the lower edge."
    if along := evidence.along:
        text += f" With {evidence.x} {'changes' if len(along) == 1 else 'change'} {' and '.join(along)}."
    return text


def _draw(evidence: Evidence, points: pd.DataFrame) -> Canvas:
    arms, hues = evidence.arms, evidence.hues
    numbers = dict.fromkeys(arms.names, 0) if arms.many else {name: i for i, name in enumerate(arms.names)}
    of_arm = [numbers[name] for name in points["arm"]]
    scale = Scale(list(points["x"]), of_arm)
    points = points.assign(place=[scale.at(x, arm) for x, arm in zip(points["x"], of_arm, strict=True)])
    untrained = points[points["kind"] == "untrained"]
    rows = list(dict.fromkeys(untrained["group"]))
    rows = rows if len(rows) <= _MOST_ROWS else ["all"]
    strip = 0.2 * len(rows) + 0.1 if rows else 0.0
    figure = canvas(8.5, 4.5 + strip)
    if strip:
        upper, axes = figure.subplots(2, 1, sharex=True, height_ratios=[strip, 4.1], gridspec_kw={"hspace": 0.02})
        _draw_strip(upper, untrained, rows, hues, scale)
    else:
        axes = figure.add_subplot()
    _scale(axes, points, arms.many)
    _draw_means(axes, points, hues, scale.numeric, arms.many)
    if not arms.many:
        _draw_seeds(axes, points[points["kind"] == "seed"], hues, scale.step)
    scale.label(axes, evidence.x or "")
    legend(figure, hues, scale.numeric, shown=set(points["group"]))
    part_labels(figure, [axes])  # last: the legend takes room from the axes
    return figure


def _draw_means(axes: Axes, points: pd.DataFrame, hues: Arms, joined: bool, many: bool) -> None:
    means = points[points["kind"] == "mean"].sort_values("place", kind="stable")
    if not many:
        draw_bars(axes, means, "place", "error", hues, capsize=3)
    size, edge, alpha = (3.5, 0.0, 0.6) if many else (7.0, 1.0, 1.0)
    if joined:
        width = 0.8 if many else 1.6
        marks: dict[str, Any] = {"linewidth": width, "markersize": size, "markeredgewidth": edge, "alpha": alpha}
        draw_lines(axes, means, "place", "error", hues, every=1, **marks)
    else:
        draw_dots(axes, means, "place", "error", hues, s=size**2, linewidths=edge, alpha=alpha)


def _draw_seeds(axes: Axes, seeds: pd.DataFrame, hues: Arms, step: float) -> None:
    """A dot for each seed, next to each other by rank: nothing is random."""
    columns = seeds.groupby(["arm", "place"], sort=False)["place"]
    rank, size = columns.cumcount(), columns.transform("size")
    seeds = seeds.assign(place=seeds["place"] + ((rank + 1) / (size + 1) - 0.5) * 0.8 * step)
    draw_dots(axes, seeds, "place", "error", hues, marker="o", s=11, linewidths=0.5, zorder=2.8)


def _draw_strip(axes: Axes, untrained: pd.DataFrame, rows: Sequence[str], hues: Arms, scale: Scale) -> None:
    """A row for each colour with a × and counts at each x; one row for all where they are too many."""
    for number, row in enumerate(rows):
        part = untrained if row == "all" else untrained[untrained["group"] == row]
        color = hues.styles[row].color if row in hues.styles else GREY
        counts = part.assign(at=list(map(show, part["x"]))).groupby("at", sort=False)[["untrained", "runs"]].sum()
        for x, lost, runs in counts.itertuples():
            place = scale.places[x]
            axes.plot([place], [-number], marker="x", color=color, markersize=6, markeredgewidth=1.6, linestyle="")
            axes.annotate(
                f"{lost:.0f} of {runs:.0f}", (place, -number), (6, 0), textcoords="offset points", va="center",
                fontsize=SMALL, color=GREY,
            )  # fmt: skip
    axes.set_ylim(0.4 - len(rows), 0.6)
    axes.set_yticks([])
    axes.set_ylabel("did not train", rotation=0, ha="right", va="center", fontsize=SMALL)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.grid(False)
    axes.spines["bottom"].set(linestyle=(0, (4, 3)), color=GREY)


def _scale(axes: Axes, points: pd.DataFrame, many: bool) -> None:
    axes.set_ylabel("test error (%)")
    shown = points.loc[points["kind"] == "mean" if many else points["kind"] != "untrained", "error"]
    if shown.empty:
        axes.set_ylim(0, 100)
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no run trained", transform=axes.transAxes, ha="center", color=GREY)
    elif many:
        scale_errors(axes, shown)
    else:
        scale_errors(axes, shown, points["low"].min(), points["high"].max())
