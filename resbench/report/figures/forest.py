"""The differences that the claims speak of, each with its intervals, its seeds and its verdict: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from resbench.report.arms import name
from resbench.report.figures.comparison_rows import Family, Row, claimed, explored, largest, shared_seeds
from resbench.report.figures.drawing import BAND, GREY, SMALL, Drawn, canvas, symmetric, width_of, wrapped
from resbench.report.figures.styles import Arms, Style
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import simultaneous_level
from resbench.report.statistics.interval import Interval, at_level
from resbench.report.study import Study
from resbench.report.verdicts import EXACT, Verdict, unit
from resbench.report.wording import failures, metric, signed

_COLUMNS = (
    "family", "claim", "metric", "comparison", "kind", "seed", "difference", "low", "high", "simultaneous_low",
    "simultaneous_high", "margin", "verdict",
)  # fmt: skip
_WIDTH, _LEFT, _PLOT = 10.5, 2.9, 4.75  # inches
_CLEAR = ("supported", "refuted")
_FAR = 30.0  # times: beyond, a linear axis would flatten the smaller differences onto zero
_ROW, _LINE, _AXIS, _GAP = 0.27, 0.19, 0.48, 0.14


def draw_forest(study: Study, verdicts: Sequence[Verdict], compared: pd.DataFrame, arms: Arms) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None if there is nothing to compare.

    Args:
        verdicts: as `claims.judge` returns.
        compared: as `cells.comparisons` returns; drawn where no claim has a comparison.
        arms: for the colours; each row has that of its first arm.
    """
    stated = claimed(study, verdicts)
    groups = stated or explored(study, compared)
    total = sum(len(group.rows) for group in groups)
    groups, left = largest(groups)
    if not any(row.drawn for group in groups for row in group.rows):
        return None
    points = forest_points(groups)
    return _draw(groups, points, arms), points, _caption(groups, points, total, left, bool(stated))


