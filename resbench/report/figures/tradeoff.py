"""Test error against what training costs: the cells that no cheaper one beats, and a target with what it was published to take."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.cell import cell_key
from resbench.core.text import show
from resbench.records.claim import Target
from resbench.report.arms import arms_of
from resbench.report.figures.drawing import (
    BLACK,
    GREY,
    NARROW,
    PAPER,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    logarithmic,
    objects,
    power_text,
    value_text,
    wrapped,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_bars, draw_dots
from resbench.report.figures.marks import Spot
from resbench.report.figures.spots import cell_spot, mark_points, mean_error_text
from resbench.report.figures.styles import Arms, legend
from resbench.report.figures.trends import trend
from resbench.report.format import significant
from resbench.report.target import TrainedCell, trained_cells

_AXES = {"training_flops": "FLOPs of training a run", "train_seconds": "seconds of training a run"}
_MOST_NAMED = 6  # arms; the cells of more have their names in the figure of errors
_TOUCH = 9.0  # points between two labels of cells, at least
_FAR = 30.0  # times what the cells cost, beyond which a published cost has no place on their axis
_UNTRAINED = 5.0  # times the least error: cells beyond are cut from the scale, with a remark


def figure(evidence: Evidence) -> Figure | None:
    """Test error against the FLOPs and the seconds of training; None where all cells cost the same or nothing ended."""
    x, target = evidence.x, evidence.study.target
    points = tradeoff_points(evidence)
    if points.empty or points["training_flops"].max() < 1.05 * points["training_flops"].min():
        return None
    caption = (
        "Test error against cost: mean over the seeds of a cell that finished, with its 95 % interval; the line joins cells that no cheaper one "
        f"beats{f', labelled with their {evidence.labels.name(x)}' if x and points['arm'].nunique() <= _MOST_NAMED else ''}. Seconds are of whatever machines the records come from, with their "
        "runs side by side."
    )
    if any(arm.ended and not arm.whole for arm in arms_of(evidence.study).values()):
        caption += " Cells of which some runs did not train have no mean and are left out."
    if beyond := _cut(points):
        caption += f" Beyond the scale: {beyond} with more than {_UNTRAINED:g} times the least error."
    if target:
        caption += f" Dashed: the target, {100 * target.test_accuracy:.2f} % of accuracy"
        caption += "; the cross: what it was published to take." if target.training_flops is not None else "."
        if target.training_flops and target.training_flops > _FAR * points["training_flops"].max():
            caption += " That lies far beyond the axis, at whose end the cross stands."
        if (points["error"] <= 100 * (1 - target.test_accuracy) + 1e-9).any():
            caption += " Ring: the cell with the least FLOPs whose mean is within the target."
    drawn = points.assign(spot=pd.Series(_spots(evidence, points), index=points.index, dtype=object))
    draws = [partial(_draw, drawn, x, evidence.arms, target, narrow) for narrow in (False, True)]
    return Figure("tradeoff", points, draws[0], caption, _alt(points), _title(points, target), draws[1])


def _title(points: pd.DataFrame, target: Target | None) -> str:
    """By how much cheaper than published the first cell is whose mean reaches the target; else the range of costs."""
    if target:
        error = 100 * (1 - target.test_accuracy)
        reached = points[points["error"] <= error + 1e-9].sort_values("training_flops", kind="stable")
        if reached.empty:
            return f"No cell has a mean error within the target of {error:.3g} %"
        cost = float(reached["training_flops"].iloc[0])
        text = f"The cheapest cell with a mean error within {error:.3g} % takes {power_text(cost, 1)} FLOPs"
        if target.training_flops is not None:
            text += f", {significant(target.training_flops / cost)} times less than published"
        return text
    best = points.sort_values(["error", "training_flops"], kind="stable").iloc[0]
    cheapest = points.sort_values("training_flops", kind="stable").iloc[0]
    ratio = float(best["training_flops"] / cheapest["training_flops"])
    if ratio == 1:
        return "The cheapest cell has the lowest mean error"
    errors = f"{value_text(best['error'])} instead of {value_text(cheapest['error'])} %"
    return f"The lowest mean error, {errors}, takes {significant(ratio)} times the FLOPs of the cheapest cell"


def _alt(points: pd.DataFrame) -> str:
    best = _frontier(points, "training_flops")
    places = [f" for {power_text(flops, 1)} FLOPs" for flops in best["training_flops"]]
    line = trend(list(best["error"]), places, " %")
    return f"Test error of {len(points)} cells against their cost. Along those that no cheaper one beats it {line}."


def _spots(evidence: Evidence, points: pd.DataFrame) -> list[Spot]:
    """What each of them stands for: its cell with its error and what it cost."""
    return [
        cell_spot(
            evidence,
            cost.cell,
            f"{mean_error_text(row, row['seeds'])}\n{power_text(row['training_flops'])} FLOPs, "
            f"{significant(row['train_seconds'], 3)} s of training a run",
        )
        for cost, row in zip(_whole_cells(evidence), points.to_dict("records"), strict=True)
    ]


def _whole_cells(evidence: Evidence) -> list[TrainedCell]:
    """The cells that have a mean, cheapest first."""
    whole = {key: arm.whole for key, arm in arms_of(evidence.study).items()}
    return [cost for cost in trained_cells(evidence.study) if whole[cell_key(cost.cell, evidence.study.axes)]]


def tradeoff_points(evidence: Evidence) -> pd.DataFrame:
    """One row per cell that ended: arm, x if there is one, seeds, mean test error in percent, FLOPs and seconds of training."""
    x = evidence.x
    rows = [
        {"arm": evidence.arms.name(cost.cell)}
        | ({x: cost.cell[x]} if x else {})
        | {"seeds": cost.seeds, "error": round(100 * (1 - cost.accuracy.estimate), 10)}
        | {"low": 100 * (1 - cost.accuracy.high), "high": 100 * (1 - cost.accuracy.low)}
        | {"training_flops": cost.flops, "train_seconds": cost.seconds}
        for cost in _whole_cells(evidence)
    ]
    columns = ["arm", *([x] if x else []), "seeds", "error", "low", "high", *_AXES]
    return objects(rows, columns)


def _cut(points: pd.DataFrame) -> int:
    """How many cells lie beyond the scale of errors: what did not learn would flatten the rest."""
    return int((points["error"] > _UNTRAINED * points["error"].min()).sum()) if points["error"].min() > 0 else 0


def _draw(points: pd.DataFrame, x: str | None, arms: Arms, target: Target | None, narrow: bool) -> Canvas:
    columns = {"training_flops": _AXES["training_flops"]} if narrow else _AXES
    figure = canvas(NARROW if narrow else WIDE, 3.9)
    pair = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    shown = points[points["error"] <= _UNTRAINED * points["error"].min()] if _cut(points) else points
    for axes, (column, label) in zip(pair, columns.items(), strict=True):
        draw_bars(axes, shown, column, "error", arms, group="arm", capsize=0)
        draw_dots(axes, shown, column, "error", arms, group="arm")
        mark_points(axes, shown, column, "error")
        best = _frontier(shown, column)
        axes.plot(best[column], best["error"], color=GREY, linewidth=1, drawstyle="steps-post", zorder=1)
        _scale(axes, shown)
        axes.set_xscale("log")
        if target:
            _draw_target(axes, target, best, column, float(points[column].max()))
            _name_reached(axes, target, points, arms, column)
        logarithmic(axes, "x")
        axes.set_xlabel(label)
    pair[0].set_ylabel("test error (%)")
    named = shown["arm"].nunique() <= _MOST_NAMED
    if named:
        legend(figure, arms, False, shown=set(shown["arm"]))
    figure.draw_without_rendering()
    for axes, column in zip(pair, columns, strict=True):
        if x and named:
            _label_cells(axes, _frontier(shown, column), x, column)
    return figure


def _scale(axes: Axes, points: pd.DataFrame) -> None:
    """Room for errors and most of their intervals, and for words next to the points."""
    low, high = float(points["error"].min()), float(points["error"].max())
    reach = max(high - low, 0.1 * high)
    ends = [
        *points["low"].dropna().clip(lower=low - 0.5 * reach),
        *points["high"].dropna().clip(upper=high + 0.5 * reach),
    ]
    low, high = min([low, *ends]), max([high, *ends])
    axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    axes.margins(x=0.12)


def _label_cells(axes: Axes, best: pd.DataFrame, x: str, column: str) -> None:
    """The value of x next to the cells of the line, but where it would touch the one before."""
    before: list[tuple[float, float]] = []
    for row in best.to_dict("records"):
        place = tuple(axes.transData.transform((row[column], row["error"])) * 72 / axes.figure.dpi)
        if all(abs(place[0] - a) > 2 * _TOUCH or abs(place[1] - b) > _TOUCH for a, b in before):
            text = show(row[x])
            axes.annotate(
                text,
                (row[column], row["error"]),
                (-5, -4),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=SMALL,
            )
            before.append(place)


def _draw_target(axes: Axes, target: Target, best: pd.DataFrame, column: str, most: float) -> None:
    """The error to reach, and the way from the published cost to that of the cheapest cell whose mean reaches it.

    Args:
        most: what the dearest cell costs.
    """
    error = 100 * (1 - target.test_accuracy)
    axes.axhline(error, color=GREY, linewidth=1, linestyle="--", zorder=1)
    plain: dict[str, Any] = {"fontsize": SMALL, "color": GREY}
    if column != "training_flops" or target.training_flops is None:
        axes.annotate(f"target {error:.3g} %", (1, error), (0, 3), xycoords=("axes fraction", "data"), ha="right",
                      textcoords="offset points", **plain)  # fmt: skip
        return
    cost = target.training_flops
    low, high = axes.get_xlim()
    end = cost
    if far := cost > _FAR * most:  # cells would stand on top of each other
        end = high * (high / low) ** 0.7
    axes.set_xlim(low, end * (high / low) ** 0.25 if far else max(high, cost * 3))
    axes.scatter([end], [error], color=GREY, marker="X", s=60, zorder=3)
    text = f"published: {power_text(cost)}\nbeyond the axis →" if far else f"published\n{power_text(cost)}"
    axes.annotate(text, (1 if far else end, error), (0, 8), xycoords=axes.get_yaxis_transform() if far else "data",
                  textcoords="offset points", ha="right" if far else "center", va="bottom", **plain)  # fmt: skip
    reached = best[best["error"] <= error + 1e-9]
    if len(reached):
        here, there = float(reached[column].iloc[0]), float(reached["error"].iloc[0])
        arrow = {"arrowstyle": "->", "color": GREY, "linewidth": 1.2, "shrinkA": 6, "shrinkB": 6}
        axes.annotate("", (here, there), (end, error), arrowprops=arrow).set_in_layout(False)
        axes.text(
            (here * end) ** 0.5, (there + error) / 2, f"{significant(cost / here)} times less", ha="center", va="center",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}, **plain,
        )  # fmt: skip


def _name_reached(axes: Axes, target: Target, points: pd.DataFrame, arms: Arms, column: str) -> None:
    """A ring around the cell with the least FLOPs of those whose mean reaches the target, and its name."""
    reached = points[points["error"] <= 100 * (1 - target.test_accuracy) + 1e-9]
    if reached.empty:
        return
    cell = reached.sort_values("training_flops", kind="stable").iloc[0]
    place = (cell[column], cell["error"])
    axes.scatter(place[0], place[1], s=120, facecolors="none", edgecolors=BLACK, linewidths=1.2, zorder=4)
    if column == "training_flops":
        words = "\n".join(["cheapest within it:", *wrapped(arms.words[cell["arm"]], 1.6, SMALL, 2)])
        leader = {"arrowstyle": "-", "color": BLACK, "linewidth": 0.7, "shrinkB": 6, "relpos": (0, 1)}
        named = axes.annotate(
            words, place, (0.98, 0.04), textcoords="axes fraction", ha="right", va="bottom", fontsize=SMALL,
            arrowprops=leader,
        )  # fmt: skip
        named.set_in_layout(False)  # it is within the axes


def _frontier(points: pd.DataFrame, column: str) -> pd.DataFrame:
    """The cells that no cheaper cell equals, cheapest first."""
    ordered = points.sort_values([column, "error"], kind="stable")
    before = ordered["error"].cummin().shift(fill_value=float("inf"))
    return ordered[ordered["error"] < before]
