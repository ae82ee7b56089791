"""Whether an axis helps under every choice of the others: all differences in order, and what each was made with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import show
from resbench.records.metrics import METRICS
from resbench.report.arms import Arm, metric_values
from resbench.report.figures.drawing import (
    BAND,
    GREY,
    HATCH,
    PALE,
    SMALL,
    TINY,
    WIDE,
    Canvas,
    canvas,
    fitted,
    objects,
    signs,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.marks import Spot
from resbench.report.figures.spots import cell_spot, mark_points
from resbench.report.figures.styles import Arms, legend
from resbench.report.format import p_cell, p_text, rounded, signed
from resbench.report.labels import Labels
from resbench.report.statistics.specification import median_effect
from resbench.report.study import Study

_LEAST = 16  # comparisons; fewer stand in the forest
Choice = tuple[str, str]  # axis, value


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None for few comparisons."""
    if len(evidence.compared) < _LEAST:
        return None
    points = specification_points(evidence)
    known = points[points["difference"].notna()]
    if len(known) < _LEAST:
        return None
    low, high = known["low"].astype(float), known["high"].astype(float)
    caption = (
        f"Every cell minus the cell that differs from it only in {evidence.labels.cell(evidence.study.baseline)}: test error in points "
        "with its 95 % interval, crossed over seeds and images where predictions were kept, in order of the difference; "
        f"below, the choices each was made with. Of {len(known)} intervals {int((high < 0).sum())} lie below zero and "
        f"{int((low > 0).sum())} above. Grey band: the margin. Exploratory: the intervals are of each comparison for itself."
    )
    caption += _medians(evidence)
    if lost := len(points) - len(known):
        unlike = " or is not comparable" if evidence.compared["reason"].any() else ""
        caption += f" Hatched, to the right: {lost} comparisons with an arm that did not train{unlike}."
    alt = f"Differences to the baseline in order: {len(known)}; {signs(low, high)}."
    title = f"{int((high < 0).sum())} of {len(known)} differences to the baseline are clearly negative, {int((low > 0).sum())} clearly positive"
    return Figure("specification", points, partial(_draw, evidence, points), caption, alt, title)


def _medians(evidence: Evidence) -> str:
    """The median difference of each arm, with one test of all its comparisons together."""
    arms: dict[str, list[tuple[Arm, Arm]]] = {}
    for pair in evidence.compared.to_dict("records"):
        if pair["contrast"] is not None:
            name = ", ".join(show(pair[axis]) for axis in evidence.study.baseline)
            arms.setdefault(name, []).append((pair["ours"], pair["theirs"]))
    texts, fewest = [], 0
    for name, pairs in arms.items():
        seeds = sorted(set.intersection(*(set(arm.ended) for pair in pairs for arm in pair)))
        found = median_effect(np.array([_differences(evidence.study, *pair, seeds) for pair in pairs]))
        if not math.isnan(found.p):
            texts.append(f"{name} {signed(100 * found.median)} points, p {p_text(found.p)}")
            fewest = min(fewest or found.seeds, found.seeds)
    if not texts:
        return ""
    return (
        f" Median difference: {'; '.join(texts)} (of no effect in any comparison, by swapping the arms in whole seeds; "
        f"{fewest} seeds allow no p below {p_cell(2 / 2**fewest)})."
    )


def _differences(study: Study, ours: Arm, theirs: Arm, seeds: Sequence[int]) -> npt.NDArray[np.float64]:
    """Of the test errors of these seeds, `(seeds,)`."""
    left, right = (metric_values(study, [arm.ended[seed] for seed in seeds], "test_error") for arm in (ours, theirs))
    return np.asarray(left - right)


def specification_points(evidence: Evidence) -> pd.DataFrame:
    """A row per comparison, by its difference in points; those of arms that did not train come last, without one."""
    axes = evidence.study.axes
    rows: list[dict[str, Any]] = []
    for pair in evidence.compared.to_dict("records"):
        row = {axis: pair[axis] for axis in axes}
        row |= {"difference": math.nan, "low": math.nan, "high": math.nan, "trained": False}
        if pair["contrast"] is not None:
            lead = pair["contrast"].interval
            row |= {"difference": 100 * lead.estimate, "low": 100 * lead.low, "high": 100 * lead.high, "trained": True}
        row["untrained"] = pair["ours"].untrained + pair["theirs"].untrained
        rows.append(row)
    rows.sort(key=lambda row: (math.isnan(row["difference"]), row["difference"]))
    return objects(rows, [*axes, "difference", "low", "high", "trained", "untrained"])


