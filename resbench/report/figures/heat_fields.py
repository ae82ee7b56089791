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
from resbench.report.labels import Labels

Column = tuple[str, ...]  # values of the other axes, as text
_MOST_COLUMNS = 48  # of a panel
# from far to near, and from near to far; next to those of arms, which a page lightens in the dark: fields have light text
_BETTER, _WORSE = ("#0071b2", "#bcd7ea"), ("#f7d2b5", "#d55f00")
_EVEN = 1.0  # doublings; a scale reaches as far at least
_LEAST = 0.005  # percent, half an error in 10,000: no error has no logarithm


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows.

    Attributes:
        points: as `heat_points` returns.
        x: the axis of the rows.
        others: the axes of the columns.
        margin: differences within it have one colour, in points.
        labels: what fields and values are called.
    """

    points: pd.DataFrame
    x: str
    others: list[str]
    margin: float
    labels: Labels

    def word(self, level: int, column: Column) -> str:
        """What a value of one of the other axes is called."""
        axis = self.others[level]
        value = next(value for value in self.points[axis] if show(value) == column[level])
        return self.labels.value(axis, value)

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
    def colored(self) -> pd.Series[float]:
        """What colours say: errors, or the doublings of the baseline's error; NaN within the margin and where nothing is known."""
        if self.shown == "error":
            return self.values
        return self.points["doublings"].astype(float).where(self.values.abs() > self.margin)

    @cached_property
    def even(self) -> pd.Series[bool]:
        """Whose difference lies within the margin."""
        return self.values.abs() <= self.margin if self.shown == "difference" else self.values.isna() & False

    @cached_property
    def norm(self) -> Normalize:
        """The scale of colours; of differences, a tenth of the fields may lie beyond its ends."""
        if self.shown == "error":
            values = self.values.dropna()
            low, high = float(values.min()), float(values.max())
            return LogNorm(low, high) if is_steep(values) else Normalize(low, high if high > low else low + 1)
        sizes = self.colored.dropna().abs()
        limit = float(sizes.quantile(0.9)) if len(sizes) > 10 else float(sizes.max()) if len(sizes) else 0.0
        return Normalize(-max(limit, _EVEN), max(limit, _EVEN))

    def is_beyond(self, end: int) -> bool:
        """Whether fields lie beyond the upper (1) or the lower (-1) end of the scale."""
        limit = self.norm.vmax if end > 0 else self.norm.vmin
        return bool((end * self.colored > end * (limit or 0.0)).any())

    @cached_property
    def colors(self) -> Colormap | str:
        """Of differences blue to orange; what lies within the margin has none of them."""
        if self.shown == "error":
            return "cividis"
        stops = [(0.0, _BETTER[0]), (0.5, _BETTER[1]), (0.5, _WORSE[0]), (1.0, _WORSE[1])]
        return LinearSegmentedColormap.from_list("doublings", stops)


def heat_points(evidence: Evidence) -> pd.DataFrame:
    """A row per cell: the axes, `error` in percent, `difference` to the baseline in points, runs, and what it is.

    `doublings` is the logarithm, to the base of 2, of its error over that of its baseline.

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
        row |= {"doublings": math.nan, "runs": cell["seeds_done"], "untrained": cell["untrained"]}
        row["kind"] = "missing" if math.isnan(cell["mean"]) else "error"
        if contrast := contrasts.get(key(cell)):
            row |= {"difference": 100 * contrast.interval.estimate, "kind": "difference"}
            row["doublings"] = _doublings(row["error"], row["error"] - row["difference"])
        elif key(cell) in same and row["kind"] == "error":
            row |= {"difference": 0.0, "doublings": 0.0, "kind": "difference"}
        elif row["kind"] == "error" and baseline and all(show(cell[a]) == show(v) for a, v in baseline.items()):
            row["kind"] = "baseline"
        rows.append(row)
    return objects(rows, [*axes, "error", "difference", "doublings", "runs", "untrained", "kind"])


def _doublings(error: float, baseline: float) -> float:
    return math.log2(max(error, _LEAST) / max(baseline, _LEAST))


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
