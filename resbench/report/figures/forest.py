"""The differences that the claims speak of, each with its intervals, its seeds and its verdict: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from resbench.records.metrics import Metric
from resbench.report.comparison import seeds_of
from resbench.report.figures.comparison_rows import Family, Row, claimed, explored, largest
from resbench.report.figures.drawing import BAND, GREY, SMALL, Canvas, canvas, signs, symmetric, width_of, wrapped
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.styles import Arms, Style
from resbench.report.format import capitalised, rounded

_COLUMNS = (
    "family", "claim", "metric", "comparison", "kind", "seed", "difference", "low", "high", "simultaneous_low",
    "simultaneous_high", "margin", "verdict",
)  # fmt: skip
_WIDTH, _LEFT, _PLOT = 10.5, 2.9, 4.75  # inches
_CLEAR = ("supported", "refuted")
_FAR = 30.0  # times: beyond, a linear axis would flatten the smaller differences onto zero
_ROW, _LINE, _AXIS, _GAP = 0.27, 0.19, 0.48, 0.14


def figure(evidence: Evidence) -> Figure | None:
    """Of the claims, or of each cell against its baseline where no claim has a comparison; None without comparisons."""
    stated = claimed(evidence.study, evidence.verdicts)
    every = stated or explored(evidence.study, evidence.compared, evidence.margin)
    families, left_out = largest(every)
    if not any(row.drawn for family in families for row in family.rows):
        return None
    points = forest_points(families)
    caption = _caption(families, points, bool(stated))
    if left_out:
        total = sum(len(family.rows) for family in every)
        caption += f" The {total - left_out} largest differences of {total}; the table has all."
    draw = partial(_draw, families, points, evidence.hues)
    return Figure("forest", points, draw, caption, f"{_alt(points)} {evidence.verdict_text}".strip())


def forest_points(families: Sequence[Family]) -> pd.DataFrame:
    """A row per comparison (`difference`, or `none` without one) and one per shared seed, in the unit of the metric."""
    rows: list[dict[str, Any]] = []
    for family in families:
        factor = family.metric.factor
        for row in family.rows:
            at = {"family": family.number, "claim": family.says, "metric": family.metric.words}
            at |= {"comparison": row.label, "margin": family.margin}
            point = at | {"kind": "difference" if row.drawn else "none", "verdict": row.verdict}
            if row.drawn and row.contrast is not None:
                lead, wide = row.contrast.interval, row.contrast.simultaneous(family.size)
                point |= {"difference": factor * lead.estimate, "low": factor * lead.low, "high": factor * lead.high}
                point |= {"simultaneous_low": factor * wide.low, "simultaneous_high": factor * wide.high}
            rows.append(point)
            rows += [
                at | {"kind": "seed", "seed": seed, "difference": factor * float(value)}
                for seed, value in zip(seeds_of(row.comparison, family.metric), row.seeds, strict=True)
                if row.drawn
            ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _alt(points: pd.DataFrame) -> str:
    rows = points[points["kind"] == "difference"]
    lost = int((points["kind"] == "none").sum())
    text = (
        f"Differences with their intervals: {len(rows)}; {signs(rows['low'].astype(float), rows['high'].astype(float))}"
    )
    return text + (f"; without a difference: {lost}." if lost else ".")


def _caption(families: Sequence[Family], points: pd.DataFrame, claimed: bool) -> str:
    contrasts = [row.contrast for family in families for row in family.rows if row.drawn and row.contrast]
    images = any(not contrast.from_seeds_only for contrast in contrasts)
    over = " for new images (crossed over seeds and images)" if images else " over seeds"
    if images and any(contrast.from_seeds_only for contrast in contrasts):
        over += ", or over seeds where nothing is known by image"
    if any(contrast.one_pair for contrast in contrasts):
        over += ", of two single networks Wald's"
    text = (
        "Differences, first arm minus second: dot, mean over the seeds that ended in both arms; ticks, each of them; "
        f"thick bar, 95 % interval{over}; thin bar, the interval that holds for all comparisons of a family at once "
        "(Bonferroni). Grey band: differences within the margin, too small to matter. Bars that leave the axis are cut."
    )
    for shared in _axes_of(families):
        if threshold := _linear_to(shared, points):
            words = shared[0].metric.words
            text += f" The axis of {words} is linear up to {threshold:g} and logarithmic beyond."
    if not claimed:
        text += " q: false-discovery rate over all comparisons; none was claimed beforehand."
    if any(row.verdict == "not trained" for family in families for row in family.rows):
        text += " Not trained: runs diverged or collapsed, so that means are not compared, and the worst-rank test does not decide."
    return text


def _draw(families: Sequence[Family], points: pd.DataFrame, arms: Arms) -> Canvas:
    """A panel for each family; those in points share one axis, which stands under the last of them."""
    labels = {f.number: [wrapped(row.label, _LEFT - 0.2, SMALL, 2) for row in f.rows] for f in families}
    heads = {f.number: wrapped(capitalised(f.says), _WIDTH - 0.3, SMALL + 1, bold=True) for f in families}
    steps = {number: _ROW + _LINE * 0.7 * any(len(lines) > 1 for lines in each) for number, each in labels.items()}
    heights = {family.number: steps[family.number] * len(family.rows) for family in families}
    axes_of = _axes_of(families)
    height = sum(heights.values()) + sum(_LINE * len(head) + _GAP for head in heads.values())
    height += _AXIS * len(axes_of) + 0.1
    figure = canvas(_WIDTH, height, constrained=False)
    verdicts = (
        1.02 + (max((width_of(text, SMALL) for text in _all_numbers(families, points)), default=0.0) + 0.15) / _PLOT
    )
    top = height - 0.08
    for shared in axes_of:
        limits, threshold = _limits(shared, points), _linear_to(shared, points)
        for family in shared:
            head = heads[family.number]
            figure.text(0.1 / _WIDTH, top / height, "\n".join(head), va="top", weight="bold", fontsize=SMALL + 1)
            top -= _LINE * len(head) + 0.03
            bottom = top - heights[family.number]
            box = (_LEFT / _WIDTH, bottom / height, _PLOT / _WIDTH, heights[family.number] / height)
            axes = figure.add_axes(box)
            axes.set_xlim(limits)
            _draw_family(axes, family, labels[family.number], points, arms, verdicts)
            if threshold:
                symmetric(axes, threshold)
            last = family is shared[-1]
            _label(axes, family.metric.unit, last, [each.metric.words for each in shared])
            top = bottom - (_AXIS if last else 0.0) - _GAP + 0.03
    return figure


def _axes_of(families: Sequence[Family]) -> list[list[Family]]:
    """The families by axis: those in points share one, of the others each has its own."""
    proportions = [family for family in families if family.metric.proportion]
    return [*([proportions] if proportions else []), *([f] for f in families if not f.metric.proportion)]


def _of(families: Sequence[Family], points: pd.DataFrame) -> pd.DataFrame:
    return points[points["family"].isin([family.number for family in families])]


def _linear_to(families: Sequence[Family], points: pd.DataFrame) -> float | None:
    """Where an axis of differences of very different sizes becomes logarithmic; None where a linear one shows them all."""
    part = _of(families, points)
    sizes = part.loc[part["kind"] == "difference", "difference"].abs()
    small = max([float(sizes.quantile(0.4)), *(f.margin for f in families if math.isfinite(f.margin))])
    if len(sizes) < 3 or not small > 0 or sizes.max() < _FAR * small:
        return None
    return float(10.0 ** math.floor(math.log10(2 * small)))


def _limits(families: Sequence[Family], points: pd.DataFrame) -> tuple[float, float]:
    """Of the axis: all estimates, seeds and margins, and intervals as far as they do not flatten the rest."""
    part = _of(families, points)
    inner = [0.0, *part["difference"].dropna()]
    inner += [sign * 1.3 * f.margin for f in families if math.isfinite(f.margin) for sign in (-1, 1)]
    low, high = min(inner), max(inner)
    reach = 1.5 * max(high - low, 1e-9)
    outer = [value for name in ("low", "high") for value in part[name].dropna() if low - reach < value < high + reach]
    low, high = min([low, *outer]), max([high, *outer])
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def _draw_family(
    axes: Axes, family: Family, labels: Sequence[Sequence[str]], points: pd.DataFrame, arms: Arms, verdicts: float
) -> None:
    """A row for each comparison.

    Args:
        verdicts: where they are written, as a fraction of the axes.
    """
    axes.axvspan(-family.margin, family.margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    axes.set_ylim(len(family.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(family.rows)), ["\n".join(lines) for lines in labels], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    part = _of([family], points)
    text: dict[str, Any] = {
        "transform": blended_transform_factory(axes.transAxes, axes.transData),
        "va": "center",
        "fontsize": SMALL,
    }
    for y, row in enumerate(family.rows):
        clear = row.drawn and row.verdict in _CLEAR
        color = "black" if row.drawn else GREY
        axes.text(verdicts, y, row.verdict, weight="bold" if clear else "normal", color=color, **text)
        if not row.drawn:
            plain = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            lines = wrapped(_reason(row), _PLOT - 0.1, SMALL, 1)
            axes.text(0.01, y, "\n".join(lines), color=GREY, bbox=plain, **text)
            continue
        of_row = part[part["comparison"] == row.label]
        (point,) = of_row[of_row["kind"] == "difference"].to_dict("records")
        seeds = of_row.loc[of_row["kind"] == "seed", "difference"]
        _draw_row(axes, y, point, seeds, arms.styles[arms.name(row.ours.cell)])
        axes.text(1.02, y, _numbers(point, family.metric), **text)


def _reason(row: Row) -> str:
    """Why there is no difference."""
    if row.comparison.same:
        return "one network, trained once: no difference"
    if row.verdict == "not comparable":
        return "other data, or values that are missing"
    if any(arm.failed for arm in row.comparison.arms):
        return "runs failed, which is no random choice"
    if all(arm.trained for arm in row.comparison.arms):
        return "at least one arm has no ended run with this number"
    lost = " and ".join(f"{arm.untrained} of {len(arm.begun)}" for arm in row.comparison.arms)
    return f"{lost} runs did not train: means are not compared"


def _draw_row(axes: Axes, y: int, point: Mapping[Any, Any], seeds: pd.Series[float], style: Style) -> None:
    axes.plot(seeds, [y + 0.3] * len(seeds), marker="|", markersize=5, linestyle="", color=style.color, alpha=0.8)
    axes.hlines(y, point["simultaneous_low"], point["simultaneous_high"], color=style.color, linewidth=1)
    axes.hlines(y, point["low"], point["high"], color=style.color, linewidth=3.2)
    face: dict[str, Any] = {"markerfacecolor": style.color, "markeredgecolor": "white", "markersize": 7}
    axes.plot([point["difference"]], [y], marker=style.marker, zorder=4, **face)


def _all_numbers(families: Sequence[Family], points: pd.DataFrame) -> Iterator[str]:
    for family in families:
        part = _of([family], points)
        for point in part[part["kind"] == "difference"].to_dict("records"):
            yield _numbers(point, family.metric)


def _numbers(point: Mapping[Any, Any], metric: Metric) -> str:
    """`−0.12 [−0.18, −0.06]`; of metrics that never vary the difference alone."""
    if metric.exact:
        return f"{point['difference']:+,.0f}".replace("-", "−")
    return " ".join(rounded(point["difference"], point["low"], point["high"], metric)).rstrip()


def _label(axes: Axes, unit: str, last: bool, metrics: Sequence[str]) -> None:
    axes.tick_params(axis="x", labelbottom=last, bottom=last, labelsize=SMALL)
    axes.spines["bottom"].set_visible(last)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=7)
    if last:
        words = " or ".join(dict.fromkeys(metrics)) + (f" ({unit})" if unit else "")
        axes.set_xlabel(f"difference in {words}", fontsize=SMALL + 1)
