"""The whole grid at a glance: a field for each cell, coloured by its difference to the baseline or by its error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from resbench.report.figures.drawing import GREY, LOG_FROM, SMALL, TINY, Drawn, canvas, fitted, leaf, objects, width_of
from resbench.report.frames import show
from resbench.report.study import Study

_TEXT_UP_TO = 12  # columns
_MOST_COLUMNS = 48  # of a panel
_BETTER, _ZONE, _WORSE = "#0173b2", "#f6f8fa", "#de8f05"
_BASELINE = "#24292f"


def draw_heat_map(study: Study, frame: pd.DataFrame, compared: pd.DataFrame, x: str | None) -> Drawn | None:
    """The figure, exactly what it shows, and its caption; None for a grid of one axis, which a table shows as well.

    Args:
        frame: as `cells.cells` returns.
        compared: as `cells.comparisons` returns; empty without a baseline.
        x: the axis of the rows.
    """
    others = [axis for axis in study.axes if axis != x and len(set(map(show, frame[axis]))) > 1]
    if not x or not others or frame["mean"].isna().all() or len(set(map(show, frame[x]))) < 2:
        return None
    points = heat_points(study, frame, compared)
    differences = points["kind"].eq("difference").any()
    shown = points["difference" if differences else "error"].astype(float)
    margin = _margin(compared)
    colors, norm = _scale(shown, margin) if differences else ("cividis", _errors(shown))
    rows = list({show(value): value for value in points[x]}.values())
    columns = _ordered(points, others)
    panels = list(_panels(columns))
    figure = _empty(len(rows), panels, others)
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    at = {(show(row[x]), tuple(show(row[axis]) for axis in others)): row for row in points.to_dict("records")}
    width = max(map(len, panels))
    for axes, part in zip(grid, panels, strict=True):
        fields = [[at.get((show(row), column)) for column in part] for row in rows]
        _draw_panel(axes, fields, colors, norm, "difference" if differences else "error", len(columns))
        axes.set_xlim(0, width)  # fields of one size in all panels
        _label(axes, rows, part, x, others, figure.get_figwidth() / (width + 2))
    _legend(figure, list(grid), colors, norm, points, bool(differences), shown, margin)
    caption = _caption(bool(differences), margin, points, len(columns))
    if differences and (shown.abs() > (norm.vmax or 0)).any():
        caption += " Fields beyond the scale have the colour of its end."
    return figure, points, caption


def heat_points(study: Study, frame: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """A row per cell: the axes, `error` in percent, `difference` to the baseline in points, runs, and what it is.

    `kind` is `difference`, `baseline`, `error` (no difference: an arm did not train, or there is no baseline) or
    `missing`.
    """
    found = {_key(row, study.axes): row for row in compared.to_dict("records")} if len(compared) else {}
    rows: list[dict[str, Any]] = []
    for cell in frame.to_dict("records"):
        row = {axis: cell[axis] for axis in study.axes} | {"error": 100 * (1 - cell["mean"]), "difference": math.nan}
        row |= {"runs": cell["seeds_done"], "diverged": cell["diverged"]}
        row["kind"] = "missing" if math.isnan(cell["mean"]) else "error"
        one = found.get(_key(cell, study.axes))
        if one is not None and one["contrast"] is not None and one["ours"].trained and one["theirs"].trained:
            row |= {"difference": 100 * one["contrast"].interval.estimate, "kind": "difference"}
        elif row["kind"] == "error" and study.baseline and _is_baseline(cell, study.baseline):
            row["kind"] = "baseline"
        rows.append(row)
    return objects(rows, [*study.axes, "error", "difference", "runs", "diverged", "kind"])


def _key(row: Mapping[Any, Any], axes: Sequence[str]) -> tuple[str, ...]:
    return tuple(show(row[axis]) for axis in axes)


def _is_baseline(cell: Mapping[Any, Any], baseline: Mapping[str, Any]) -> bool:
    return all(show(cell[axis]) == show(value) for axis, value in baseline.items())


def _margin(compared: pd.DataFrame) -> float:
    contrasts = [one for one in compared["contrast"] if one is not None] if len(compared) else []
    return 100 * contrasts[0].margin if contrasts else 0.0


def _ordered(points: pd.DataFrame, others: Sequence[str]) -> list[tuple[str, ...]]:
    """The combinations of the other axes, the first of which changes slowest; values as they appear."""
    ranks = [{text: i for i, text in enumerate(dict.fromkeys(map(show, points[axis])))} for axis in others]
    found = dict.fromkeys(tuple(show(row[axis]) for axis in others) for row in points.to_dict("records"))
    return sorted(found, key=lambda key: [rank[text] for rank, text in zip(ranks, key, strict=True)])


def _panels(columns: Sequence[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Columns in panels that are not too wide, cut between blocks of the first axis where that is possible."""
    panel: list[tuple[str, ...]] = []
    for _, members in groupby(columns, key=lambda column: column[0]):
        block = list(members)
        if panel and len(panel) + len(block) > _MOST_COLUMNS:
            yield panel
            panel = []
        panel += block
        while len(panel) > _MOST_COLUMNS:
            yield panel[:_MOST_COLUMNS]
            panel = panel[_MOST_COLUMNS:]
    if panel:
        yield panel