def forest_points(groups: Sequence[Family]) -> pd.DataFrame:
    """A row per comparison (`difference`, or `not trained` and the like without one) and one per shared seed.

    Differences of shares are in points, others in the unit of their metric.
    """
    rows: list[dict[str, Any]] = []
    for group in groups:
        factor, _ = unit(group.on)
        for row in group.rows:
            at = {
                "family": group.number,
                "claim": group.says,
                "metric": metric(group.on),
                "comparison": row.label,
                "margin": group.margin,
            }
            one = at | {"kind": "difference" if row.drawn else "none", "verdict": row.verdict}
            if row.drawn and row.contrast is not None:
                lead, wide = _intervals(row.contrast, group.size)
                one |= {"difference": factor * lead.estimate, "low": factor * lead.low, "high": factor * lead.high}
                one |= {"simultaneous_low": factor * wide.low, "simultaneous_high": factor * wide.high}
            rows.append(one)
            rows += [
                at | {"kind": "seed", "seed": seed, "difference": factor * float(value)}
                for seed, value in zip(shared_seeds(row), row.seeds, strict=True)
                if row.drawn
            ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _intervals(contrast: Contrast, size: int) -> tuple[Interval, Interval]:
    """The interval of one comparison, and the one that holds for all of its family at once."""
    lead = contrast.interval
    return lead, at_level(lead, simultaneous_level(size, contrast.level)) if not math.isnan(lead.se) else lead


def _caption(groups: Sequence[Family], points: pd.DataFrame, total: int, left: int, claimed: bool) -> str:
    contrasts = [row.contrast for group in groups for row in group.rows if row.drawn and row.contrast]
    images = any(not one.from_seeds_only for one in contrasts)
    text = "Differences, first arm minus second: dot, mean over the seeds that ended in both arms; ticks, each of them"
    text += "; thick bar, 95 % interval" + (
        " for new images (crossed over seeds and images)" if images else " over seeds"
    )
    if images and any(one.from_seeds_only for one in contrasts):
        text += ", or over seeds where nothing is known by image"
    if any(one.one_pair for one in contrasts):
        text += ", of two single networks Wald's"
    text += "; thin bar, the interval that holds for all comparisons of a family at once (Bonferroni)."
    text += " Grey band: differences within the margin, too small to matter. Bars that leave the axis are cut."
    for some in _axes_of(groups):
        if threshold := _linear_to(some, points):
            text += f" The axis of {metric(some[0].on)} is linear up to {threshold:g} and logarithmic beyond."
    if left:
        text += f" The {total - left} largest differences of {total}; the table has all."
    if not claimed:
        text += " q: false-discovery rate over all comparisons; nobody claimed them beforehand."
    if any(row.verdict == "not trained" for group in groups for row in group.rows):
        text += " Not trained: a run of either arm diverged, so that means are not compared."
    return text


def _draw(groups: Sequence[Family], points: pd.DataFrame, arms: Arms) -> Figure:
    """A panel for each family; those in points share one axis, which stands under the last of them."""
    ordered = [group for group in groups if unit(group.on)[1]] + [group for group in groups if not unit(group.on)[1]]
    heads = [wrapped(_head(group), _WIDTH - 0.3, SMALL + 1, bold=True) for group in ordered]
    labels = [[wrapped(row.label, _LEFT - 0.2, SMALL, 2) for row in group.rows] for group in ordered]
    rows = [_ROW + _LINE * 0.7 * any(len(lines) > 1 for lines in each) for each in labels]
    last = [i + 1 == len(ordered) or not unit(ordered[i + 1].on)[1] for i in range(len(ordered))]
    heights = [step * len(group.rows) for step, group in zip(rows, ordered, strict=True)]
    height = sum(heights) + sum(_LINE * len(head) + _GAP for head in heads) + _AXIS * sum(last) + 0.1
    figure = canvas(_WIDTH, height, constrained=False)
    shared = _limits([group for group in ordered if unit(group.on)[1]], points)
    numbers = [_numbers(one, _on(ordered, one)) for one in points[points["kind"] == "difference"].to_dict("records")]
    beside = 1.02 + (max((width_of(text, SMALL) for text in numbers), default=0.0) + 0.15) / _PLOT
    top = height - 0.08
    for i, group in enumerate(ordered):
        figure.text(0.1 / _WIDTH, top / height, "\n".join(heads[i]), va="top", weight="bold", fontsize=SMALL + 1)
        top -= _LINE * len(heads[i]) + 0.03
        bottom = top - heights[i]
        box = (_LEFT / _WIDTH, bottom / height, _PLOT / _WIDTH, heights[i] / height)
        axes = figure.add_axes(box)
        together = next(some for some in _axes_of(ordered) if any(one is group for one in some))
        axes.set_xlim(shared if unit(group.on)[1] else _limits([group], points))
        _draw_group(axes, group, labels[i], points, arms, beside)
        if threshold := _linear_to(together, points):
            symmetric(axes, threshold)
        _label(axes, unit(group.on)[1], last[i], [metric(one.on) for one in together])
        top = bottom - (_AXIS if last[i] else 0.0) - _GAP + 0.03
    return figure


def _axes_of(groups: Sequence[Family]) -> list[list[Family]]:
    """The families by axis: those in points share one, of the others each has its own."""
    shares = [one for one in groups if unit(one.on)[1]]
    return [*([shares] if shares else []), *([one] for one in groups if not unit(one.on)[1])]


def _linear_to(groups: Sequence[Family], points: pd.DataFrame) -> float | None:
    """Where an axis of differences of very different sizes becomes logarithmic; None where a linear one shows them all."""
    part = points[points["family"].isin([group.number for group in groups])]
    sizes = part.loc[part["kind"] == "difference", "difference"].abs()
    small = max([float(sizes.quantile(0.4)), *(group.margin for group in groups if math.isfinite(group.margin))])
    if len(sizes) < 3 or not small > 0 or sizes.max() < _FAR * small:
        return None
    return float(10.0 ** math.floor(math.log10(2 * small)))


def _on(groups: Sequence[Family], one: Mapping[Any, Any]) -> str:
    return next(group.on for group in groups if group.number == one["family"])


def _head(group: Family) -> str:
    return f"{group.says[:1].upper()}{group.says[1:]}"


def _limits(groups: Sequence[Family], points: pd.DataFrame) -> tuple[float, float]:
    """Of the axis: all estimates, seeds and margins, and intervals as far as they do not flatten the rest."""
    part = points[points["family"].isin([group.number for group in groups])]
    inner = [0.0, *part["difference"].dropna()]
    inner += [sign * 1.3 * group.margin for group in groups if math.isfinite(group.margin) for sign in (-1, 1)]
    low, high = min(inner), max(inner)
    reach = 1.5 * max(high - low, 1e-9)
    outer = [value for name in ("low", "high") for value in part[name].dropna() if low - reach < value < high + reach]
    low, high = min([low, *outer]), max([high, *outer])
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def _draw_group(
    axes: Axes, group: Family, labels: Sequence[Sequence[str]], points: pd.DataFrame, arms: Arms, beside: float
) -> None:
    axes.axvspan(-group.margin, group.margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    axes.set_ylim(len(group.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(group.rows)), ["\n".join(lines) for lines in labels], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    part = points[points["family"] == group.number]
    for y, row in enumerate(group.rows):
        found = part[part["comparison"] == row.label].to_dict("records")
        style = arms.styles[arms.names.index(arms.of(row.ours.cell))]
        _draw_row(axes, y, row, style, found, group.on, beside)


def _draw_row(
    axes: Axes, y: int, row: Row, style: Style, found: Sequence[Mapping[Any, Any]], on: str, verdict: float
) -> None:
    text: dict[str, Any] = {
        "transform": blended_transform_factory(axes.transAxes, axes.transData),
        "va": "center",
        "fontsize": SMALL,
    }
    if not row.drawn:
        told = "at least one arm has no ended run with this number"
        if row.verdict == "not trained":
            ours, theirs = name(row.ours.cell, row.theirs.cell)
            told = f"diverged: {ours} {failures(row.ours)}, {theirs} {failures(row.theirs)}"
        plain = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(0.01, y, "\n".join(wrapped(told, _PLOT - 0.1, SMALL, 1)), color=GREY, bbox=plain, **text)
        axes.text(verdict, y, row.verdict, color=GREY, **text)
        return
    one = next(each for each in found if each["kind"] == "difference")
    seeds = [each["difference"] for each in found if each["kind"] == "seed"]
    axes.plot(seeds, [y + 0.3] * len(seeds), marker="|", markersize=5, linestyle="", color=style.color, alpha=0.8)
    axes.hlines(y, one["simultaneous_low"], one["simultaneous_high"], color=style.color, linewidth=1)
    axes.hlines(y, one["low"], one["high"], color=style.color, linewidth=3.2)
    face: dict[str, Any] = {"markerfacecolor": style.color, "markeredgecolor": "white", "markersize": 7}
    axes.plot([one["difference"]], [y], marker=style.marker, zorder=4, **face)
    axes.text(1.02, y, _numbers(one, on), **text)
    axes.text(verdict, y, row.verdict, weight="bold" if one["verdict"] in _CLEAR else "normal", **text)


def _numbers(one: Mapping[Any, Any], on: str) -> str:
    """`−0.12 [−0.18, −0.06]`; of metrics that never vary the difference alone."""
    if on in EXACT:
        return f"{one['difference']:+,.0f}".replace("-", "−")
    digits = 2 if unit(on)[1] else 4
    text = signed(one["difference"], digits)
    return text if math.isnan(one["low"]) else f"{text} [{signed(one['low'], digits)}, {signed(one['high'], digits)}]"


def _label(axes: Axes, word: str, last: bool, metrics: Sequence[str]) -> None:
    axes.tick_params(axis="x", labelbottom=last, bottom=last, labelsize=SMALL)
    axes.spines["bottom"].set_visible(last)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=7)
    if last:
        told = " or ".join(dict.fromkeys(metrics)) + (f" ({word})" if word else "")
        axes.set_xlabel(f"difference in {told}", fontsize=SMALL + 1)
