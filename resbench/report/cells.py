"""Every cell of a study in numbers, and every cell against its baseline: study in, frame out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from resbench.core.cell import Cell
from resbench.records.claim import DEFAULT_MARGIN
from resbench.records.metrics import METRICS
from resbench.report.arms import Arm, arm_of, arms_of, compare_arms, error_table, one_network, partners
from resbench.report.comparable import why_not_comparable
from resbench.report.failures import by_means
from resbench.report.frames import frame_of, numbers, partial_rows
from resbench.report.outcomes import measured
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.crossed import Components, new_images
from resbench.report.statistics.family import benjamini_hochberg
from resbench.report.statistics.interval import Interval, t_interval, unknown, wilson
from resbench.report.statistics.mean import mean
from resbench.report.study import Study

_MEANS = ("train_loss", "train_accuracy", "val_accuracy", "train_seconds", "parameters", "flops")
_VARYING = ("test_accuracy", "train_loss", "train_accuracy", "val_accuracy", "train_seconds")
_COLUMNS = {"this_test_set": "seed_only"}  # fields whose column has another name


def cells(study: Study) -> pd.DataFrame:
    """One row per cell. Runs that did not train are counted, never averaged with those that did.

    Returns:
        The axes; runs `planned`, `seeds_done` (with a result), `seeds_ok` (of which the numbers are: those that trained, or
        all where all collapsed), `diverged`, `collapsed`, their sum `untrained` with Wilson's interval in `untrained_low`
        and `untrained_high`, `failed`; of the test accuracy, as shares: `mean`, `low` and
        `high` of the crossed interval (new images), `seed_low` and `seed_high` (this test set), `sd` over seeds,
        `true_sd` (what seeds would show on endless images, Jordan 2023, eq. 3), `predicted_sd` (if errors were
        independent), `least`, `most`; `errors` in 10,000; means of other metrics; `wall_seconds` of the runs;
        `<metric>.known`, how many runs have it, where a run that ended well has none; `metrics.<name>`, means of metrics that
        the study declares.
    """
    rows = []
    for _, cell, runs in study.cells:
        arm = arm_of(runs, cell)
        ok = measured(runs)
        ran = len(arm.begun)
        rate = wilson(arm.untrained, ran)
        row = {**cell, "planned": arm.planned, "seeds_done": ran, "seeds_ok": len(arm.ended)}
        row |= {"diverged": arm.diverged, "collapsed": arm.collapsed, "untrained": arm.untrained}
        row |= {"untrained_low": rate.low, "untrained_high": rate.high, "failed": arm.failed}
        row |= _accuracy(study, arm, numbers(ok, "test_accuracy"))
        row |= {f"metrics.{one.name}": mean(numbers(ok, one.name)) for one in study.file.metrics if not one.probe}
        row |= {name: mean(numbers(runs if _is_exact(name) else ok, name)) for name in _MEANS}
        row["wall_seconds"] = mean(_wall_seconds(ok))
        rows.append(row | {f"{name}.known": len(numbers(ok, name)) for name in _VARYING})
    frame = frame_of(rows, study.axes)
    return frame.drop(
        columns=[f"{name}.known" for name in _VARYING if partial_rows(frame, f"{name}.known", "seeds_ok").empty]
    )


def _wall_seconds(runs: pd.DataFrame) -> list[float]:
    """Of each run; one that was interrupted has those from its last start alone, and took its training at least."""
    names = ["metrics.train_seconds", "metrics.run_seconds"]
    if not set(names) <= set(runs):
        return []
    both = runs[names].apply(pd.to_numeric).dropna()
    return [float(value) for value in both.max(axis=1)]


def _is_exact(name: str) -> bool:
    """Whether it is known of a run that did not end well, too."""
    return name in METRICS and METRICS[name].exact


def _accuracy(study: Study, arm: Arm, accuracy: Sequence[float]) -> dict[str, float]:
    seeds = t_interval(accuracy)
    wrong = error_table(study, arm.ids) if arm.ended else None
    both, parts = unknown(seeds.estimate), None
    if wrong is not None and len(accuracy) == len(arm.ended):  # else the mean and the interval are of other runs
        both, parts = _complement(_error(wrong)), Components.of(wrong)
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


def _error(wrong: npt.NDArray[np.bool_]) -> Interval:
    """The error on new images: crossed over seeds and images; of one network by its count."""
    images, seeds = wrong.shape
    return wilson(int(wrong.sum()), images) if seeds == 1 else new_images(wrong)


def _complement(error: Interval) -> Interval:
    """The accuracy's interval from that of the error, within 0 and 1."""
    low, high = max(0.0, 1 - error.high), min(1.0, 1 - error.low)
    return error._replace(estimate=1 - error.estimate, low=low, high=high)


