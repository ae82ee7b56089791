"""Every cell of a study in numbers, and every cell against its baseline: study in, frame out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from resbench.report.arms import Arm, arm, table, versus
from resbench.report.frames import as_objects, groups, numbers, show
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.family import benjamini_hochberg
from resbench.report.statistics.interval import Components, Interval, new_images, t_interval, unknown, wilson
from resbench.report.study import Study

_MEANS = ("train_loss", "train_accuracy", "val_accuracy", "train_seconds", "parameters", "flops")
_POINTS = 0.05  # margin of comparisons where no claim names one, in points


def cells(study: Study) -> pd.DataFrame:
    """One row per cell. Diverged runs are counted, never averaged.

    Returns:
        The axes; runs `planned`, `seeds_done` (ok or diverged), `seeds_ok`, `diverged`, `failed`, with Wilson's
        interval of divergence in `diverged_low`, `diverged_high`; of the test accuracy, as shares: `mean`, `low` and
        `high` of the crossed interval (new images), `seed_low` and `seed_high` (this test set), `sd` over seeds,
        `true_sd` (what seeds would show on endless images, Jordan 2023, eq. 3), `predicted_sd` (if errors were
        independent), `least`, `most`; `errors` in 10,000; means of other metrics.
    """
    rows = []
    for _, part in groups(study.runs, study.axes):
        cell = {axis: part[axis].iloc[0] for axis in study.axes}
        one = arm(part, cell)
        ok = part[part["status"] == "ok"]
        ran = len(one.ended) + one.diverged
        rate = wilson(one.diverged, ran)
        row: dict[str, Any] = dict(cell)
        row |= {"planned": one.planned, "seeds_done": ran, "seeds_ok": len(one.ended)}
        row |= {"diverged": one.diverged, "diverged_low": rate.low, "diverged_high": rate.high, "failed": one.failed}
        row |= _accuracy(study, one, numbers(ok, "test_accuracy"))
        row |= {name: _mean(numbers(part if name in ("parameters", "flops") else ok, name)) for name in _MEANS}
        rows.append(row)
    return as_objects(pd.DataFrame(rows), rows, study.axes)


def _accuracy(study: Study, one: Arm, accuracy: Sequence[float]) -> dict[str, float]:
    seeds = t_interval(accuracy)
    wrong = table(study, [one.ended[seed] for seed in sorted(one.ended)]) if one.ended else None
    both, parts = unknown(seeds.estimate), None
    if wrong is not None:
        both, parts = _complement(_of_cell(wrong)), Components.of(wrong)
    return {
        "mean": seeds.estimate,
        "low": both.low,
        "high": both.high,
        "seed_low": max(0.0, seeds.low) if seeds.low == seeds.low else math.nan,
        "seed_high": min(1.0, seeds.high) if seeds.high == seeds.high else math.nan,
        "sd": float(np.std(accuracy, ddof=1)) if len(accuracy) > 1 else math.nan,
        "true_sd": parts.true_sd if parts else math.nan,
        "predicted_sd": parts.predicted_sd if parts else math.nan,
        "least": min(accuracy, default=math.nan),
        "most": max(accuracy, default=math.nan),
        "errors": (1 - seeds.estimate) * 10_000,
    }


def _of_cell(wrong: Any) -> Interval:
    """Of the error on new images: crossed over seeds and images; of one network by its count."""
    images, seeds = wrong.shape
    return wilson(int(wrong.sum()), images) if seeds == 1 else new_images(wrong)


def _complement(error: Interval) -> Interval:
    """The accuracy's interval from that of the error, within 0 and 1."""
    low, high = max(0.0, 1 - error.high), min(1.0, 1 - error.low)
    return Interval(1 - error.estimate, low, high, error.se, error.df)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def margin_of(study: Study) -> float:
    """Smallest difference of test error that matters, in points: the smallest that a claim names, or a default."""
    claims = study.asked.get("claims") or []
    named = [float(one["margin"]) for one in claims if one["on"] in ("test_error", "test_accuracy")]
    return min((margin for margin in named if margin > 0), default=_POINTS)


def comparisons(study: Study, baseline: Mapping[str, Any], margin: float = _POINTS) -> pd.DataFrame:
    """Each cell against the cell that differs only in having the baseline's values; exploratory, as nobody claimed it.

    Args:
        baseline: axis -> value; cells that are the baseline, or lack one, have no row.
        margin: the smallest difference that matters, in points.

    Returns:
        The axes; `contrast` (None if an arm has nothing, or diverged runs), `ours` and `theirs` (arms), and `q`, the false-discovery
        rate of Benjamini and Hochberg over all rows.
    """
    parts = dict(groups(study.runs, study.axes))
    rows: list[dict[str, Any]] = []
    for key, part in parts.items():
        other = tuple(
            show(baseline[axis]) if axis in baseline else text for axis, text in zip(study.axes, key, strict=True)
        )
        if other == key or other not in parts:
            continue
        cell = {axis: part[axis].iloc[0] for axis in study.axes}
        theirs = {axis: parts[other][axis].iloc[0] for axis in study.axes}
        pair = arm(part, cell), arm(parts[other], theirs)
        # over the seeds that did not diverge it would compare a selection
        contrast = versus(study, *pair, "test_error", margin) if all(one.trained for one in pair) else None
        rows.append(cell | {"contrast": contrast, "ours": pair[0], "theirs": pair[1]})
    frame = pd.DataFrame(rows, columns=[*study.axes, "contrast", "ours", "theirs"])
    frame["q"] = benjamini_hochberg([row["contrast"].p if row["contrast"] else math.nan for row in rows])
    return as_objects(frame, rows, study.axes)


def contrast_columns(contrast: Contrast) -> dict[str, Any]:
    """The contrast's numbers as plain columns, for CSV and JSON."""
    out: dict[str, Any] = {}
    for field in dataclasses.fields(contrast):
        value = getattr(contrast, field.name)
        if isinstance(value, Interval):
            out |= {field.name: value.estimate, f"{field.name}_low": value.low, f"{field.name}_high": value.high}
        elif not isinstance(value, Components):
            out[field.name] = value
    return out
