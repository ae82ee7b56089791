"""What the figures of probes share: the probed runs of each cell, a row of panels for each depth, and lines by place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import plural
from resbench.report.figures.drawing import NARROW, SIZE, SMALL, WIDE, Canvas, canvas, fitted
from resbench.report.figures.evidence import DEPTH, Evidence
from resbench.report.figures.lines import draw_lines
from resbench.report.figures.styles import SOLID, Arms, legend
from resbench.report.labels import Labels
from resbench.report.outcomes import RESULTS, measured
from resbench.report.statistics.mean import Series, means

COLUMNS = ("row", "panel", "arm", "group", "kind", "seed", "place", "layer", "value", "seeds")
_MOST_ROWS = 2
MOST_NAMED = 8  # lines of which an alternative text speaks


@dataclass(frozen=True)
class ProbedCell:
    """A cell with what a probe measured in it.

    Attributes:
        row: which row of panels it is drawn in; empty if there is one.
        arm: its line.
        group: what colours the line.
        results: seed -> what the probe left in the record.
        ended: seeds of runs that numbers of the end of training are of.
        collapsed: seeds of runs that collapsed where others did not, and of which only the start counts.
        words: what figures call it.
    """

    row: str
    arm: str
    group: str
    results: Mapping[int, Mapping[str, Any]]
    ended: frozenset[int]
    collapsed: frozenset[int] = frozenset()
    words: str = ""

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in order of depth."""
        return list(next(iter(self.results.values()))["layers"])


@dataclass(frozen=True)
class Probed:
    """The cells of a study that a probe measured, in the study's order.

    Attributes:
        arms: the combinations of all axes but the depth, or of all where that leaves none.
        hues: what colours tell apart.
        rows: of panels, by depth.
        rows_left_out: how many rows are not drawn.
        probed_cells: how many cells there are in all rows.
        labels: what fields are called.
        unlearned: cells that are not drawn, as their networks hardly learned.
    """

    cells: list[ProbedCell]
    arms: Arms
    hues: Arms
    rows: list[str]
    rows_left_out: int
    probed_cells: int
    labels: Labels
    unlearned: int = 0

    def remark(self) -> str:
        """For the caption: what is not shown."""
        text = ""
        if self.arms.many:
            text += (
                f" The {len(self.arms.names)} arms are coloured by {', '.join(map(self.labels.name, self.hues.axes))}."
            )
        if self.rows_left_out:
            text += f" Of {len(self.rows) + self.rows_left_out} depths the {len(self.rows)} deepest are drawn."
        if len(self.rows) > 1:
            text += " A narrow screen has the deepest alone."
        if self.unlearned:
            text += f" Left out, as their networks hardly learned: {plural(self.unlearned, 'cell')}."
        return text


@dataclass(frozen=True)
class Panel:
    """A column of panels.

    Attributes:
        name: in the column `panel` of the points.
        title, x, y: what it shows, and the names of its axes.
        draw: draws its points.
        width: in proportion to the others.
    """

    name: str
    title: str
    x: str
    y: str
    draw: Callable[[Axes, pd.DataFrame], None]
    width: float = 1.0


def probed(evidence: Evidence, probe: str, every: bool, learned: bool = False) -> Probed | None:
    """What a probe measured in each cell; None where no record has it.

    Args:
        every: whether runs that did not train count as well.
        learned: whether cells are left out whose mean error is nearer to guessing than to none.
    """
    study, arms = evidence.study, evidence.arms_of_depth
    hues = evidence.hues_of(arms)
    cells: list[ProbedCell] = []
    means = list(evidence.frame["mean"].astype(float))
    unlearned = 0
    for (_, cell, runs), mean in zip(study.cells, means, strict=True):
        part = runs[runs["status"].isin(RESULTS)] if every else measured(runs)
        by_seed = zip(part["seed"], part["id"], strict=True)
        results = {
            int(seed): result for seed, run_id in by_seed if (result := (study.by_id[run_id].probes or {}).get(probe))
        }
        if results and learned and 100 * (1 - mean) > 0.5 * evidence.chance:
            unlearned += 1
        elif results:
            ended = frozenset(map(int, measured(runs)["seed"]))
            collapsed = frozenset(map(int, runs.loc[runs["status"] == "collapsed", "seed"])) - ended
            row = evidence.labels.value(DEPTH, cell[DEPTH]) if DEPTH in study.axes and DEPTH not in arms.axes else ""
            name = arms.name(cell)
            cells.append(ProbedCell(row, name, hues.name(cell), results, ended, collapsed, arms.words[name]))
    depths = list(dict.fromkeys(cell.row for cell in cells))
    rows = depths[-_MOST_ROWS:]
    drawn = [cell for cell in cells if cell.row in rows]
    left_out = len(depths) - len(rows)
    return Probed(drawn, arms, hues, rows, left_out, len(cells), evidence.labels, unlearned) if drawn else None


