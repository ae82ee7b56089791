"""Test error against depth: means with intervals, every seed, and above them the runs that did not train."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import GREY, LOG_FROM, SMALL, Drawn, canvas, logarithmic, objects, part_labels
from resbench.report.figures.scale import Scale
from resbench.report.figures.styles import MOST_ARMS, Arms, Style, hues_of, legend
from resbench.report.frames import groups, show
from resbench.report.study import Study

_COLUMNS = ("x", "arm", "group", "kind", "seed", "error", "low", "high", "diverged", "runs")
_MOST_ROWS = 6  # of the strip of runs that diverged


def draw_error(study: Study, frame: pd.DataFrame, x: str | None, arms: Arms, along: Sequence[str] = ()) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if nothing ran.

    Args:
        frame: as `cells.cells` returns.
        x: the axis to the right.
        arms: the combinations of all other axes.
        along: axes that change with x.
    """
    hues = hues_of(arms, frame, study.baseline)
    points = error_points(study, frame, x, arms, hues)
    if points.empty:
        return None
    many = len(arms.names) > MOST_ARMS
    places = {name: number for number, name in enumerate(arms.names)}
    scale = Scale(list(points["x"]), [0 if many else places[name] for name in points["arm"]])
    lost = points[points["kind"] == "diverged"]
    rows = list(dict.fromkeys(lost["group"]))
    strip = 0.0 if lost.empty else 0.2 * (len(rows) if len(rows) <= _MOST_ROWS else 1) + 0.1
    figure = canvas(8.5, 4.5 + strip)
    if strip:
        upper, axes = figure.subplots(2, 1, sharex=True, height_ratios=[strip, 4.1], gridspec_kw={"hspace": 0.02})
        _draw_strip(upper, lost, rows, hues, scale, many)
    else:
        axes = figure.add_subplot()
    _limits(axes, points, many)
    for number, name in enumerate(arms.names):
        part = points[points["arm"] == name]
        if len(part):
            style = _style(hues, str(part["group"].iloc[0]))
            (_draw_thin if many else _draw_arm)(axes, part, style, scale, 0 if many else number)
    scale.label(axes, x or "")
    if len(hues.names) > 1 and len(hues.names) <= 2 * MOST_ARMS:
        legend(figure, hues, scale.numeric, shown=set(points["group"]))
    part_labels(figure, [axes])  # last: the legend takes room from the axes
    new_images = bool(frame["low"].notna().any())
    caption = _caption(points, arms, hues, new_images)
    if along:
        caption += f" With {x} {'changes' if len(along) == 1 else 'change'} {' and '.join(along)}."
    return figure, points, caption


def error_points(study: Study, frame: pd.DataFrame, x: str | None, arms: Arms, hues: Arms) -> pd.DataFrame:
    """What the figure shows, in percent: kind `mean` with an interval, `seed`, and `diverged` with its counts."""
    rows: list[dict[str, Any]] = []
    low, high = ("low", "high") if frame["low"].notna().any() else ("seed_low", "seed_high")
    for cell, (_, part) in zip(frame.to_dict("records"), groups(study.runs, study.axes), strict=True):
        at = {"x": cell[x] if x else "", "arm": arms.of(cell), "group": hues.of(cell)}
        if not math.isnan(cell["mean"]):
            around = {"low": 100 * (1 - cell[high]), "high": 100 * (1 - cell[low])}
            rows.append(at | {"kind": "mean", "error": 100 * (1 - cell["mean"]), "runs": cell["seeds_ok"]} | around)
        for run in part[part["status"] == "ok"].to_dict("records"):
            if not pd.isna(accuracy := run.get("metrics.test_accuracy")):
                rows.append(at | {"kind": "seed", "seed": run["seed"], "error": 100 * (1 - float(accuracy))})
        if cell["diverged"]:
            rows.append(at | {"kind": "diverged", "diverged": cell["diverged"], "runs": cell["seeds_done"]})
    points = objects(rows, _COLUMNS)
    for name in ("error", "low", "high", "diverged", "runs"):
        points[name] = pd.to_numeric(points[name], errors="coerce")
    points["x"] = pd.Series([row["x"] for row in rows], dtype=object, index=points.index)
    return points


def _style(hues: Arms, name: str) -> Style:
    return hues.styles[hues.names.index(name)]


def _caption(points: pd.DataFrame, arms: Arms, hues: Arms, new_images: bool) -> str:
    means, lost = points[points["kind"] == "mean"], points[points["kind"] == "diverged"]
    if len(arms.names) > MOST_ARMS:
        text = (
            f"Test error: mean of the seeds, a line for each of the {len(arms.names)} combinations of the other axes, "
            f"coloured by {', '.join(hues.axes)}. Intervals are in the table of cells."
        )
    else:
        text = "Test error: mean of the seeds (large marker) and each seed (small dot)."
        if means["low"].notna().any():
            target = (
                "new images (crossed over seeds and images" if new_images else "these images (Student's t over seeds"
            )
            text += f" Bars: 95 % interval for {target}), of each cell for itself."
            text += " Of a single network it is Wilson's." if new_images and (means["runs"] == 1).any() else ""
    if len(lost):
        text += (
            " Upper strip: × and the number of runs that diverged, of those that were run; they are in no mean, which "
            "then is of the seeds that trained."
        )
    if _is_logarithmic(points):
        text += " The scale is logarithmic; bars that reach zero or below end at the lower edge."
    return text


