"""Published numbers next to ours: reproduced, not reproduced, or not comparable and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.claim import Published
from resbench.records.metrics import Metric
from resbench.report.comparable import data_note
from resbench.report.format import alike, significant
from resbench.report.frames import CellRuns, numbers
from resbench.report.outcomes import RESULTS, kinds, measured, untrained
from resbench.report.planning import MIN_SEEDS
from resbench.report.statistics.interval import Interval, from_standard_error, t_interval, unknown
from resbench.report.statistics.rounding import at_least, same
from resbench.report.study import Study

_HARMLESS = ("name=", "seeds=")  # overrides that change no run


@dataclass(frozen=True)
class Reproduction:
    """One published number and what became of it.

    Attributes:
        published: the number, as the grid file has it.
        ours: mean over our seeds, with the interval in which the mean of as many new runs as the published one's
            would lie (95 %, Student).
        seeds: of ours.
        verdict: `reproduced`, `not reproduced` or `not comparable`.
        because: the reason, in words.
    """

    published: Published
    ours: Interval
    seeds: int
    verdict: str
    because: str


def compare_published(study: Study) -> list[Reproduction]:
    """Every published number of the grid file, next to each of our cells that it speaks of."""
    out = []
    for published in study.published:
        parts = matching(study, published.at)
        out += [_reproduce(study, published, part.runs) for part in parts]
        if not parts:
            reason = "no cell of ours has these settings"
            out.append(Reproduction(published, unknown(), 0, "not comparable", reason))
    return out


def _reproduce(study: Study, published: Published, runs: pd.DataFrame) -> Reproduction:
    metric = published.metric
    values = numbers(counted(runs, metric), metric.name)
    ours = prediction(values, published.runs)
    verdict, because = _verdict(study, published, runs, values, ours)
    return Reproduction(published, ours, len(values), verdict, because)


def counted(runs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The runs whose values count."""
    if metric.exact:
        return runs
    return runs[runs["status"].isin(RESULTS)] if metric.at_start else measured(runs)


def _verdict(
    study: Study, published: Published, runs: pd.DataFrame, values: Sequence[float], ours: Interval
) -> tuple[str, str]:
    """The verdict and its reason."""
    if published.differs:
        return "not comparable", published.differs
    changed = [text for text in study.overrides if not text.startswith(_HARMLESS)]
    if changed:
        return "not comparable", f"our runs have other settings than the grid file: {', '.join(changed)}"
    if published.metric.exact and values:
        exactly = same(values[0], published.value)
        return ("reproduced", "exactly") if exactly else ("not reproduced", "it is another number")
    if other := data_note(study, runs):
        return "not comparable", other
    ended = len(counted(runs, published.metric))
    if untrained(runs) and ended < runs["status"].isin(RESULTS).sum():
        return "not reproduced", untrained_text(runs, len(runs))
    if reason := no_spread(values, ended):
        return "not comparable", reason
    inside = at_least(published.value, ours.low) and at_least(ours.high, published.value)
    unit = " points" if published.metric.proportion else ""
    half = significant(published.metric.factor * (ours.high - ours.low) / 2)
    low, high = limits_of(ours, published.metric)
    factor = published.metric.factor
    limits = f"[{', '.join(alike([factor * low, factor * high], factor * (high - low) / 2))}]"
    because = (
        f"it lies {'within' if inside else 'outside'} {limits}, where new runs like ours would lie (± {half}{unit})"
    )
    return "reproduced" if inside else "not reproduced", because


def untrained_text(runs: pd.DataFrame, of: int) -> str:
    """`2 of 8 runs did not train (2 collapsed)`."""
    count = Counter(runs["status"])
    return f"{untrained(runs)} of {of} runs did not train ({kinds(count['diverged'], count['collapsed'])})"


def no_spread(values: Sequence[float], runs: int) -> str:
    """Why the values that so many runs left allow no interval; empty if they do."""
    if values and len(values) < runs:
        return f"{runs - len(values)} of {runs} runs have no value: a mean of the others is of a selection"
    if infinite := sum(map(math.isinf, values)):
        return f"it is infinite in {infinite} of {runs} runs"
    if len(values) < MIN_SEEDS:
        return f"{len(values)} of the at least {MIN_SEEDS} seeds that a spread takes"
    return ""


def limits_of(ours: Interval, metric: Metric) -> tuple[float, float]:
    """The limits of a prediction as they are shown: a share lies between 0 and 1."""
    return (max(ours.low, 0.0), min(ours.high, 1.0)) if metric.proportion else (ours.low, ours.high)


def prediction(values: Sequence[float], runs: int) -> Interval:
    """Mean, and where the mean of `runs` new runs would lie (95 %): `mean ± t s sqrt(1/S + 1/runs)`."""
    mean = t_interval(values)
    if math.isnan(mean.se):
        return mean
    se = mean.se * math.sqrt(1 + len(values) / runs)
    return from_standard_error(mean.estimate, se, len(values) - 1)


def matching(study: Study, at: Cell) -> list[CellRuns]:
    """Each cell that has these values; settings that are no axis must have them in all records."""
    fixed = {path: value for path, value in at.items() if path not in study.axes}
    if any(study.settings.get(path) != [show(value)] for path, value in fixed.items()):
        return []
    wanted = {study.axes.index(path): show(value) for path, value in at.items() if path in study.axes}
    return [part for part in study.cells if all(part.key[i] == text for i, text in wanted.items())]
