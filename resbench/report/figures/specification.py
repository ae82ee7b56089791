"""Whether an axis helps under every choice of the others: all differences in order, and what each was made with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import BAND, GREY, PALE, SMALL, TINY, Drawn, canvas, fitted, leaf, objects
from resbench.report.figures.styles import Arms, legend
from resbench.report.frames import show
from resbench.report.study import Study

_LEAST = 16  # comparisons; fewer stand in the forest


def draw_specification(study: Study, compared: pd.DataFrame) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None for few comparisons.

    Args:
        compared: as `cells.comparisons` returns.
    """
    if len(compared) < _LEAST:
        return None
    points = specification_points(study, compared)
    if points["difference"].notna().sum() < _LEAST:
        return None
    fixed = list(study.baseline)
    arms = Arms(compared, fixed, {})
    rows = _rows(study, compared)
    gaps = sum(a[0] != b[0] for a, b in pairwise(rows))
    lower = 0.155 * (len(rows) + 0.6 * gaps) + 0.1
    figure = canvas(11.0, 2.9 + lower + 0.3)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.8, lower])
    colors = [arms.styles[arms.names.index(arms.of(row))].color for row in points.to_dict("records")]
    _draw_effects(axes, points, colors, 100 * _margin(compared))
    _draw_choices(below, points, rows, colors)
    if 1 < len(arms.names) <= 12:
        legend(figure, arms, False)
    return figure, points, _caption(points, study)


def specification_points(study: Study, compared: pd.DataFrame) -> pd.DataFrame:
    """A row per comparison, by its difference in points; those of arms that did not train come last, without one."""
    rows: list[dict[str, Any]] = []
    for found in compared.to_dict("records"):
        row = {axis: found[axis] for axis in study.axes}
        row |= {"difference": math.nan, "low": math.nan, "high": math.nan, "trained": False}
        contrast = found["contrast"]
        if found["ours"].trained and found["theirs"].trained and contrast is not None:
            lead = contrast.interval
            row |= {"difference": 100 * lead.estimate, "low": 100 * lead.low, "high": 100 * lead.high, "trained": True}
        row["diverged"] = found["ours"].diverged + found["theirs"].diverged
        rows.append(row)
    rows.sort(key=lambda row: (math.isnan(row["difference"]), row["difference"]))
    return objects(rows, [*study.axes, "difference", "low", "high", "trained", "diverged"])


def _margin(compared: pd.DataFrame) -> float:
    return next(float(one.margin) for one in compared["contrast"] if one is not None)


def _rows(study: Study, compared: pd.DataFrame) -> list[tuple[str, str]]:
    """(axis, value) of the matrix, of axes with two values or more."""
    levels = {axis: list(dict.fromkeys(map(show, compared[axis]))) for axis in study.axes}
    return [(axis, value) for axis, values in levels.items() if len(values) > 1 for value in values]


def _draw_effects(axes: Axes, points: pd.DataFrame, colors: Sequence[str], margin: float) -> None:
    place = list(range(len(points)))
    axes.axhspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axhline(0, color=GREY, linewidth=1, zorder=1)
    there = points["difference"].notna().to_numpy()
    axes.vlines(
        place, points["low"].astype(float), points["high"].astype(float), colors=list(colors), linewidth=1, alpha=0.55
    )
    axes.scatter(place, points["difference"].astype(float), s=9 if len(points) > 100 else 18, c=list(colors), zorder=3)
    _limits(axes, points, margin)
    lost = [i for i, known in enumerate(there) if not known]
    if lost:
        axes.axvspan(
            lost[0] - 0.5, lost[-1] + 0.5, facecolor=BAND, linewidth=0, hatch="////", edgecolor="#afb8c1", zorder=2
        )
        axes.annotate(
            f"not trained\n({len(lost)})", (lost[-1] + 0.5, 1), (0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=TINY, color=GREY, ha="right", va="bottom",
        )  # fmt: skip
    axes.set_ylabel("difference in test error (points)")
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.spines["bottom"].set_visible(False)


def _limits(axes: Axes, points: pd.DataFrame, margin: float) -> None:
    """All differences; intervals as far as they do not flatten them; signed logarithms where a few dwarf the rest."""
    values = points["difference"].dropna().astype(float)
    low, high = min(values.min(), -1.5 * margin), max(values.max(), 1.5 * margin)
    reach = 0.35 * (high - low)
    low, high = (
        max(points["low"].astype(float).min(), low - reach),
        min(points["high"].astype(float).max(), high + reach),
    )
    low, high = min(low, values.min(), -margin), max(high, values.max(), margin)
    if margin > 0 and values.abs().max() > 25 * max(float(values.abs().median()), margin):
        axes.set_yscale("symlog", linthresh=4 * margin, linscale=1.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    room = 0.04 * (high - low)
    axes.set_ylim(low - room, high + room)


def _draw_choices(axes: Axes, points: pd.DataFrame, rows: Sequence[tuple[str, str]], colors: Sequence[str]) -> None:
    places, y, before = [], 0.0, rows[0][0]
    for axis, _ in rows:
        y += 0.6 if axis != before else 0.0
        before = axis
        places.append(y)
        y += 1
    for (axis, value), at in zip(rows, places, strict=True):
        chosen = [i for i, text in enumerate(map(show, points[axis])) if text == value]
        axes.axhline(at, color=PALE, linewidth=0.6, zorder=0)
        axes.scatter(
            chosen, [at] * len(chosen), marker="|", s=52, c=[colors[i] for i in chosen], linewidths=_thin(len(points))
        )
    axes.set_yticks(places, [f"{leaf(axis)} {fitted(value, 1.5, TINY)}" for axis, value in rows], fontsize=TINY)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.set_xlim(-1, len(points))
    axes.set_xticks([])
    axes.set_xlabel(f"{len(points)} comparisons, from the largest gain to the largest loss", fontsize=SMALL)
    axes.grid(False)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _thin(points: int) -> float:
    return max(0.8, min(3.0, 500 / points))


def _caption(points: pd.DataFrame, study: Study) -> str:
    there = points[points["difference"].notna()]
    low, high = there["low"].astype(float), there["high"].astype(float)
    baseline = ", ".join(f"{axis} {show(value)}" for axis, value in study.baseline.items())
    text = (
        f"Every cell minus the cell that differs from it only in {baseline}: test error in points with its 95 % interval, "
        "crossed over seeds and images where predictions were kept, in order of the difference; below, the choices each was "
        f"made with. Of {len(there)} intervals {int((high < 0).sum())} lie below zero and {int((low > 0).sum())} above. Grey "
        "band: the margin. Exploratory: the intervals are of each comparison for itself."
    )
    lost = int(points["difference"].isna().sum())
    return text + (f" Hatched, to the right: {lost} comparisons with an arm that did not train." if lost else "")