def _is_logarithmic(points: pd.DataFrame) -> bool:
    errors = points.loc[points["kind"] != "diverged", "error"]
    return bool(len(errors) and errors.min() > 0 and errors.max() / errors.min() > LOG_FROM)


def _draw_strip(axes: Axes, lost: pd.DataFrame, rows: Sequence[str], hues: Arms, scale: Scale, many: bool) -> None:
    """A row for each colour with a × and counts at each x; one row for all where they are too many."""
    one = len(rows) > _MOST_ROWS
    for number, row in enumerate(["all"] if one else rows):
        part = lost if one else lost[lost["group"] == row]
        color = GREY if one else _style(hues, row).color
        counts: dict[str, list[float]] = {}
        for x, diverged, runs in zip(part["x"], part["diverged"], part["runs"], strict=True):
            sums = counts.setdefault(show(x), [0, 0])
            sums[0], sums[1] = sums[0] + diverged, sums[1] + runs
        for x, (diverged, runs) in counts.items():
            place = scale.places[x]
            axes.plot([place], [-number], marker="x", color=color, markersize=6, markeredgewidth=1.6, linestyle="")
            axes.annotate(
                f"{diverged:.0f} of {runs:.0f}", (place, -number), (6, 0), textcoords="offset points", va="center",
                fontsize=SMALL, color=GREY,
            )  # fmt: skip
    axes.set_ylim(-(1 if one else len(rows)) + 0.4, 0.6)
    axes.set_yticks([])
    axes.set_ylabel("diverged", rotation=0, ha="right", va="center", fontsize=SMALL)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.grid(False)
    axes.spines["bottom"].set(linestyle=(0, (4, 3)), color=GREY)


def _draw_arm(axes: Axes, points: pd.DataFrame, style: Style, scale: Scale, number: int) -> None:
    points = points.assign(place=[scale.at(x, number) for x in points["x"]])
    means = points[points["kind"] == "mean"].sort_values("place", kind="stable")
    if len(means) > 1 and scale.numeric:
        axes.plot(means["place"], means["error"], color=style.color, linestyle=style.dash, linewidth=1.6, zorder=2)
    bars = means[means["low"].notna()]
    low = bars["low"].clip(lower=1e-9) if axes.get_yscale() == "log" else bars["low"]
    around = [(bars["error"] - low).to_numpy(), (bars["high"] - bars["error"]).to_numpy()]
    axes.errorbar(bars["place"], bars["error"], yerr=around, fmt="none", ecolor=style.color, capsize=3, zorder=3)
    face: Mapping[str, Any] = {"markerfacecolor": style.color, "markeredgecolor": "white", "markersize": 7}
    axes.plot(means["place"], means["error"], linestyle="", marker=style.marker, zorder=6, **face)
    seeds = points[points["kind"] == "seed"]
    rank = seeds.groupby("place", sort=False).cumcount()  # a place by rank, nothing random
    size = seeds.groupby("place", sort=False)["place"].transform("size")
    place = seeds["place"] + ((rank + 1) / (size + 1) - 0.5) * 0.8 * scale.step
    axes.scatter(place, seeds["error"], marker="o", s=11, c=style.color, edgecolors="white", linewidths=0.5, zorder=5)


def _draw_thin(axes: Axes, points: pd.DataFrame, style: Style, scale: Scale, number: int) -> None:
    means = points[points["kind"] == "mean"]
    means = means.assign(place=[scale.at(x, number) for x in means["x"]]).sort_values("place", kind="stable")
    dash = style.dash if scale.numeric else ""
    marker: Mapping[str, Any] = {"marker": style.marker, "markersize": 3.5, "markeredgewidth": 0}
    axes.plot(means["place"], means["error"], color=style.color, linestyle=dash, linewidth=0.8, alpha=0.6, **marker)


def _limits(axes: Axes, points: pd.DataFrame, many: bool) -> None:
    """Room for everything; on a logarithmic scale a wide interval is cut, or it would flatten the rest."""
    shown = points.loc[points["kind"] == "mean" if many else points["kind"] != "diverged", "error"]
    axes.set_ylabel("test error (%)")
    if shown.empty:
        axes.set_ylim(0, 100)
        axes.set_yticks([])
        axes.text(0.5, 0.5, "all runs diverged", transform=axes.transAxes, ha="center", color=GREY)
        return
    bars = points.iloc[:0] if many else points
    low, high = bars["low"].min(), bars["high"].max()
    low, high = min(shown.min(), low if low == low else math.inf), max(shown.max(), high if high == high else -math.inf)
    if _is_logarithmic(points):
        axes.set_ylim(max(low, shown.min() / 2) / 1.25, high * 1.25)
        logarithmic(axes)
        return
    room = 0.08 * (high - low) or max(0.1 * high, 0.1)
    axes.set_ylim(max(low - room, -room if low < 0 else 0), high + room)
