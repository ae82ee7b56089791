"""What the figures of probes share: the probed runs of each cell, a row of panels for each depth, and lines by place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resbench.report.figures.drawing import SMALL, canvas, fitted, leaf
from resbench.report.figures.styles import MOST_ARMS, Arms, Style, hues_of, legend
from resbench.report.frames import groups, show
from resbench.report.study import Study

Series = Sequence[float | None]  # by place: layers or units in order of depth; None where there is no value
COLUMNS = ("row", "panel", "arm", "group", "kind", "seed", "place", "layer", "value", "seeds")
DEPTH = "model.depth"
MOST_ROWS = 6
_ENDED = ("ok", "diverged")


@dataclass(frozen=True)
class Cell:
    """A cell with what a probe found in it.

    Attributes:
        row: which row of panels it is drawn in; empty if there is one.
        arm: its line.
        group: what colours the line.
        found: seed -> what the probe left in the record.
        ended: seeds of runs that did not diverge.
    """

    row: str
    arm: str
    group: str
    found: Mapping[int, Mapping[str, Any]]
    ended: frozenset[int]


@dataclass(frozen=True)
class Probed:
    """The cells of a study that a probe looked at, in the study's order.

    Attributes:
        arms: the combinations of all axes but the depth, or of all where that leaves none.
        hues: what colours tell apart.
        rows: of panels, by depth.
        left_out: how many rows there are beside these.
        probed_cells: how many cells there are in all rows.
    """

    cells: list[Cell]
    arms: Arms
    hues: Arms
    rows: list[str]
    left_out: int
    probed_cells: int

    @property
    def many(self) -> bool:
        """Whether there are too many arms to draw every seed."""
        return len(self.arms.names) > MOST_ARMS

    def style(self, group: str) -> Style:
        return self.hues.styles[self.hues.names.index(group)]

    def remark(self) -> str:
        """For the caption: what is not shown."""
        text = ""
        if self.many:
            text += f" The {len(self.arms.names)} arms are coloured by {', '.join(map(leaf, self.hues.axes))}."
        if self.left_out:
            text += f" {len(self.rows)} of {len(self.rows) + self.left_out} depths are drawn, evenly chosen."
        return text


def probed(study: Study, frame: pd.DataFrame, probe: str, diverged: bool) -> Probed | None:
    """What a probe found in each cell; None where no record has it.

    Args:
        frame: as `cells.cells` returns.
        diverged: whether runs that diverged count as well.
    """
    arms = arms_of(study, frame)
    hues = hues_of(arms, frame, study.baseline)
    statuses = _ENDED if diverged else _ENDED[:1]
    cells: list[Cell] = []
    for _, part in groups(study.runs[study.runs["status"].isin(statuses)], study.axes):
        cell = dict(part.iloc[0])
        seen = zip(part["seed"], part["id"], strict=True)
        found = {int(seed): kept for seed, one in seen if (kept := findings(study.by_id[one], probe))}
        if found:
            ended = frozenset(map(int, part.loc[part["status"] == "ok", "seed"]))
            row = f"{leaf(DEPTH)} {show(cell[DEPTH])}" if DEPTH in study.axes and DEPTH not in arms.axes else ""
            cells.append(Cell(row, arms.of(cell), hues.of(cell), found, ended))
    there = list(dict.fromkeys(cell.row for cell in cells))
    rows = evenly(there, MOST_ROWS)
    drawn = [cell for cell in cells if cell.row in rows]
    return Probed(drawn, arms, hues, rows, len(there) - len(rows), len(cells)) if drawn else None


def arms_of(study: Study, frame: pd.DataFrame) -> Arms:
    """Arms of figures in which each depth has panels of its own: of all axes but the depth, if there are others."""
    others = [axis for axis in study.axes if axis != DEPTH]
    return Arms(frame, others or study.axes, study.baseline)


def findings(record: Mapping[str, Any], probe: str) -> Mapping[str, Any]:
    """What a probe left in a record; empty if it did not look."""
    found: Mapping[str, Any] = (record.get("probes") or {}).get(probe) or {}
    return found


def evenly(names: Sequence[str], most: int) -> list[str]:
    """At most so many of the names, from the first to the last."""
    if len(names) <= most:
        return list(names)
    return [names[round(i * (len(names) - 1) / max(most - 1, 1))] for i in range(most)] if most > 1 else [names[-1]]


def means(series: Sequence[Series], geometric: bool = False) -> list[tuple[float, int]]:
    """At each place the mean over the seeds that have a value, and how many they are; NaN where none has one.

    Args:
        geometric: the mean of the logarithms; zero if one of the values is zero.
    """
    out = []
    for values in zip_longest(*series):
        there = [float(value) for value in values if value is not None]
        out.append((mean(there, geometric), len(there)))
    return out


def mean(values: Sequence[float], geometric: bool = False) -> float:
    """Arithmetic or geometric mean; NaN of nothing."""
    if not values:
        return math.nan
    if not geometric:
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


def line_rows(
    cell: Cell,
    panel: str,
    series: Mapping[int, Series],
    places: Sequence[float],
    layers: Sequence[str],
    seeds: bool,
    geometric: bool = False,
) -> list[dict[str, Any]]:
    """Rows of a frame of `COLUMNS`: a line for each seed, kind `seed`, and one of kind `mean`.

    Args:
        series: seed -> values by place.
        places: where they are drawn.
        layers: their names.
        seeds: whether the seeds are drawn beside their mean.
    """
    at = {"row": cell.row, "panel": panel, "arm": cell.arm, "group": cell.group}
    out = []
    for seed, values in series.items() if seeds and len(series) > 1 else ():
        for place, layer, value in zip(places, layers, values, strict=True):
            told = {"seed": seed, "place": place, "layer": layer, "value": math.nan if value is None else value}
            out.append(at | {"kind": "seed", "seeds": 1} | told)
    for place, layer, (value, count) in zip(places, layers, means(list(series.values()), geometric), strict=True):
        out.append(at | {"kind": "mean", "seed": "", "place": place, "layer": layer, "value": value, "seeds": count})
    return out


def panels_of(rows: int, columns: int, ratios: Sequence[float] | None = None) -> tuple[Figure, Any]:
    """An empty figure with so many panels, `(rows, columns)`, and room for a legend."""
    figure = canvas(11, 0.5 + (3.1 if rows == 1 else 2.4 * rows))
    return figure, figure.subplots(rows, columns, squeeze=False, width_ratios=ratios)


def draw_lines(axes: Axes, points: pd.DataFrame, told: Probed) -> None:
    """Means thick and seeds thin; where a value is missing, or is zero on a logarithmic axis, there is a gap."""
    for (arm, group, kind, _), line in points.groupby(["arm", "group", "kind", "seed"], sort=False):
        style = told.style(str(group))
        values = line["value"].where(line["value"] > 0) if axes.get_yscale() == "log" else line["value"]
        if kind == "seed":
            axes.plot(line["place"], values, color=style.color, linewidth=0.6, alpha=0.35, zorder=2)
            continue
        every = max(1, len(line) // 8)
        axes.plot(
            line["place"], values, color=style.color, linestyle=style.dash, linewidth=0.8 if told.many else 1.5,
            marker=style.marker, markersize=0 if told.many else 4, markeredgewidth=0, zorder=3,
            markevery=(told.arms.names.index(str(arm)) % every, every),
        )  # fmt: skip


def title(axes: Axes, row: str, text: str) -> None:
    """What a panel shows, and of which networks."""
    axes.set_title(fitted(f"{row}: {text}" if row else text, 3.4, 9), fontsize=9, loc="left")
    axes.tick_params(labelsize=SMALL)


def whole(axes: Axes) -> None:
    """Ticks of the x axis at whole numbers: layers, units, epochs."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=6))


def arms_legend(figure: Figure, told: Probed) -> None:
    """The legend, where there is more than one colour and not too many."""
    if 1 < len(told.hues.names) <= 2 * MOST_ARMS:
        legend(figure, told.hues, True)
