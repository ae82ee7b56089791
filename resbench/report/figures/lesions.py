"""Lesions: what a trained network loses with units removed or swapped (Veit et al. 2016, arXiv 1605.06431)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import plural
from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    SIZE,
    SMALL,
    WIDE,
    Canvas,
    label_edges,
    objects,
    panels,
    part_labels,
    value_text,
    whole,
)
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.lines import draw_dots, draw_lines
from resbench.report.figures.marks import Spot, mark
from resbench.report.figures.probed import (
    COLUMNS,
    Panel,
    Probed,
    ProbedCell,
    draw_panels,
    draw_series,
    line_rows,
    means_of,
    named_lines,
    probed,
)
from resbench.report.figures.styles import legend
from resbench.report.figures.trends import trend
from resbench.report.format import signed
from resbench.report.statistics.mean import Series, mean

_STEEP = 10.0  # points from which the scale of rises is linear only up to one point
_SHIFT = 0.06  # between the draws of arms, of the distance between two numbers of units


def figure(evidence: Evidence) -> Figure | None:
    """Test error by the number of removed units; None if no run that ended was probed."""
    data = probed(evidence, "lesions", every=False, learned=True)
    if not data:
        return None
    points = lesion_points(data)
    points = points[points["panel"] == "random"].reset_index(drop=True)
    if points.empty:
        return None
    texts = []
    for name, line in named_lines(means_of(points, "random"), data.arms.words):
        places = [f" with {place:g}" for place in line["place"]]
        texts.append(f"with {name} it {trend(list(line['value']), places, ' %')}")
    alt = f"Test error by the number of removed units: {'; '.join(texts)}."
    draws = [partial(_draw_removed, data, points, narrow) for narrow in (False, True)]
    return Figure("lesions", points, draws[0], _caption_removed(data), alt, _title(points, data.arms.words), draws[1])


def _title(points: pd.DataFrame, words: Mapping[str, str]) -> str:
    """What removing one unit costs, where there are arms to compare."""
    means = means_of(points, "random")
    rows = [str(row) for row, part in means.groupby("row", sort=False) if part["arm"].nunique() > 1]
    row = rows[-1] if rows else str(means["row"].iloc[-1])
    rises = []
    for arm, line in means[means["row"] == row].groupby("arm", sort=False):
        at = dict(zip(line["place"], line["value"], strict=True))
        if 0 in at and 1 in at:
            rises.append(f"{signed(at[1] - at[0], 1)} points ({words[str(arm)]})")
    where = f"With {row}, removing" if row else "Removing"
    return f"{where} one unit changes the test error by {', '.join(rises)}" if rises else "Test error by removed units"


def by_unit(evidence: Evidence) -> Figure | None:
    """The rise of the error for each unit that is removed, and for pairs that change places; None without either."""
    data = probed(evidence, "lesions", every=False, learned=True)
    if not data:
        return None
    points = lesion_points(data)
    points = points[points["panel"] != "random"].reset_index(drop=True)
    if points["value"].isna().all():
        return None
    rises = [
        f"{name} {signed(line['value'].min(), 0)} to {signed(line['value'].max(), 0)}"
        for name, line in named_lines(means_of(points, "single"), data.arms.words)
    ]
    alt = f"Rise of the test error in points with one unit removed, least and most over the units: {'; '.join(rises)}."
    title = "Which units the networks need most"
    draws = [partial(_draw_units, data, points, narrow) for narrow in (False, True)]
    return Figure("lesions-by-unit", points, draws[0], _caption_units(data, points), alt, title, draws[1])


def lesion_points(data: Probed) -> pd.DataFrame:
    """What the figure shows, in `probed.COLUMNS`.

    `single`: rise of the error in points by unit, from 1; `random`: error in percent by the number of removed units,
    kind `draw` for each random set; `swap`: rise in points by the distance of the two units.
    """
    rows: list[dict[str, Any]] = []
    for cell in data.cells:
        series: dict[int, Series] = {
            seed: [None if error is None else 100 * (error - result["intact"]) for error in result["removed"]]
            for seed, result in cell.results.items()
        }
        units = max(map(len, series.values()), default=0)
        rows += line_rows(cell, "single", series, range(1, units + 1), [""] * units, not data.arms.many)
        rows += _several(cell, not data.arms.many)
        rows += _swaps(cell)
    return objects(rows, COLUMNS)


def _several(cell: ProbedCell, draws: bool) -> list[dict[str, Any]]:
    """Error in percent by number of removed units: of none, of one (the mean over units), and of the random sets."""
    at = {"row": cell.row, "panel": "random", "arm": cell.arm, "group": cell.group, "layer": ""}
    by_number: dict[int, list[tuple[int, float]]] = {}
    for seed, result in cell.results.items():
        random = {int(number): errors for number, errors in result["random"].items()}
        for number, errors in ({0: [result["intact"]], 1: result["removed"]} | random).items():
            known = [(seed, 100 * error) for error in errors if error is not None]
            by_number.setdefault(number, []).extend(known)
    out = []
    for number, values in sorted(by_number.items()):
        for seed, value in values if draws and number > 1 else ():
            out.append(at | {"kind": "draw", "seed": seed, "place": number, "value": value, "seeds": 1})
        if values:
            point = {"value": mean([value for _, value in values]), "seeds": len({seed for seed, _ in values})}
            out.append(at | {"kind": "mean", "seed": "", "place": number} | point)
    return out


def _swaps(cell: ProbedCell) -> list[dict[str, Any]]:
    at = {"row": cell.row, "panel": "swap", "arm": cell.arm, "group": cell.group, "kind": "draw", "layer": ""}
    out = []
    for seed, result in cell.results.items():
        for (left, right), error in zip(result["swapped"], result["swapped_error"], strict=True):
            if error is not None:
                rise = 100 * (error - result["intact"])
                out.append(at | {"seed": seed, "place": abs(right - left), "value": rise, "seeds": 1})
    return out


def _is_wide(points: pd.DataFrame) -> bool:
    """Whether the scale of rises is logarithmic beyond one point."""
    return bool((points["value"].abs() > _STEEP).any())


def _draw_removed(data: Probed, points: pd.DataFrame, narrow: bool) -> Canvas:
    """A panel for each depth, side by side."""
    rows = data.rows[-1:] if narrow else data.rows
    figure, grid = panels(len(rows), len(rows), NARROW if narrow else WIDE, 3.1, 0.5, sharey=True)
    for row, axes in zip(rows, grid, strict=True):
        _draw_errors(axes, points[points["row"] == row], data)
        axes.set_title(row, fontsize=SIZE, loc="left")
    label_edges(grid, len(rows), "units removed", "test error (%)", SMALL)
    legend(figure, data.hues, True, shown=set(points["group"]))
    return figure


def _draw_units(data: Probed, points: pd.DataFrame, narrow: bool) -> Canvas:
    rises = partial(_draw_rises, data=data, values=points["value"].astype(float))
    columns = [
        Panel("single", "one unit removed", "unit", "rise of test error (points)", rises, 1.25),
        Panel("swap", "two units swapped", "places between the units", "", rises, 0.8),
    ]
    shown = [panel for panel in columns if points["panel"].eq(panel.name).any()]
    figure, grid = draw_panels(data, points, shown, narrow)
    part_labels(figure, [axes for line in grid for axes in line])
    for line in grid:
        for axes in line:  # whole units, and no ticks beyond them
            axes.set_xlim(0.4, max(axes.dataLim.x1, 1.0) + 0.6)
    return figure


def _draw_rises(axes: Axes, points: pd.DataFrame, data: Probed, values: pd.Series[float]) -> None:
    """Rises by unit or by distance.

    Args:
        values: of all such panels, which share one scale.
    """
    axes.axhline(0, color=GREY, linewidth=0.8)
    draw_series(axes, points, data)
    _draw_draws(axes, points, data)
    whole(axes)
    if not len(points):
        axes.text(0.5, 0.5, "no pair fits", transform=axes.transAxes, ha="center", color=GREY, fontsize=SMALL)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if values.abs().max() <= _STEEP:
        room = 0.06 * (high - low) or 0.1
        axes.set_ylim(low - room, high + room)
        return
    axes.set_yscale("symlog", linthresh=1, linscale=0.7)
    axes.set_ylim(low - 0.2 if low > -1 else 1.3 * low, 1.3 * high)
    ticks = [sign * size for sign in (-1, 1) for size in (1, 3, 10, 30, 100)]
    shown = sorted(tick for tick in (0, *ticks) if low - 0.2 <= tick <= 1.3 * high)
    axes.set_yticks(shown, [f"{tick:+g}".replace("-", "−") if tick else "0" for tick in shown])
    axes.minorticks_off()


def _draw_errors(axes: Axes, points: pd.DataFrame, data: Probed) -> None:
    """Errors by number of removed units: none, then powers of two at equal distances."""
    places = {number: math.log2(number) if number else -1.0 for number in sorted(set(points["place"]))}
    points = points.assign(place=points["place"].map(places))
    means = points[points["kind"] == "mean"]
    draw_lines(axes, means, "place", "value", data.hues, marked=not data.arms.many)
    _draw_draws(axes, points, data)
    for row in means.to_dict("records"):
        arm = data.arms.words.get(row["arm"], row["arm"]) if row["arm"] != "all" else ""
        name = ", ".join(filter(None, [row["row"], arm])) or "the only cell"
        said = f"{plural(round(2 ** row['place']) if row['place'] >= 0 else 0, 'unit')} removed: test error {value_text(row['value'])} %"
        mark(axes, row["place"], row["value"], Spot(f"{name}\n{said}\nmean over {plural(row['seeds'], 'seed')}"))
    axes.set_xticks(list(places.values()), [f"{number:g}" for number in places])
    axes.set_ylim(bottom=0)


def _draw_draws(axes: Axes, points: pd.DataFrame, data: Probed) -> None:
    """Every draw, the arms next to each other."""
    draws, names = points[points["kind"] == "draw"], data.arms.names
    shift = _SHIFT if len(names) < 10 else 0.0
    place = [
        float(place) + shift * (names.index(arm) - (len(names) - 1) / 2)
        for place, arm in zip(draws["place"], draws["arm"], strict=True)
    ]
    draw_dots(axes, draws.assign(place=place), "place", "value", data.hues, s=9, linewidths=0, alpha=0.5)


_MEANING = (
    "a unit's branch is set to zero, and a unit without shortcut is bypassed; nothing is trained again (after Veit et al. "
    "2016, section 4)"
)


def _caption_removed(data: Probed) -> str:
    draws = "" if data.arms.many else " (line) and every random set (dots)"
    text = (
        f"Test error of trained networks against the number of removed units: {_MEANING}. Mean of all draws{draws}; of one "
        "unit the mean over the units."
    )
    return f"{text} {_images(data)}"


def _caption_units(data: Probed, points: pd.DataFrame) -> str:
    seeds = "" if data.arms.many else " (thick) and each seed (thin)"
    text = (
        f"Rise of the test error in points with each unit removed: {_MEANING}. Mean over the seeds{seeds}; a unit that "
        "cannot be removed leaves a gap."
    )
    if points["panel"].eq("swap").any():
        text += " Two units swapped: random pairs that change places, by the distance between them."
    if _is_wide(points):
        text += " The scale is linear up to one point, and logarithmic beyond."
    return f"{text} {_images(data)}"


def _images(data: Probed) -> str:
    images = sorted({int(result["images"]) for cell in data.cells for result in cell.results.values()})
    counts = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    return f"On {counts} test images. Runs that did not train are left out, except where all runs of a cell collapsed.{data.remark()}"
