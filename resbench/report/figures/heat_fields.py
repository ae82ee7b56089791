"""The fields of a heat map: what each cell shows, in which row and column, and in which colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize

from resbench.core.text import show
from resbench.report.figures.drawing import is_steep, objects
from resbench.report.figures.evidence import Evidence

Column = tuple[str, ...]  # values of the other axes, as text
_MOST_COLUMNS = 48  # of a panel
_BETTER, _ZONE, _WORSE = "#0173b2", "#f6f8fa", "#de8f05"


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows.

    Attributes:
        points: as `heat_points` returns.
        x: the axis of the rows.
        others: the axes of the columns.
        margin: differences within it have one colour, in points.
    """

    points: pd.DataFrame
    x: str
    others: list[str]
    margin: float

    @cached_property
    def shown(self) -> str:
        """The column of the points that decides the colours."""
        return "difference" if self.points["kind"].eq("difference").any() else "error"

    @cached_property
    def values(self) -> pd.Series[float]:
        return self.points[self.shown].astype(float)

    @cached_property
    def untrained(self) -> pd.Series[bool]:
        """Of which cells a run diverged or collapsed."""
        return self.points["untrained"].astype(int) > 0

    @cached_property
    def lost(self) -> pd.Series[bool]:
        """Of which cells no run trained."""
        return self.untrained & (self.points["untrained"] == self.points["runs"])

    def is_any(self, kind: str, untrained: bool) -> bool:
        """Whether a cell is of this kind, and runs of it did not train or all did."""
        return bool((self.points["kind"].eq(kind) & (self.untrained == untrained)).any())

    @cached_property
    def columns(self) -> list[Column]:
        """The combinations of the other axes, the first of which changes slowest; values as they appear."""
        ranks = [
            {text: i for i, text in enumerate(dict.fromkeys(map(show, self.points[axis])))} for axis in self.others
        ]
        columns = dict.fromkeys(self._column(row) for row in self.points.to_dict("records"))
        return sorted(columns, key=lambda column: [rank[text] for rank, text in zip(ranks, column, strict=True)])

    @cached_property
    def panels(self) -> list[list[Column]]:
        return list(_panels(self.columns))

    @cached_property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(map(show, self.points[self.x])))

    @cached_property
    def cells(self) -> dict[tuple[str, Column], Mapping[Any, Any]]:
        return {(show(row[self.x]), self._column(row)): row for row in self.points.to_dict("records")}

    def _column(self, row: Mapping[Any, Any]) -> Column:
        return tuple(show(row[axis]) for axis in self.others)

    @cached_property
    def norm(self) -> Normalize:
        """The scale of colours; of differences, a tenth of the fields may lie beyond its ends."""
        values = self.values.dropna()
        if self.shown == "error":
            low, high = float(values.min()), float(values.max())
            return LogNorm(low, high) if is_steep(values) else Normalize(low, high if high > low else low + 1)
        sizes = values.abs()
        limit = max(float(sizes.quantile(0.9)) if len(sizes) > 10 else float(sizes.max()), 3 * self.margin, 1e-6)
        return Normalize(-limit, limit)

    def is_beyond(self, end: int) -> bool:
        """Whether fields lie beyond the upper (1) or the lower (-1) end of the scale."""
        limit = self.norm.vmax if end > 0 else self.norm.vmin
        return bool((end * self.values > end * (limit or 0.0)).any())

    @cached_property
    def colors(self) -> Colormap | str:
        """Of differences blue to orange, and one pale colour within the margin."""
        if self.shown == "error":
            return "cividis"
        zone = self.margin / (self.norm.vmax or 1.0) / 2
        low, high = 0.5 - zone, 0.5 + zone
        stops = [(0.0, _BETTER), (low, "#dbeaf5"), (low, _ZONE), (high, _ZONE), (high, "#fbead0"), (1.0, _WORSE)]
        return LinearSegmentedColormap.from_list("margin", stops, N=1024)


def heat_points(evidence: Evidence) -> pd.DataFrame:
    """A row per cell: the axes, `error` in percent, `difference` to the baseline in points, runs, and what it is.

    `kind` is `difference`, `baseline`, `error` (no difference: an arm did not train, or there is no baseline) or
    `missing`.
    """
    axes, baseline = evidence.study.axes, evidence.study.baseline

    def key(row: Mapping[Any, Any]) -> Column:
        return tuple(show(row[axis]) for axis in axes)

    compared = evidence.compared.to_dict("records")
    contrasts = {key(row): row["contrast"] for row in compared}
    same = {key(row) for row in compared if row["same"]}
    rows: list[dict[str, Any]] = []
    for cell in evidence.frame.to_dict("records"):
        row = {axis: cell[axis] for axis in axes} | {"error": 100 * (1 - cell["mean"]), "difference": math.nan}
        row |= {"runs": cell["seeds_done"], "untrained": cell["untrained"]}
        row["kind"] = "missing" if math.isnan(cell["mean"]) else "error"
        if contrast := contrasts.get(key(cell)):
            row |= {"difference": 100 * contrast.interval.estimate, "kind": "difference"}
        elif key(cell) in same and row["kind"] == "error":
            row |= {"difference": 0.0, "kind": "difference"}
        elif row["kind"] == "error" and baseline and all(show(cell[a]) == show(v) for a, v in baseline.items()):
            row["kind"] = "baseline"
        rows.append(row)
    return objects(rows, [*axes, "error", "difference", "runs", "untrained", "kind"])


def _panels(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Columns in panels that are not too wide, cut between blocks of the first axis where that is possible."""
    panel: list[Column] = []
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