def _scale(values: pd.Series[float], margin: float) -> tuple[Colormap, Normalize]:
    """Blue to orange, of one pale colour within the margin; a tenth of the fields may lie beyond its ends."""
    sizes = values.abs().dropna()
    limit = max(float(sizes.quantile(0.9)) if len(sizes) > 10 else float(sizes.max()), 3 * margin, 1e-6)
    zone = margin / limit / 2
    stops = [(0.0, _BETTER), (0.5 - zone, "#dbeaf5"), (0.5 - zone, _ZONE), (0.5 + zone, _ZONE), (0.5 + zone, "#fbead0")]
    return LinearSegmentedColormap.from_list("margin", [*stops, (1.0, _WORSE)], N=1024), Normalize(-limit, limit)


def _errors(values: pd.Series[float]) -> Normalize:
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > LOG_FROM:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + 1)


def _empty(rows: int, panels: Sequence[Sequence[tuple[str, ...]]], others: Sequence[str]) -> Figure:
    width = max(map(len, panels))
    field = 0.85 if width <= _TEXT_UP_TO else 0.21
    labels = max(width_of(column[-1], TINY) for panel in panels for column in panel)
    each = (0.34 if width <= _TEXT_UP_TO else 0.22) * rows + 0.2 * len(others) + min(labels, 1.2) + 0.25
    return canvas(min(11.0, max(6.0, field * width + 2.2)), max(each * len(panels) + 0.6, 2.7))


def _draw_panel(
    axes: Axes,
    fields: Sequence[Sequence[Mapping[Any, Any] | None]],
    colors: Colormap | str,
    norm: Normalize,
    what: str,
    columns: int,
) -> None:
    numbers = [[math.nan if one is None else float(one[what]) for one in line] for line in fields]
    mesh = axes.pcolormesh(np.ma.masked_invalid(numbers), cmap=colors, norm=norm, edgecolors="white", linewidth=0.8)
    for y, line in enumerate(fields):
        for x, one in enumerate(line):
            if one is None or (one["kind"] == "missing" and not one["diverged"]):
                axes.text(x + 0.5, y + 0.5, "·", ha="center", va="center", color=GREY)
                continue
            value = float(one[what])
            if math.isnan(value):
                fill = "#ffffff" if one["kind"] == "baseline" else "#e1e4e8"
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor="white", linewidth=0.8))
            if one["diverged"]:
                hatch = "xxxx" if one["kind"] == "missing" else "////"
                mark = Rectangle((x, y), 1, 1, fill=False, hatch=hatch, edgecolor="#57606a", linewidth=0)
                axes.add_patch(mark)
            if one["kind"] == "baseline" and what == "difference":
                frame = Rectangle(
                    (x + 0.1, y + 0.1), 0.8, 0.8, fill=False, edgecolor=_BASELINE, linewidth=0.7, zorder=5
                )
                axes.add_patch(frame)
            if columns <= _TEXT_UP_TO:
                color = "#24292f" if math.isnan(value) else _ink(mesh.cmap(norm(value)))
                plain = (
                    {"facecolor": "#ffffff", "edgecolor": "none", "pad": 1, "alpha": 0.85} if one["diverged"] else None
                )
                axes.text(x + 0.5, y + 0.5, _text(one, what), ha="center", va="center", fontsize=SMALL,
                          color="#24292f" if one["diverged"] else color, bbox=plain)  # fmt: skip
    axes.set_ylim(len(fields), 0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)


def _text(one: Mapping[Any, Any], what: str) -> str:
    if one["kind"] == "missing":
        return f"{one['diverged']} diverged"
    if what == "error" or one["kind"] != "difference":
        return f"{one['error']:.2f} %"
    return f"{one['difference']:+.2f}".replace("-", "−")


