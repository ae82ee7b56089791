"""The rows of a study by cell, and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from resbench.core.cell import CellKey, Value
from resbench.core.lazy import lazy
from resbench.core.text import show
from resbench.records.metrics import number

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


class CellRuns(NamedTuple):
    """A cell with its rows of `Study.runs`.

    Attributes:
        key: its values as text, in the order of the axes.
    """

    key: CellKey
    cell: dict[str, Value]
    runs: pd.DataFrame


def groups(frame: pd.DataFrame, axes: Sequence[str]) -> Iterator[tuple[CellKey, pd.DataFrame]]:
    """The rows of each cell; the first axis varies slowest, values in order of appearance."""
    labels = [tuple(show(row[axis]) for axis in axes) for row in frame.to_dict("records")]
    ranks = [
        {text: rank for rank, text in enumerate(dict.fromkeys(key[i] for key in labels))} for i in range(len(axes))
    ]
    rows: dict[CellKey, list[int]] = {}
    for position, key in enumerate(labels):
        rows.setdefault(key, []).append(position)
    for key in sorted(rows, key=lambda key: [ranks[i][text] for i, text in enumerate(key)]):
        yield key, frame.iloc[rows[key]]


def cell_runs(frame: pd.DataFrame, axes: Sequence[str]) -> Iterator[CellRuns]:
    """Each cell with its values and rows, in the order of `groups`."""
    for key, part in groups(frame, axes):
        yield CellRuns(key, {axis: part[axis].iloc[0] for axis in axes}, part)


def numbers(frame: pd.DataFrame, metric: str) -> list[float]:
    """The values of a metric that are known, infinite ones among them."""
    column = f"metrics.{metric}"
    if column not in frame:
        return []
    return [number(metric, value) for value in pd.to_numeric(frame[column]).dropna()]


def known(count: int, of: int) -> str:
    """` (5 of 8)` behind a mean over fewer runs than there are; else nothing."""
    return f" ({count} of {of})" if 0 < count < of else ""


def partial_rows(frame: pd.DataFrame, count: str, of: str) -> pd.DataFrame:
    """The rows in which a mean is over some runs and not over all."""
    return frame[(frame[count] > 0) & (frame[count] < frame[of])]


def frame_of(rows: Sequence[Mapping[str, Any]], axes: Sequence[str], columns: list[str] | None = None) -> pd.DataFrame:
    """A frame whose axis values stay as they are: a column of a frame would make None a NaN, and 1 next to 0.5 a 1.0."""
    frame = pd.DataFrame(rows, columns=columns)
    for axis in axes if rows else ():
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return frame
