"""Figures of the trials of a search: the best value so far by trial, and a slice for each searched setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from resbench.core.text import show
from resbench.records.trials import SearchRange
from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    label_edges,
    logarithmic,
    objects,
    panels,
    part_labels,
    scale_errors,
    value_text,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.marks import Spot
from resbench.report.figures.search_arms import arms_of, groups_of, words_of
from resbench.report.figures.spots import mark_points
from resbench.report.figures.styles import Arms, legend
from resbench.report.figures.trends import trend
from resbench.report.format import number
from resbench.report.labels import listed
from resbench.report.tables.search import Trials

_DOTTED = (1.0, 1.65)
_MARKS = {"complete": "trained to its end", "pruned": "pruned", "diverged": "diverged"}


def best(evidence: Evidence) -> Figure | None:
    """The least validation error so far, by trial, for each arm; None if no trial was trained to its end."""
    if not (trials := evidence.trials) or not (trials.frame["state"] == "complete").any():
        return None
    rows = trials.frame[trials.frame["state"].isin(_MARKS)]
    points = (
        rows[["arm", "trial", "state"]]
        .assign(error=100 * rows["val_error"], best=100 * rows["best_so_far"])
        .round({"error": 10, "best": 10})
    )
    winners, base = {arm.label: arm.winner for arm in trials.arms}, _base_errors(evidence, trials)
    points["winner"] = points["trial"] == points["arm"].map(winners)
    points["base"] = points["arm"].map(base).astype(float)
    points = points.reset_index(drop=True)
    caption = (
        "Lines: the least validation error so far of each arm. Marks: the trials; a hollow one was pruned at the error "
        "shown, a cross at the upper edge diverged. Ring: the best trial, whose settings the arm was tuned to."
    )
    if base:
        caption += " Dotted: the arm with the settings of the base, mean over its runs on other seeds."
    lows = points.groupby("arm", sort=False)["best"].min().sort_values(kind="stable")
    alt = f"Least validation error so far by trial: {'; '.join(_falls(points, words_of(evidence, trials)))}."
    title = f"Least validation error after {int(points['trial'].max()) + 1} trials: " + ", ".join(
        f"{value_text(error)} % with {words_of(evidence, trials)[str(arm)]}" for arm, error in lows.items()
    )
    draws = [partial(_draw_best, points, trials, evidence, narrow) for narrow in (False, True)]
    return Figure("best-so-far", points, draws[0], caption, alt, title, draws[1])


def _base_errors(evidence: Evidence, trials: Trials) -> dict[str, float]:
    """Label of each arm -> its mean validation error in percent as the base has it, where it was run."""
    untuned = [row for row in evidence.frame.to_dict("records") if row.get("tuning") == "untuned"]
    return {
        arm.label: round(100 * (1 - float(row["val_accuracy"])), 10)
        for arm in trials.arms
        for row in untuned
        if row["val_accuracy"] == row["val_accuracy"]
        and all(show(row.get(path)) == show(value) for path, value in arm.arm.items())
    }


def _falls(points: pd.DataFrame, words: Mapping[str, str]) -> list[str]:
    """From where to where the least error of each arm falls."""
    lines = [(str(arm), line[line["best"].notna()]) for arm, line in points.groupby("arm", sort=False)]
    return [f"with {words[arm]} it {_fall(line)}" for arm, line in lines if len(line)]


def _fall(line: pd.DataFrame) -> str:
    """Of the least error so far, which never rises: from the first trial to the one that found the last of them."""
    found = line.drop_duplicates("best")
    return trend(list(found["best"]), [f" (trial {trial})" for trial in found["trial"]], " %")


def _draw_best(points: pd.DataFrame, trials: Trials, evidence: Evidence, narrow: bool) -> Canvas:
    arms = arms_of(evidence, trials)
    points = points.assign(group=points["arm"].map(groups_of(evidence, trials)), spot=_spots(points, trials, evidence))
    figure = canvas(NARROW if narrow else WIDE, 3.6 if narrow else 3.9)
    axes = figure.add_subplot()
    draw_lines(axes, points, "trial", "best", arms, marked=False, linewidth=1.8, drawstyle="steps-post", zorder=2)
    _scale(axes, points["error"])
    _draw_trials(axes, points, "trial", arms)
    _draw_ends(axes, points, arms)
    axes.set_xlabel("trial")
    axes.set_ylabel("validation error (%)")
    handles = [Line2D([], [], linestyle="", marker="o", markersize=9, markerfacecolor="none", color=GREY, label="best")]
    if points["base"].notna().any():
        handles.append(Line2D([], [], linestyle=(0, _DOTTED), color=GREY, label="base settings"))
    legend(figure, arms, True, [*_key(points), *handles])
    return figure


def _draw_ends(axes: Axes, points: pd.DataFrame, arms: Arms) -> None:
    """A ring around the best trial of each arm, with its error, and a line where its base settings are."""
    for group, part in points.groupby("group", sort=False):
        color = arms.styles[str(group)].color
        if part["base"].notna().any():
            axes.axhline(float(part["base"].iloc[0]), color=color, linestyle=(0, _DOTTED), linewidth=1.2, zorder=1)
        for row in part[part["winner"]].to_dict("records"):
            place = (row["trial"], row["error"])
            axes.scatter(
                row["trial"], row["error"], s=110, facecolors="none", edgecolors=color, linewidths=1.4, zorder=4
            )
            axes.annotate(
                f"{value_text(row['error'])} %", place, (8, 4), textcoords="offset points", ha="left", va="bottom",
                fontsize=SMALL, color=color,
            )  # fmt: skip


def slices(evidence: Evidence) -> Figure | None:
    """The error of every trial against each searched setting; None without trials."""
    if not (trials := evidence.trials):
        return None
    rows = [
        {"setting": path, "value": trial[path], "arm": trial["arm"], "trial": trial["trial"]}
        | {"state": trial["state"], "error": round(100 * trial["val_error"], 10)}
        for trial in trials.frame[trials.frame["state"].isin(_MARKS)].to_dict("records")
        for path in trials.paths
    ]
    if not rows:
        return None
    points = objects(rows, ("setting", "value", "arm", "trial", "state", "error"))
    points["value"] = pd.Series([row["value"] for row in rows], dtype=object)
    points["error"] = pd.to_numeric(points["error"]).astype(float)
    caption = "Every trial against each searched setting; hollow: pruned, a cross at the upper edge: diverged."
    alt = f"Validation error of every trial against {listed(map(evidence.labels.name, trials.paths))}."
    title = f"{len(rows) // len(trials.paths)} trials against each of {len(trials.paths)} searched settings"
    draws = [partial(_draw_slices, points, trials, evidence, narrow) for narrow in (False, True)]
    return Figure("slices", points, draws[0], caption, alt, title, draws[1])


def _draw_slices(points: pd.DataFrame, trials: Trials, evidence: Evidence, narrow: bool) -> Canvas:
    arms = arms_of(evidence, trials)
    points = points.assign(group=points["arm"].map(groups_of(evidence, trials)), spot=_spots(points, trials, evidence))
    columns = 1 if narrow else min(3, len(trials.paths))
    figure, grid = panels(len(trials.paths), columns, NARROW if narrow else WIDE, 2.8, 0.8, sharey=True)
    _scale(grid[0], points["error"])
    label_edges(grid, columns, "", "validation error (%)")
    for path, axes in zip(trials.paths, grid, strict=True):
        _draw_slice(axes, points[points["setting"] == path], trials.file.space[path], arms)
        axes.set_xlabel(evidence.labels.name(path), visible=True)
        axes.xaxis.set_tick_params(labelbottom=True)
    legend(figure, arms, False, _key(points))
    part_labels(figure, grid)
    return figure


def _draw_slice(axes: Axes, points: pd.DataFrame, space: SearchRange, arms: Arms) -> None:
    if space.choices is None:
        _draw_trials(axes, points.assign(place=pd.to_numeric(points["value"]).astype(float)), "place", arms)
        if space.log:
            logarithmic(axes, "x")
            low, high = axes.get_xlim()
            if high > 20 * low:  # a panel has no room for more than the decades
                axes.xaxis.set_major_locator(LogLocator(subs=(1,)))
        return
    names = [show(value) for value in space.choices]
    places = {name: float(place) for place, name in enumerate(names)}
    # side by side, so that arms do not hide each other
    shifts = {name: 0.6 * ((number + 0.5) / len(arms.names) - 0.5) for number, name in enumerate(arms.names)}
    place = points["value"].map(lambda value: places.get(show(value), math.nan)) + points["group"].map(shifts)
    _draw_trials(axes, points.assign(place=place), "place", arms)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)


def _spots(points: pd.DataFrame, trials: Trials, evidence: Evidence) -> pd.Series[Any]:
    """What the mark of each trial says: how it went, and with which settings."""
    words, rows = words_of(evidence, trials), {}
    for row in trials.frame.to_dict("records"):
        error = f"validation error {number(100 * row['val_error'], '.2f')} %, " if row["val_error"] >= 0 else ""
        values = {path: row[path] for path in trials.paths if row[path] is not None}
        said = f"{error}{_MARKS.get(row['state'], row['state'])}\n{evidence.labels.cell(values) if values else ''}"
        rows[row["arm"], row["trial"]] = Spot(f"{words[row['arm']]}, trial {row['trial']}\n{said}".rstrip())
    spots = [rows[key] for key in zip(points["arm"], points["trial"], strict=True)]
    return pd.Series(spots, index=points.index, dtype=object)


def _draw_trials(axes: Axes, points: pd.DataFrame, x: str, arms: Arms) -> None:
    """A mark for each trial: hollow if it was pruned, a cross at the upper edge if it diverged."""
    for group, part in points.groupby("group", sort=False):
        style = arms.styles[str(group)]
        for state, face in (("complete", style.color), ("pruned", "none")):
            marks = part[(part["state"] == state) & part["error"].notna()]
            axes.scatter(
                marks[x], marks["error"], marker=style.marker, s=24, facecolors=face, edgecolors=style.color,
                linewidths=1, zorder=3,
            )  # fmt: skip
        lost = part[part["state"] == "diverged"]
        top = [axes.get_ylim()[1]] * len(lost)
        axes.scatter(lost[x], top, marker="x", s=34, color=style.color, clip_on=False, zorder=4)
        mark_points(axes, part[part["state"] != "diverged"], x, "error")
        mark_points(axes, lost.assign(error=top), x, "error")


def _scale(axes: Axes, errors: pd.Series[float]) -> None:
    if errors.isna().all():  # every trial diverged, and is a cross at the edge
        axes.set_ylim(0, 100)
    else:
        scale_errors(axes, errors)


def _key(points: pd.DataFrame) -> list[Line2D]:
    """What the marks mean, of those that are drawn."""
    looks: dict[str, dict[str, Any]] = {
        "complete": {"marker": "o", "markerfacecolor": GREY},
        "pruned": {"marker": "o", "markerfacecolor": "none"},
        "diverged": {"marker": "x"},
    }
    drawn = [state for state in _MARKS if (points["state"] == state).any()]
    return [Line2D([], [], linestyle="", color=GREY, label=_MARKS[state], **looks[state]) for state in drawn]
