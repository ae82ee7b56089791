"""How the error changes with every doubling of depth: one number per arm, instead of a comparison per depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from resbench.report.frames import show
from resbench.report.statistics.effect import p_two_sided
from resbench.report.statistics.factors import SEED, Analysis
from resbench.report.statistics.interval import LEVEL, t_interval

COLUMNS = ["slope", "low", "high", "se", "df", "p", "seeds"]
DIFFERENCE = ["difference", "difference_low", "difference_high", "p_difference"]


def depth_trend(
    frame: pd.DataFrame,
    depth: str,
    arm: str,
    response: str,
    others: Sequence[str] = (),
    seed: str = SEED,
    reference: Any = None,
    level: float = LEVEL,
) -> Analysis:
    """Slope of the response against log2 of depth, per arm.

    Each seed gives one slope, by least squares within each combination of the other axes, so that a combination
    that lacks a depth does not bend the trend. The seeds' slopes are independent: Student's interval, for this test
    set. Nothing is assumed about how the noise changes with depth.

    Args:
        frame: one row per run that ended well; rows without a response are left out.
        depth, arm: columns: a positive number, and what is compared (the shortcut, say).
        response: the error.
        others: the remaining axes.
        seed: column of the seed, which arms share.
        reference: value of `arm` with which the others are compared; the first that appears if None.
        level: confidence level.

    Returns:
        A row per value of `arm`: `slope` per doubling of depth with `low`, `high`, `se`, `df`, `p` and `seeds`;
        `difference` of slopes to the reference over shared seeds with its limits and p.
    """
    columns = [arm, *COLUMNS, *DIFFERENCE]
    missing = [name for name in (depth, arm, response, seed, *others) if name not in frame]
    if missing:
        return Analysis(pd.DataFrame(columns=columns), f"There is no {', '.join(missing)} in the runs.")
    x = pd.to_numeric(frame[depth], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    y = pd.to_numeric(frame[response], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.isfinite(x) & np.isfinite(y) & (x > 0)
    if len(set(x[there])) < 2:
        return Analysis(pd.DataFrame(columns=columns), "Fewer than two depths ended with a result: there is no trend.")
    rows = frame[there]
    slopes = _slopes(rows, np.log2(x[there]), y[there], arm, [seed, *others], seed)
    values = {show(value): value for value in reversed(rows[arm].tolist())}
    base = slopes.get(show(reference) if reference is not None else next(iter(slopes)), {})
    out: list[dict[str, Any]] = []
    for text, by_seed in slopes.items():
        own = t_interval(list(by_seed.values()), level)
        row: dict[str, Any] = {arm: values[text], "slope": own.estimate, "low": own.low, "high": own.high}
        row |= {"se": own.se, "df": own.df, "p": _p(own), "seeds": len(by_seed)}
        if by_seed is not base:
            gap = t_interval([by_seed[one] - base[one] for one in by_seed.keys() & base.keys()], level)
            row |= dict(zip(DIFFERENCE, (gap.estimate, gap.low, gap.high, _p(gap)), strict=True))
        out.append(row)
    table = pd.DataFrame(out, columns=columns)
    table[arm] = pd.Series([row[arm] for row in out], dtype=object)
    alone = any(len(by_seed) < 2 for by_seed in slopes.values())
    return Analysis(table, "An arm with one seed has a slope but no interval." if alone else "")


def _slopes(
    rows: pd.DataFrame,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    arm: str,
    blocks: Sequence[str],
    seed: str,
) -> dict[str, dict[str, float]]:
    """Arm -> seed -> slope, of those that have two depths within a block."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, key in enumerate(zip(*(map(show, rows[name]) for name in (arm, *blocks)), strict=True)):
        groups.setdefault(key, []).append(i)
    sums: dict[str, dict[str, tuple[float, float]]] = {}
    for (text, one, *_), members in groups.items():
        dx, dy = x[members] - x[members].mean(), y[members] - y[members].mean()
        above, below = sums.setdefault(text, {}).get(one, (0.0, 0.0))
        sums[text][one] = (above + float(dx @ dy), below + float(dx @ dx))
    return {text: {one: a / b for one, (a, b) in each.items() if b > 0} for text, each in sums.items()}


def _p(interval: Any) -> float:
    """NaN where all seeds agree exactly on something that is not 0: no t exists then."""
    return math.nan if interval.se == 0 and interval.estimate != 0 else p_two_sided(interval)
