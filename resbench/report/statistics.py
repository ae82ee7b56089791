"""Means and intervals over seeds, and paired differences to a baseline: frame in, frame out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
_MEANS = ("train_loss", "train_accuracy", "val_accuracy", "train_seconds")
_SIZES = ("parameters", "flops")
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


def cells(frame: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """One row per cell. Diverged runs are counted, never averaged.

    Args:
        frame: one row per run: `status`, `seed`, the axes, `metrics.*`.
        axes: columns whose combinations are the cells.

    Returns:
        The axes; runs `planned`, `seeds_done` (ok or diverged), `seeds_ok`, `diverged`, `failed`; `mean`,
        `sd`, `low`, `high` of the test accuracy; `errors` per 10,000; means of other metrics.
    """
    rows = []
    for _, part in groups(frame, axes):
        ok = part[part["status"] == "ok"]
        diverged = int((part["status"] == "diverged").sum())
        row: dict[str, Any] = {axis: part[axis].iloc[0] for axis in axes}
        row |= {
            "planned": len(part),
            "seeds_done": len(ok) + diverged,
            "seeds_ok": len(ok),
            "diverged": diverged,
        }
        row["failed"] = int((part["status"] == "failed").sum())
        row |= interval(numbers(ok, "test_accuracy"))._asdict()
        row["errors"] = (1 - row["mean"]) * 10_000
        row |= {name: interval(numbers(part, name)).mean for name in _SIZES}
        row |= {name: interval(numbers(ok, name)).mean for name in _MEANS}
        rows.append(row)
    return _as_objects(pd.DataFrame(rows), rows, axes)


def differences(frame: pd.DataFrame, axes: Sequence[str], baseline: Mapping[str, Any]) -> pd.DataFrame:
    """Each cell against the cell that differs only in having the baseline's values, over the seeds both have.

    Args:
        frame, axes: as for `cells`.
        baseline: axis -> value; cells that are the baseline, or lack one, have no row.

    Returns:
        The axes; `shared` seeds that ended in both; `mean`, `sd`, `low`, `high` of the difference in test
        accuracy; `diverged` and `baseline_diverged` runs, which have no part in it.
    """
    parts = dict(groups(frame, axes))
    rows = []
    for key, part in parts.items():
        other = tuple(show(baseline[axis]) if axis in baseline else text for axis, text in zip(axes, key, strict=True))
        if other == key or other not in parts:
            continue
        ours, theirs = _by_seed(part), _by_seed(parts[other])
        shared = sorted(ours.keys() & theirs.keys())
        row: dict[str, Any] = {axis: part[axis].iloc[0] for axis in axes}
        row |= {"shared": len(shared)} | interval([ours[seed] - theirs[seed] for seed in shared])._asdict()
        row["diverged"] = int((part["status"] == "diverged").sum())
        row["baseline_diverged"] = int((parts[other]["status"] == "diverged").sum())
        rows.append(row)
    return _as_objects(pd.DataFrame(rows), rows, axes)


def _by_seed(part: pd.DataFrame) -> dict[int, float]:
    if "metrics.test_accuracy" not in part:
        return {}
    ok = part[(part["status"] == "ok") & part["metrics.test_accuracy"].notna()]
    return {int(seed): float(x) for seed, x in zip(ok["seed"], ok["metrics.test_accuracy"], strict=True)}


def _as_objects(frame: pd.DataFrame, rows: list[dict[str, Any]], axes: Sequence[str]) -> pd.DataFrame:
    """Keep axis values as they are: a column of a frame would make None a NaN, and 1 beside 0.5 a 1.0."""
    for axis in axes:
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return frame
