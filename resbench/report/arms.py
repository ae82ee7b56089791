"""One side of a comparison: the runs of a cell, and what is known of them seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from resbench.records.claim import SHARES
from resbench.records.record import errors
from resbench.report.frames import show
from resbench.report.statistics.compare import paired, paired_values, unpaired, unpaired_values
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import LEVEL
from resbench.report.study import Study

HIGHER_IS_BETTER = ("test_accuracy", "val_accuracy", "train_accuracy")


@dataclass(frozen=True)
class Arm:
    """The runs of one cell.

    Attributes:
        cell: its values.
        planned: runs that the study asks for.
        ended: seed -> id of each run that ended well.
        diverged, failed, missing: runs of each other fate.
    """

    cell: Mapping[str, Any]
    planned: int
    ended: Mapping[int, str]
    diverged: int
    failed: int
    missing: int

    @property
    def trained(self) -> bool:
        """No run diverged."""
        return self.diverged == 0


def arm(part: pd.DataFrame, cell: Mapping[str, Any]) -> Arm:
    """The arm of a cell.

    Args:
        part: its rows of `Study.runs`.
        cell: its values.
    """
    status = part["status"]
    ok = part[status == "ok"]
    ended = {int(seed): str(run_id) for seed, run_id in zip(ok["seed"], ok["id"], strict=True)}
    counts = {name: int((status == name).sum()) for name in ("diverged", "failed", "missing")}
    return Arm(cell, len(part), ended, **counts)


def versus(study: Study, ours: Arm, theirs: Arm, on: str, margin: float, level: float = LEVEL) -> Contrast | None:
    """Compare two arms by a metric: image by image for test errors, else by one number a seed.

    Args:
        study: whose records hold the predictions.
        on: the metric. `test_accuracy` is compared as `test_error`: say so where it is shown.
        margin: the smallest difference that matters, in points for shares of images.

    Returns:
        The contrast, of errors as shares and of other shares of images as shares too; over the seeds that ended in
        both arms, or over all if there are none. None where an arm has nothing to compare.
    """
    margin = margin / 100 if on in SHARES else margin
    shared = sorted(ours.ended.keys() & theirs.ended.keys())
    left = [ours.ended[seed] for seed in shared] or [ours.ended[seed] for seed in sorted(ours.ended)]
    right = [theirs.ended[seed] for seed in shared] or [theirs.ended[seed] for seed in sorted(theirs.ended)]
    if not left or not right:
        return None
    if on in ("test_error", "test_accuracy"):
        tables = table(study, left), table(study, right)
        same = len({study.by_id[one]["provenance"].get("test_sha256") for one in (*left, *right)}) == 1
        if tables[0] is not None and tables[1] is not None and len(tables[0]) == len(tables[1]) and same:
            return (paired if shared else unpaired)(tables[0], tables[1], margin, level)
        on = "test_error"
    a, b = values(study, left, on), values(study, right, on)
    if np.isnan(a).all() or np.isnan(b).all():
        return None
    return (paired_values if shared else unpaired_values)(a, b, margin, level, on in HIGHER_IS_BETTER)


def table(study: Study, ids: list[str]) -> npt.NDArray[np.bool_] | None:
    """Whether each test image was missed, `(images, runs)`; None if a run kept no predictions or has other images."""
    kept: list[dict[str, Any]] = [study.by_id[one].get("predictions") or {} for one in ids]
    if not all(kept) or len({one["images"] for one in kept}) != 1:
        return None
    if len({study.by_id[one]["provenance"].get("test_sha256") for one in ids}) != 1:
        return None
    return np.stack([errors(one) for one in kept], axis=1)


def values(study: Study, ids: list[str], on: str) -> npt.NDArray[np.float64]:
    """A metric of each run, `(runs,)`, NaN where it is not known."""
    found = [study.by_id[one]["metrics"].get(on) for one in ids]
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)


def name(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, str]:
    """Two cells by the values in which they differ, `identity` and `none`, with the field where a value is not a word."""
    parts = []
    for cell in (ours, theirs):
        differing = [path for path in ours if show(ours[path]) != show(theirs.get(path))]
        words = [
            v if isinstance(v := cell[p], str) and len(differing) == 1 else f"{p.split('.')[-1]} {show(v)}"
            for p in differing
        ]
        parts.append(", ".join(words) or "the same")
    return parts[0], parts[1]
