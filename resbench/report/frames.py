"""Cells of a study as groups of rows, and means over their seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
Key = tuple[str, ...]


class Interval(NamedTuple):
    """A mean with its Student t interval; NaN where the number of values does not allow it."""

    mean: float
    sd: float
    low: float
    high: float


def show(value: object) -> str:
    """An axis value as text: what a grid file would say."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def interval(values: Sequence[float]) -> Interval:
    """Mean, standard deviation and t interval at 95 %; fewer than two values have no interval."""
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    if n < 2:
        return Interval(mean, math.nan, math.nan, math.nan)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * sd / math.sqrt(n)
    return Interval(mean, sd, mean - half, mean + half)


def groups(frame: pd.DataFrame, axes: Sequence[str]) -> Iterator[tuple[Key, pd.DataFrame]]:
    """The rows of each cell; the first axis varies slowest, values in order of appearance."""
    labels = [tuple(show(row[axis]) for axis in axes) for row in frame.to_dict("records")]
    ranks = [
        {text: rank for rank, text in enumerate(dict.fromkeys(key[i] for key in labels))} for i in range(len(axes))
    ]
    rows: dict[Key, list[int]] = {}
    for position, key in enumerate(labels):
        rows.setdefault(key, []).append(position)
    for key in sorted(rows, key=lambda key: [ranks[i][text] for i, text in enumerate(key)]):
        yield key, frame.iloc[rows[key]]


def numbers(frame: pd.DataFrame, metric: str) -> list[float]:
    """The values of a metric that are there."""
    column = f"metrics.{metric}"
    if column not in frame:
        return []
    return [float(value) for value in pd.to_numeric(frame[column]).dropna()]


def as_objects(frame: pd.DataFrame, rows: list[dict[str, Any]], axes: Sequence[str]) -> pd.DataFrame:
    """Keep axis values as they are: a column of a frame would make None a NaN, and 1 beside 0.5 a 1.0."""
    for axis in axes:
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return frame