def _draw(evidence: Evidence, points: pd.DataFrame) -> Canvas:
    study, compared = evidence.study, evidence.compared
    arms = Arms(compared, list(study.baseline), evidence.colors, evidence.labels)
    levels = {axis: list(dict.fromkeys(map(show, compared[axis]))) for axis in study.axes}
    choices = [(axis, value) for axis, values in levels.items() if len(values) > 1 for value in values]
    gaps = sum(one[0] != other[0] for one, other in pairwise(choices))
    lower = 0.155 * (len(choices) + 0.6 * gaps) + 0.1
    figure = canvas(WIDE, 2.9 + lower + 0.3)
    spots = [_spot(evidence, row) for row in points.to_dict("records")]
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.8, lower])
    colors = [arms.styles[arms.name(row)].color for row in points.to_dict("records")]
    _draw_effects(axes, points, colors, evidence.margin)
    places = points.assign(spot=pd.Series(spots, index=points.index, dtype=object), place=range(len(points)))
    mark_points(axes, places, "place", "difference")
    _draw_choices(below, points, choices, colors, evidence.labels)
    legend(figure, arms, False)
    return figure


def _spot(evidence: Evidence, row: Mapping[Any, Any]) -> Spot:
    value = " ".join(rounded(row["difference"], row["low"], row["high"], METRICS["test_error"])).rstrip()
    return cell_spot(evidence, row, f"{value} points against the baseline")


def _draw_effects(axes: Axes, points: pd.DataFrame, colors: Sequence[str], margin: float) -> None:
    places, (low, high, difference) = (
        range(len(points)),
        (points[n].astype(float) for n in ("low", "high", "difference")),
    )
    axes.axhspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axhline(0, color=GREY, linewidth=1, zorder=1)
    axes.vlines(places, low, high, colors=list(colors), linewidth=1, alpha=0.55)
    axes.scatter(
        places, difference, s=9 if len(points) > 100 else 18, c=list(colors), zorder=3, rasterized=len(points) > 200
    )
    _limits(axes, points, margin)
    if lost := int(difference.isna().sum()):
        end = len(points) - 0.5
        axes.axvspan(end - lost, end, facecolor=BAND, zorder=2, **HATCH)
        axes.annotate(
            f"not judged\n({lost})", (end, 1), (0, 2), xycoords=("data", "axes fraction"),
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
    low = min(max(points["low"].astype(float).min(), low - reach), values.min(), -margin)
    high = max(min(points["high"].astype(float).max(), high + reach), values.max(), margin)
    if margin > 0 and values.abs().max() > 25 * max(float(values.abs().median()), margin):
        axes.set_yscale("symlog", linthresh=4 * margin, linscale=1.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    room = 0.04 * (high - low)
    axes.set_ylim(low - room, high + room)


def _draw_choices(
    axes: Axes, points: pd.DataFrame, choices: Sequence[Choice], colors: Sequence[str], labels: Labels
) -> None:
    """A row for each choice, with a mark for each comparison that was made with it."""
    places, y, before = [], 0.0, choices[0][0]
    for axis, _ in choices:
        y += 0.6 if axis != before else 0.0
        before = axis
        places.append(y)
        y += 1
    width = max(0.8, min(3.0, 500 / len(points)))
    for (axis, value), place in zip(choices, places, strict=True):
        chosen = [i for i, text in enumerate(map(show, points[axis])) if text == value]
        axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
        marks = [colors[i] for i in chosen]
        axes.scatter(
            chosen, [place] * len(chosen), marker="|", s=52, c=marks, linewidths=width, rasterized=len(points) > 200
        )
    axes.set_yticks(places, [fitted(labels.value(axis, value), 2.0, TINY) for axis, value in choices], fontsize=TINY)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.set_xlim(-1, len(points))
    axes.set_xticks([])
    axes.set_xlabel(f"{len(points)} comparisons, from the largest gain to the largest loss", fontsize=SMALL)
    axes.grid(False)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