def margin_of(study: Study) -> float:
    """Smallest difference of test error that matters, in points: the smallest that a claim names, or a default."""
    named = [claim.margin for claim in study.claims if claim.metric.by_image and not claim.between]
    return min((margin for margin in named if margin > 0), default=DEFAULT_MARGIN)


def comparisons(study: Study, baseline: Cell, margin: float = DEFAULT_MARGIN) -> pd.DataFrame:
    """Each cell against the cell that differs only in having the baseline's values; exploratory, as no one claimed it.

    Args:
        baseline: axis -> value; cells that are the baseline, or lack one, have no row.
        margin: the smallest difference that matters, in points.

    Returns:
        The axes; `contrast` (None if an arm has nothing, or some runs that did not train, or for a `reason`, or for one network),
        `ours` and `theirs` (arms), `reason` (why they are not comparable; else empty), `same` (whether they are one
        network), and `q`, the false-discovery rate of Benjamini and Hochberg over all comparisons, of which several
        cells may have one.
    """
    arms = arms_of(study)
    rows: list[dict[str, Any]] = []
    for ours, found in partners(study, arms, baseline):
        if len(found) != 1:
            continue
        theirs = found[0]
        same = one_network(ours, theirs)
        # over the seeds that trained it would compare a selection
        reason = "" if same else why_not_comparable(study, ours, theirs, METRICS["test_error"])
        fit = by_means(ours, theirs) and not reason and not same
        contrast = compare_arms(study, ours, theirs, METRICS["test_error"], margin) if fit else None
        row = {"contrast": contrast, "ours": ours, "theirs": theirs, "reason": reason, "same": same}
        rows.append({**ours.cell, **row})
    frame = frame_of(rows, study.axes, [*study.axes, "contrast", "ours", "theirs", "reason", "same"])
    frame["q"] = _q([(row["ours"].runs, row["theirs"].runs, row["contrast"]) for row in rows])
    return frame


def _q(rows: Sequence[tuple[frozenset[str], frozenset[str], Contrast | None]]) -> list[float]:
    """The false-discovery rate of each row; rows that compare the same runs are one comparison."""
    p = {(ours, theirs): contrast.p if contrast else math.nan for ours, theirs, contrast in rows}
    q = dict(zip(p, benjamini_hochberg(list(p.values())), strict=True))
    return [float(q[ours, theirs]) for ours, theirs, _ in rows]


def without_partner(study: Study, baseline: Cell) -> list[Cell]:
    """The cells that no cell differs from only in having the baseline's values, or several networks."""
    return [ours.cell for ours, found in partners(study, arms_of(study), baseline) if len(found) != 1]


def contrast_columns(contrast: Contrast) -> dict[str, float | int | bool | None]:
    """The contrast's numbers as plain columns, for CSV and JSON."""
    out: dict[str, float | int | bool | None] = {}
    for field in dataclasses.fields(contrast):
        value, name = getattr(contrast, field.name), _COLUMNS.get(field.name, field.name)
        if isinstance(value, Interval):
            out |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
        elif not isinstance(value, Components):
            out[name] = value
    return out