def evenly(names: Sequence[str], most: int) -> list[str]:
    """At most so many of the names, from the first to the last."""
    if len(names) <= most:
        return list(names)
    return [names[round(i * (len(names) - 1) / max(most - 1, 1))] for i in range(most)] if most > 1 else [names[-1]]


def line_rows(
    cell: ProbedCell,
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
        seeds: whether the seeds are drawn as well as their mean.
    """
    at = {"row": cell.row, "panel": panel, "arm": cell.arm, "group": cell.group}
    out = []
    for seed, values in series.items() if seeds and len(series) > 1 else ():
        for place, layer, value in zip(places, layers, values, strict=True):
            point = {"seed": seed, "place": place, "layer": layer, "value": math.nan if value is None else value}
            out.append(at | {"kind": "seed", "seeds": 1} | point)
    for place, layer, (value, count) in zip(places, layers, means(list(series.values()), geometric), strict=True):
        out.append(at | {"kind": "mean", "seed": "", "place": place, "layer": layer, "value": value, "seeds": count})
    return out


def draw_panels(
    data: Probed, points: pd.DataFrame, panels: Sequence[Panel], narrow: bool = False
) -> tuple[Canvas, list[list[Axes]]]:
    """A row of panels for each depth, and room for a legend; on a narrow sheet those of the last depth, below each other."""
    rows = data.rows[-1:] if narrow else data.rows
    lines, columns = (len(panels), 1) if narrow else (len(rows), len(panels))
    figure = canvas(NARROW if narrow else WIDE, 0.6 + 2.25 * lines + 0.5 * (lines == 1))
    widths = [1.0] if narrow else [panel.width for panel in panels]
    grid = list(figure.subplots(lines, columns, squeeze=False, width_ratios=widths).flat)
    places = [(row, panel) for row in rows for panel in panels]
    most = (NARROW if narrow else WIDE / columns) - 0.5
    for (row, panel), axes in zip(places, grid, strict=True):
        panel.draw(axes, points[(points["row"] == row) & (points["panel"] == panel.name)])
        axes.set_title(fitted(f"{row}: {panel.title}" if row else panel.title, most, SIZE), fontsize=SIZE, loc="left")
        axes.tick_params(labelsize=SMALL)
        axes.set_xlabel(panel.x, fontsize=SMALL)
        axes.set_ylabel(panel.y, fontsize=SMALL)
    legend(figure, data.hues, True, shown=set(points["group"]))
    return figure, [grid[i : i + len(panels)] for i in range(0, len(grid), len(panels))]


def draw_series(axes: Axes, points: pd.DataFrame, data: Probed) -> None:
    """Means thick and seeds thin; where a value is missing there is a gap."""
    seeds, thick = points[points["kind"] == "seed"], points[points["kind"] == "mean"]
    draw_lines(
        axes, seeds, "place", "value", data.hues, units=("arm", "seed"), dash=SOLID, marked=False, linewidth=0.6,
        alpha=0.35, zorder=2,
    )  # fmt: skip
    many = data.arms.many
    draw_lines(axes, thick, "place", "value", data.hues, marked=not many, linewidth=0.8 if many else 1.5)


def positive(points: pd.DataFrame) -> pd.DataFrame:
    """The points of a logarithmic axis, on which zero has no place."""
    return points.assign(value=points["value"].where(points["value"] > 0))


def named_lines(points: pd.DataFrame, words: Mapping[str, str]) -> list[tuple[str, pd.DataFrame]]:
    """Name and points of each line, of the first ones: those that an alternative text speaks of.

    Args:
        words: arm -> what it is called.
    """
    lines = [
        (", ".join(filter(None, [str(row), words.get(str(arm), str(arm)) if arm != "all" else ""])), line)
        for (row, arm), line in points.groupby(["row", "arm"], sort=False)
    ]
    return lines[:MOST_NAMED]


def means_of(points: pd.DataFrame, panel: str) -> pd.DataFrame:
    """The means of a panel that are known."""
    return points[(points["panel"] == panel) & (points["kind"] == "mean") & points["value"].notna()]