def _ink(rgba: Any) -> str:
    """Black or white, whichever stands out from the field."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgba[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if luminance < 0.18 else "#24292f"


def _label(
    axes: Axes, rows: Sequence[Any], columns: Sequence[tuple[str, ...]], x: str, others: Sequence[str], field: float
) -> None:
    """Values of the last axis under the columns, those of the others over them, with gaps between their blocks."""
    axes.set_yticks([i + 0.5 for i in range(len(rows))], [fitted(show(row), 1.4) for row in rows], fontsize=SMALL)
    axes.set_ylabel(x)
    texts = [fitted(column[-1], 1.2, TINY) for column in columns]
    slanted = any(width_of(text, TINY) > 0.9 * field for text in texts)
    axes.set_xticks([i + 0.5 for i in range(len(columns))], texts, fontsize=TINY, rotation=90 if slanted else 0)
    axes.set_xlabel(leaf(others[-1]), fontsize=SMALL)
    outer = len(others) - 1
    for level in range(outer):
        start = 0
        for _, members in groupby(columns, key=lambda column, level=level: column[: level + 1]):  # type: ignore[misc]
            size = len(list(members))
            if start:
                axes.axvline(start, color="white", linewidth=5 - 1.5 * min(level, 2))
            text = columns[start][level]
            text = (
                f"{leaf(others[level])} {text}"
                if width_of(f"{leaf(others[level])} {text}", TINY) < field * size
                else text
            )
            axes.annotate(
                fitted(text, field * size, TINY), (start + size / 2, 0), (0, 4 + 11 * (outer - 1 - level)),
                textcoords="offset points", ha="center", va="bottom", fontsize=TINY, color="#24292f",
                weight="bold" if level == 0 else "normal", annotation_clip=False,
            )  # fmt: skip
            start += size


def _legend(
    figure: Figure,
    grid: list[Axes],
    colors: Colormap | str,
    norm: Normalize,
    points: pd.DataFrame,
    differences: bool,
    shown: pd.Series[float],
    margin: float,
) -> None:
    over, under = bool((shown > (norm.vmax or 0)).any()), bool((shown < (norm.vmin or 0)).any())
    extend = "both" if over and under else "max" if over else "min" if under else "neither"
    mesh = grid[0].collections[0]
    label = "difference to the baseline (points)" if differences else "test error (%)"
    bar = figure.colorbar(
        mesh, ax=grid, extend=extend, shrink=min(1.0, 2.6 / figure.get_figheight()), label=label, pad=0.015
    )
    bar.ax.tick_params(labelsize=SMALL)
    bar.ax.yaxis.label.set_fontsize(SMALL)
    if isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    handles = []
    if differences and points["kind"].eq("baseline").any():
        handles.append(Patch(facecolor="white", edgecolor=_BASELINE, linewidth=0.7, label="baseline"))
    some = points["diverged"].astype(int) > 0
    if (some & points["kind"].ne("missing")).any():
        handles.append(
            Patch(facecolor="#e1e4e8", hatch="////", edgecolor="#57606a", linewidth=0, label="some runs diverged")
        )
    if (some & points["kind"].eq("missing")).any():
        handles.append(
            Patch(facecolor="#e1e4e8", hatch="xxxx", edgecolor="#57606a", linewidth=0, label="all runs diverged")
        )
    if differences and (points["kind"].eq("error") & ~some).any():
        handles.append(Patch(facecolor="#e1e4e8", edgecolor="white", label="not compared"))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=SMALL)


def _caption(differences: bool, margin: float, points: pd.DataFrame, columns: int) -> str:
    if differences:
        text = (
            "Test error of each cell, mean over its seeds, minus that of its baseline in points: blue is better. Differences "
            f"within the margin of {margin:g} points have one pale colour."
        )
        text += " Baselines are framed." + (" They show their error." if columns <= _TEXT_UP_TO else "")
        if (points["diverged"].astype(int) > 0).any():
            text += " Cells of which a run diverged, in either arm, are not compared."
    else:
        text = "Test error of each cell, mean over the seeds that ended, in percent."
    if (points["diverged"].astype(int) > 0).any():
        text += " Hatched: cells of which runs diverged."
    missing = points["kind"].eq("missing") & (points["diverged"].astype(int) == 0)
    return text + (" A dot: no result." if missing.any() else "") + " Intervals are in the tables."
