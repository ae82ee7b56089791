"""The mean of each level of one axis, or of two together, with an interval from the runs of that mean alone."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.text import show
from resbench.report.statistics.factors import SEED, Analysis, sentences, words
from resbench.report.statistics.interval import LEVEL, t_interval, unknown

MEAN_COLUMNS = ["mean", "low", "high", "se", "df", "runs"]
_MOST_NAMED = 2  # combinations of the other axes; of more the number is said

Key = tuple[str, ...]  # values as text
Seeds = Mapping[Any, float]  # seed -> response of one cell


def marginal_means(
    frame: pd.DataFrame,
    axes: Sequence[str],
    of: Sequence[str],
    response: str,
    seed: str = SEED,
    level: float = LEVEL,
) -> Analysis:
    """Mean response at each level of an axis, or of two axes together, over the same settings of the other axes.

    Args:
        frame: one row per run that ended well; rows without a response are left out.
        axes: columns of any type and name.
        of: one or two of the axes.
        response: an error, or another number.
        seed: column of the seed.
        level: confidence level of Student's interval over the seeds, each with its mean over the cells of a level.
            No noise is shared between levels: runs of a cell may differ twenty times as much as those of another.

    Returns:
        A row per combination of levels: the axes of `of`, `mean`, `low`, `high`, `se`, `df`, and the `runs` of the mean.
        A level that was not run is NaN. A mean is over the settings of the other axes that all levels have, or, if they have
        none in common, the most levels, and then the others are NaN; and over the seeds that ended in all of its cells; where
        those are fewer than two, over all seeds and without an interval.
    """
    columns = [*of, *MEAN_COLUMNS]
    if problem := _problem(frame, axes, of, response, seed):
        return Analysis(pd.DataFrame(columns=columns), sentences([problem]))
    cells, values = _cells(frame, axes, of, response, seed)
    everywhere = list(dict.fromkeys(other for level_cells in cells.values() for other in level_cells))
    compared = _comparable(cells, everywhere)
    shared = [other for other in everywhere if all(other in cells[key] for key in compared)]
    others = [axis for axis in axes if axis not in of]
    if len(compared) < 2:
        remark = f"no settings of {words(others)} were run with two levels of {words(of)}, so their means compare unlike runs"
        return Analysis(pd.DataFrame(columns=columns), sentences([remark]))
    rows = []
    for key in itertools.product(*(values[axis] for axis in of)):
        numbers = _own_interval([cells[key][other] for other in shared] if key in compared else [], level)
        rows.append({axis: values[axis][text] for axis, text in zip(of, key, strict=True)} | numbers)
    table = pd.DataFrame(rows, columns=columns)
    for axis in of:  # as they are: a frame would make None a NaN
        table[axis] = pd.Series([row[axis] for row in rows], dtype=object)
    return Analysis(table, _remark(of, others, shared, everywhere, len(cells) - len(compared)))


def _problem(frame: pd.DataFrame, axes: Sequence[str], of: Sequence[str], response: str, seed: str) -> str:
    """Why there are no means, or nothing."""
    if missing := [name for name in [*axes, response, seed] if name not in frame]:
        return f"there is no {words(missing)} in the runs"
    if not 1 <= len(of) <= 2:
        return "means are over one axis or two"
    known = frame[pd.to_numeric(frame[response], errors="coerce").notna()]
    if known.empty:
        return f"no run has a value of {response}"
    if flat := [axis for axis in of if len(set(map(show, known[axis]))) < 2]:
        return f"{words(flat)} {'have' if len(flat) > 1 else 'has'} a single value"
    return ""


def _cells(
    frame: pd.DataFrame, axes: Sequence[str], of: Sequence[str], response: str, seed: str
) -> tuple[dict[Key, dict[Key, dict[Any, float]]], dict[str, dict[str, Any]]]:
    """Level -> settings of the other axes -> seed -> response; and of each axis of `of` the text -> value of its levels."""
    y = pd.to_numeric(frame[response], errors="coerce")
    rows = frame[y.notna()]
    text = {axis: list(map(show, rows[axis])) for axis in axes}
    cells: dict[Key, dict[Key, dict[Any, float]]] = {}
    for i, (number, one) in enumerate(zip(y[y.notna()], rows[seed], strict=True)):
        key = tuple(text[axis][i] for axis in of)
        other = tuple(text[axis][i] for axis in axes if axis not in of)
        cells.setdefault(key, {}).setdefault(other, {})[one] = float(number)
    values: dict[str, dict[str, Any]] = {axis: {} for axis in of}
    for axis in of:
        for value in rows[axis]:
            values[axis].setdefault(show(value), value)
    return cells, values


def _comparable(cells: Mapping[Key, Mapping[Key, Seeds]], everywhere: Sequence[Key]) -> list[Key]:
    """The levels with a setting of the other axes in common: all of them, or as many as there are."""
    if any(all(other in level_cells for level_cells in cells.values()) for other in everywhere):
        return list(cells)
    return max(([key for key in cells if other in cells[key]] for other in everywhere), key=len)


def _own_interval(cells: Sequence[Seeds], level: float) -> dict[str, float]:
    """The mean of some cells over the seeds that all of them have, with its interval."""
    seeds = sorted(set.intersection(*map(set, cells))) if cells else []
    means, df = [statistics.fmean(cell.values()) for cell in cells], math.nan
    fits, runs = unknown(statistics.fmean(means) if means else math.nan), sum(map(len, cells))
    if len(seeds) > 1:
        fits = t_interval([statistics.fmean(cell[seed] for cell in cells) for seed in seeds], level)
        df, runs = len(seeds) - 1, len(seeds) * len(cells)
    return dict(zip(MEAN_COLUMNS, (fits.estimate, fits.low, fits.high, fits.se, df, runs), strict=True))


def _remark(
    of: Sequence[str], others: Sequence[str], shared: Sequence[Key], everywhere: Sequence[Key], left_out: int
) -> str:
    """Over which settings of the other axes the means are, where those are not all."""
    if len(shared) == len(everywhere):
        return ""
    where = f"over {len(shared)} of {len(everywhere)} settings of {words(others)}"
    if len(shared) <= _MOST_NAMED:
        where = "at " + " and ".join(
            ", ".join(f"{axis} {text}" for axis, text in zip(others, one, strict=True)) for one in shared
        )
    lost = f"; {left_out} of their levels were not run there and have no mean" if left_out else ""
    return sentences([f"means of {words(of)} are {where}{lost}"])
