"""Figures of a search: the best value so far by trial, a slice for each searched setting, and their importance."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from resbench.report.figures.drawing import GREY, LOG_FROM, Drawn, canvas, leaf, logarithmic, objects
from resbench.report.figures.styles import Arms, Style, legend
from resbench.report.frames import show
from resbench.report.tables.search import Trials

_MARKS = {"complete": "trained to its end", "pruned": "pruned", "diverged": "diverged"}


def arms_of(trials: Trials) -> Arms:
    """Colours of the arms, as on the rest of the page."""
    axes = list(trials.arms[0]["arm"]) if trials.arms else []
    rows = [{axis: arm["arm"][axis] for axis in axes} for arm in trials.arms]
    return Arms(objects(rows, axes) if axes else pd.DataFrame([{"arm": ""}]), axes, {})


def draw_best(trials: Trials) -> Drawn | None:
    """The least validation error so far, by trial, for each arm; None if no trial was trained to its end."""
    frame = trials.frame
    told = frame[frame["state"].isin(_MARKS)]
    if not (told["state"] == "complete").any():
        return None
    points = told[["arm", "trial", "state"]].assign(error=100 * told["val_error"], best=100 * told["best_so_far"])
    points = points.reset_index(drop=True)
    figure = canvas(8.5, 4.4)
    axes = figure.add_subplot()
    top = _limits(axes, points["error"])
    for arm, style in _styled(trials):
        part = points[points["arm"] == arm]
        line = part[part["best"].notna()]
        axes.step(line["trial"], line["best"], where="post", color=style.color, linestyle=style.dash, linewidth=1.8)
        for state in _MARKS:
            _scatter(axes, part[part["state"] == state], "trial", style, state, top)
    axes.set_xlabel("trial")
    axes.set_ylabel("validation error (%)")
    legend(figure, arms_of(trials), True, _key(points))
    caption = (
        "Lines: the least validation error so far of each arm. Marks: the trials; a hollow one was pruned at the error "
        "shown, a cross at the upper edge diverged."
    )
    return figure, points, caption


def draw_slices(trials: Trials) -> Drawn | None:
    """The error of every trial against each searched setting; None without trials."""
    frame = trials.frame[trials.frame["state"].isin(_MARKS)]
    if frame.empty:
        return None
    rows: list[dict[str, Any]] = []
    for trial in frame.to_dict("records"):
        for path in trials.paths:
            at = {"setting": path, "value": trial[path], "arm": trial["arm"], "trial": trial["trial"]}
            rows.append(at | {"state": trial["state"], "error": 100 * trial["val_error"]})
    points = objects(rows, ("setting", "value", "arm", "trial", "state", "error"))
    points["value"] = pd.Series([row["value"] for row in rows], dtype=object)
    points["error"] = pd.to_numeric(points["error"]).astype(float)
    columns = min(3, len(trials.paths))
    lines = math.ceil(len(trials.paths) / columns)
    figure = canvas(8.5 if columns < 3 else 10.5, 0.8 + 3.0 * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for number, axes in enumerate(panels.flat):
        if number >= len(trials.paths):
            axes.set_visible(False)
            continue
        path = trials.paths[number]
        _slice(axes, points[points["setting"] == path], trials, path)
        axes.set_xlabel(leaf(path))
        if number % columns == 0:
            axes.set_ylabel("validation error (%)")
    legend(figure, arms_of(trials), False, _key(points))
    return (
        figure,
        points,
        "Every trial against each searched setting; hollow: pruned, a cross at the upper edge: diverged.",
    )


def _slice(axes: Axes, points: pd.DataFrame, trials: Trials, path: str) -> None:
    space = trials.asked["space"][path]
    if "choices" in space:
        names = [show(value) for value in space["choices"]]
        places = {name: float(place) for place, name in enumerate(names)}
        points = points.assign(place=[places.get(show(value), math.nan) for value in points["value"]])
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
    else:
        points = points.assign(place=pd.to_numeric(points["value"]).astype(float))
    top = _limits(axes, points["error"])
    styled = _styled(trials)
    for number, (arm, style) in enumerate(styled):
        part = points[points["arm"] == arm]
        if "choices" in space:  # side by side, so that arms do not hide each other
            part = part.assign(place=part["place"] + 0.6 * ((number + 0.5) / len(styled) - 0.5))
        for state in _MARKS:
            _scatter(axes, part[part["state"] == state], "place", style, state, top)
    if "choices" not in space and space["log"]:
        logarithmic(axes, "x")


def draw_importance(trials: Trials) -> Drawn | None:
    """The share of each setting in what separates good trials from the rest; None where too few were completed."""
    told = [arm for arm in trials.arms if arm["importance"]]
    if not told or len(trials.paths) < 2:
        return None
    rows = [
        {"setting": path, "arm": arm["label"], "importance": arm["importance"].get(path, 0.0)}
        for path in trials.paths
        for arm in told
    ]
    points = pd.DataFrame(rows)
    styles = dict(_styled(trials))
    figure = canvas(8.5, 0.9 + 0.28 * len(rows) + 0.2 * len(trials.paths))
    axes = figure.add_subplot()
    high = 0.8 / len(told)
    for place, path in enumerate(trials.paths):
        for number, arm in enumerate(told):
            share = arm["importance"].get(path, 0.0)
            color = styles[arm["label"]].color
            axes.barh(place + high * (number - (len(told) - 1) / 2), share, height=0.9 * high, color=color)
    axes.set_yticks(range(len(trials.paths)), [leaf(path) for path in trials.paths])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("importance (shares of one arm sum to 1)")
    legend(figure, arms_of(trials), False)
    few = len(trials.arms) - len(told)
    caption = f"Importance of each searched setting by {trials.asked['importance']}, with those that diverged."
    return figure, points, caption + (f" Arms with too few completed trials: {few}." if few else "")


def _styled(trials: Trials) -> list[tuple[str, Style]]:
    """Label of each arm, and its style."""
    return list(zip([arm["label"] for arm in trials.arms], arms_of(trials).styles, strict=True))


def _scatter(axes: Axes, points: pd.DataFrame, x: str, style: Style, state: str, top: float) -> None:
    if state == "diverged":
        axes.scatter(points[x], [top] * len(points), marker="x", s=34, color=style.color, clip_on=False, zorder=4)
        return
    there = points[points["error"].notna()]
    face = "none" if state == "pruned" else style.color
    axes.scatter(
        there[x],
        there["error"],
        marker=style.marker,
        s=24,
        facecolors=face,
        edgecolors=style.color,
        linewidths=1,
        zorder=3,
    )


def _limits(axes: Axes, errors: pd.Series[float]) -> float:
    """Scale the axis of errors; returns its upper edge."""
    if errors.isna().all():  # every trial diverged, and is a cross at the edge
        axes.set_ylim(0, 100)
        return 100.0
    low, high = float(errors.min()), float(errors.max())
    if low > 0 and high / low > LOG_FROM:
        axes.set_ylim(low / 1.15, high * 1.15)
        logarithmic(axes)
    else:
        room = 0.06 * (high - low or max(high, 1.0))
        axes.set_ylim(max(0.0, low - room), high + room)
    return float(axes.get_ylim()[1])


def _key(points: pd.DataFrame) -> list[Line2D]:
    """What the marks mean, of those that are there."""
    looks: dict[str, dict[str, Any]] = {
        "complete": {"marker": "o", "markerfacecolor": GREY},
        "pruned": {"marker": "o", "markerfacecolor": "none"},
        "diverged": {"marker": "x"},
    }
    there = [state for state in _MARKS if (points["state"] == state).any()]
    return [Line2D([], [], linestyle="", color=GREY, label=_MARKS[state], **looks[state]) for state in there]
