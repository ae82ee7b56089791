"""Published numbers beside ours: reproduced, not reproduced, or not comparable and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy import stats

from resbench.records.claim import SHARES
from resbench.report.frames import groups, numbers, show
from resbench.report.planning import LEAST_SEEDS
from resbench.report.statistics.interval import Interval, t_interval, unknown
from resbench.report.study import Study
from resbench.report.verdicts import EXACT

_HARMLESS = ("name=", "seeds=")  # overrides that change no run


@dataclass(frozen=True)
class Published:
    """One published number and what became of it.

    Attributes:
        row: of the grid file.
        ours: mean over our seeds, with the interval in which the mean of as many new runs as the published one's
            would lie (95 %, Student).
        seeds: of ours.
        verdict: `reproduced`, `not reproduced` or `not comparable`.
        because: the reason, in words.
    """

    row: Mapping[str, Any]
    ours: Interval
    seeds: int
    verdict: str
    because: str


def compare_published(study: Study) -> list[Published]:
    """Every published number of the grid file, beside each of our cells that it speaks of."""
    out = []
    for row in study.asked.get("published") or []:
        parts = _matching(study, row["at"])
        out += [_one(study, row, part) for part in parts]
        if not parts:
            out.append(Published(row, unknown(), 0, "not comparable", "no cell of ours has these settings"))
    return out


def _one(study: Study, row: Mapping[str, Any], part: pd.DataFrame) -> Published:
    on, runs = str(row["on"]), int(row.get("runs", 1))
    ok = part[part["status"] == "ok"]
    values = numbers(ok if on not in EXACT else part, on)
    ours = prediction(values, runs)
    changed = [text for text in map(str, study.asked.get("overrides") or []) if not text.startswith(_HARMLESS)]

    def told(verdict: str, because: str) -> Published:
        return Published(row, ours, len(values), verdict, because)

    if row.get("differs"):
        return told("not comparable", str(row["differs"]))
    if changed:
        return told("not comparable", f"our runs have other settings than the grid file: {', '.join(changed)}")
    if on in EXACT and values:
        same = values[0] == row["value"]
        return told("reproduced" if same else "not reproduced", "exactly" if same else "it is another number")
    if (part["status"] == "diverged").any():
        return told("not reproduced", f"{int((part['status'] == 'diverged').sum())} of {len(part)} runs diverged")
    if len(values) < LEAST_SEEDS:
        return told("not comparable", f"{len(values)} of the {LEAST_SEEDS} seeds that a spread takes at the least")
    within = ours.low <= row["value"] <= ours.high
    place, half = "within" if within else "outside", value_text((ours.high - ours.low) / 2, on)
    because = f"it lies {place} the interval of new runs like ours (± {half})"
    return told("reproduced" if within else "not reproduced", because)


def prediction(values: list[float], runs: int) -> Interval:
    """Mean, and where the mean of `runs` new runs would lie (95 %): `mean ± t s sqrt(1/S + 1/runs)`."""
    mean = t_interval(values)
    if math.isnan(mean.se):
        return mean
    se = mean.se * math.sqrt(1 + len(values) / runs)
    half = float(stats.t.ppf(0.975, mean.df)) * se
    return Interval(mean.estimate, mean.estimate - half, mean.estimate + half, se, mean.df)


def _matching(study: Study, at: Mapping[str, Any]) -> list[pd.DataFrame]:
    """Runs of each cell that has these values; settings that are no axis must have them in all records."""
    fixed = {path: value for path, value in at.items() if path not in study.axes}
    if any(study.settings.get(path) != [show(value)] for path, value in fixed.items()):
        return []
    wanted = {study.axes.index(path): show(value) for path, value in at.items() if path in study.axes}
    found = groups(study.runs, study.axes)
    return [part for key, part in found if all(key[i] == text for i, text in wanted.items())]


def value_text(value: float, on: str) -> str:
    """A metric as a reader expects it: shares in percent."""
    if math.isnan(value):
        return "–"
    if on in SHARES:
        return f"{100 * value:.2f}"
    return f"{value:,.0f}" if on in EXACT else f"{value:.4f}"
