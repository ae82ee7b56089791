"""What theories predict next to what was measured: as predicted, not as predicted, not settled, or not comparable and why.

A published number is a draw, and is compared with where new draws of ours would lie. A theory has no noise, so its number is
compared with the interval of our mean (95 %, Student); and its formula holds in a limit, so a margin says how near is near
enough. The theory holds if the whole interval lies within the margin, fails if none of it does, and is not settled else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy import special

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.metrics import number
from resbench.records.theory import LEAST_POINTS, Prediction
from resbench.report.comparable import data_note
from resbench.report.frames import CellRuns, numbers
from resbench.report.outcomes import RESULTS, untrained
from resbench.report.planning import MIN_SEEDS
from resbench.report.published import counted, matching, no_spread, untrained_text
from resbench.report.statistics.interval import LEVEL, Interval, t_interval, unknown
from resbench.report.statistics.rounding import at_least
from resbench.report.study import Study

AS_PREDICTED, NOT_AS_PREDICTED, NOT_SETTLED, NOT_COMPARABLE = (
    "as predicted", "not as predicted", "not settled", "not comparable",
)  # fmt: skip


@dataclass(frozen=True)
class TheoryVerdict:
    """One prediction and what became of it.

    Attributes:
        prediction: as the grid file has it.
        cell: where it was judged, as far as the grid file says.
        ours: mean over seeds, exponent, factor or ratio, with its interval (95 %).
        seeds: that it is from; of a ratio of deviations the runs.
        verdict: `as predicted`, `not as predicted`, `not settled` or `not comparable`.
        because: the reason, in words.
    """

    prediction: Prediction
    cell: Cell
    ours: Interval
    seeds: int
    verdict: str
    because: str


def judge_theory(study: Study, frame: pd.DataFrame) -> list[TheoryVerdict]:
    """Every prediction of the grid file, next to what was measured of each cell that it speaks of.

    Args:
        frame: of `cells`.
    """
    return list(chain.from_iterable(_judge(study, prediction, frame) for prediction in study.file.theory))


def _judge(study: Study, prediction: Prediction, frame: pd.DataFrame) -> Iterable[TheoryVerdict]:
    parts = matching(study, prediction.at)
    if not parts:
        return [_not_comparable(prediction, prediction.at, "no cell of ours has these settings")]
    if prediction.differs:
        return [_not_comparable(prediction, prediction.at, prediction.differs)]
    if prediction.of == "deviation":
        return [_judge_deviation(study, prediction, parts, frame)]
    if prediction.along:
        return [_judge_law(study, prediction, parts)]
    return [_judge_mean(study, prediction, part) for part in parts]


def _not_comparable(prediction: Prediction, cell: Cell, because: str, ours: Interval | None = None) -> TheoryVerdict:
    return TheoryVerdict(prediction, cell, ours or unknown(), 0, NOT_COMPARABLE, because)


def _judge_mean(study: Study, prediction: Prediction, part: CellRuns) -> TheoryVerdict:
    metric = prediction.metric
    runs = counted(part.runs, metric)
    values = numbers(runs, metric.name)
    if reason := data_note(study, part.runs):
        return _not_comparable(prediction, part.cell, reason)
    ours = t_interval(values)
    if lost := _lost(part.runs, runs):
        return TheoryVerdict(prediction, part.cell, ours, len(values), NOT_AS_PREDICTED, lost)
    if metric.exact and values:
        ours = Interval(values[0], values[0], values[0], 0.0)
    elif reason := no_spread(values, len(runs)):
        return _not_comparable(prediction, part.cell, reason, ours)
    return _judged(prediction, part.cell, ours, len(values))


def _lost(asked: pd.DataFrame, counted_: pd.DataFrame) -> str:
    """That some runs did not train, where their values do not count."""
    begun = int(asked["status"].isin(RESULTS).sum())
    return untrained_text(asked, begun) if untrained(asked) and len(counted_) < begun else ""


def _judge_law(study: Study, prediction: Prediction, parts: Sequence[CellRuns]) -> TheoryVerdict:
    """A power or an exponential along an axis: fitted by least squares to the logarithms, for each seed by itself."""
    ((axis, law),) = prediction.along.items()
    metric, points = prediction.metric, {float(str(part.cell[axis])): part for part in parts}
    if len(points) < len(parts):
        values = Counter(show(part.cell[axis]) for part in parts)
        more = next(value for value, count in values.items() if count > 1)
        return _not_comparable(prediction, prediction.at, f"several cells have {axis}={more}: at has to say which")
    if len(points) < LEAST_POINTS:
        reason = f"{len(points)} of the at least {LEAST_POINTS} values of {axis} that a law takes"
        return _not_comparable(prediction, prediction.at, reason)
    if reason := data_note(study, pd.concat([part.runs for part in parts])):
        return _not_comparable(prediction, prediction.at, reason)
    for part in parts:
        if lost := _lost(part.runs, counted(part.runs, metric)):
            return _not_comparable(prediction, part.cell, lost)
    by_seed: dict[int, list[tuple[float, float]]] = {}
    for at, part in points.items():
        for row in counted(part.runs, metric).to_dict("records"):
            value = number(metric.name, row.get(f"metrics.{metric.name}"))
            if value > 0 and math.isfinite(value):
                by_seed.setdefault(row["seed"], []).append((at, value))
    slopes = [_slope(pairs, law) for pairs in by_seed.values() if len(pairs) == len(points)]
    ours = t_interval(slopes)
    if law == "exponential":
        ours = Interval(math.exp(ours.estimate), math.exp(ours.low), math.exp(ours.high), ours.se)
    if len(slopes) < MIN_SEEDS:
        reason = (
            f"{len(slopes)} of the at least {MIN_SEEDS} seeds have values above 0 at all {len(points)} values of {axis}"
        )
        return _not_comparable(prediction, prediction.at, reason, ours)
    return _judged(prediction, prediction.at, ours, len(slopes))


def _slope(pairs: Sequence[tuple[float, float]], law: str) -> float:
    """Of log y against log x of a power, against x of an exponential."""
    x, y = np.array(pairs).T
    return float(np.polyfit(np.log(x) if law == "power" else x, np.log(y), 1)[0])


def _judge_deviation(
    study: Study, prediction: Prediction, parts: Sequence[CellRuns], frame: pd.DataFrame
) -> TheoryVerdict:
    """Deviation between seeds over that of networks that miss each image independently, over all cells together.

    `sqrt(mean of s_c^2 / d_c^2)` over cells, weighted by their degrees of freedom, with the limits of a chi-squared
    variance; s_c the standard deviation of a cell's errors over seeds, d_c that from its errors by image (Jordan 2023,
    2304.01910, section 3: `d^2 = sum p_i (1 - p_i) / n^2`). Cells of which runs did not train are left out.
    """
    keys = {part.key for part in parts}
    rows = [
        row
        for row in frame.to_dict("records")
        if tuple(show(row[axis]) for axis in study.axes) in keys
        and row["untrained"] == 0
        and row["seeds_ok"] > 1
        and row["predicted_sd"] > 0
    ]
    if not rows:
        return _not_comparable(
            prediction, prediction.at, "no cell has two runs that trained and kept their predictions"
        )
    freedom = sum(int(row["seeds_ok"]) - 1 for row in rows)
    total = sum((int(row["seeds_ok"]) - 1) * (row["sd"] / row["predicted_sd"]) ** 2 for row in rows)
    tail = (1 - LEVEL) / 2
    low, high = (math.sqrt(total / float(special.chdtri(freedom, one))) for one in (tail, 1 - tail))
    ours = Interval(math.sqrt(total / freedom), low, high, math.nan)
    if freedom < MIN_SEEDS - 1:
        reason = f"{freedom} degrees of freedom of the at least {MIN_SEEDS - 1} that a spread takes"
        return _not_comparable(prediction, prediction.at, reason, ours)
    return _judged(prediction, prediction.at, ours, freedom + len(rows))


def _judged(prediction: Prediction, cell: Cell, ours: Interval, seeds: int) -> TheoryVerdict:
    low, high = prediction.band
    inside = at_least(ours.low, low) and at_least(high, ours.high)
    outside = ours.high < low or ours.low > high
    verdict = AS_PREDICTED if inside else NOT_AS_PREDICTED if outside else NOT_SETTLED
    where = "lies within" if inside else "lies outside" if outside else "reaches beyond"
    return TheoryVerdict(prediction, cell, ours, seeds, verdict, f"the interval {where} {_band_text(prediction)}")


def _band_text(prediction: Prediction) -> str:
    factor, unit = (100.0, " %") if prediction.shows_percent else (1.0, "")
    low, high = (f"{factor * value:.6g}".replace("-", "−") for value in prediction.band)
    if prediction.expect == "equal":
        return f"{low} to {high}{unit}"
    return f"{low}{unit} or more" if prediction.expect == "at_least" else f"{high}{unit} or less"
