"""Every cell of a study in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.text import show
from resbench.records.metrics import METRICS
from resbench.report.document import Table
from resbench.report.format import DASH, number, percent, significant, within
from resbench.report.frames import known
from resbench.report.run_metrics import metric_text
from resbench.report.wording.failures import rate_text

_CAPTION = (
    "Test accuracy in percent: mean over the seeds that trained, with its 95 % interval for new images of this kind."
)
MEANING = (
    "Test accuracy has its 95 % interval for new images of this kind (crossed over seeds and images; of one network Wilson's) "
    "and, never wider, for these test images (Student's t over seeds). SD: standard deviation over seeds; true SD: what it would "
    "be without the noise of a finite test set (Jordan 2023, equation 3). Runs that did not train are counted, with Wilson's "
    "interval. Training seconds: of a run, without its evaluation; wall seconds: of all of it."
)
_RAW = {
    "test accuracy": "mean",
    "errors in 10,000": "errors",
    "train loss": "train_loss",
    "train accuracy": "train_accuracy",
    "val. accuracy": "val_accuracy",
    "parameters": "parameters",
    "MFLOPs": "flops",
    "training seconds": "train_seconds",
    "wall seconds": "wall_seconds",
}
_OWN = ("test accuracy", "errors in 10,000", "train loss", "train accuracy", "parameters", "MFLOPs")


def cell_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table:
    """One row per cell.

    Args:
        frame: what `cells.cells` returns.
        axes: the columns that name a cell.
    """
    rows = frame.to_dict("records")
    columns: dict[str, list[str]] = {axis: [show(row[axis]) for row in rows] for axis in axes}
    columns["seeds"] = [_of(int(row["seeds_ok"]), int(row["planned"])) for row in rows]
    if frame["untrained"].sum():
        columns["did not train"] = [_rate(row) for row in rows]
    if frame["failed"].sum():
        columns["failed"] = [str(row["failed"]) for row in rows]
    columns["test accuracy"] = [
        within(row["mean"], row["low"], row["high"]) + _known(row, "test_accuracy") + _trained(row) for row in rows
    ]
    if frame["seed_low"].notna().any():
        columns["on these images"] = [_range(row["seed_low"], row["seed_high"]) for row in rows]
        columns["SD"] = [significant(100 * row["sd"]) for row in rows]
        columns["true SD"] = [significant(100 * row["true_sd"]) for row in rows]
        columns["least – most"] = [
            f"{percent(row['least'])} – {percent(row['most'])}" if row["seeds_ok"] else DASH for row in rows
        ]
    columns["errors in 10,000"] = [number(row["errors"]) for row in rows]
    columns["train loss"] = [significant(row["train_loss"], 3) + _known(row, "train_loss") for row in rows]
    columns["train accuracy"] = [percent(row["train_accuracy"]) + _known(row, "train_accuracy") for row in rows]
    if frame["val_accuracy"].notna().any():
        columns["val. accuracy"] = [percent(row["val_accuracy"]) + _known(row, "val_accuracy") for row in rows]
    columns["parameters"] = [number(row["parameters"]) for row in rows]
    columns["MFLOPs"] = [significant(row["flops"] / 1e6, 3) for row in rows]
    columns["training seconds"] = [number(row["train_seconds"]) + _known(row, "train_seconds") for row in rows]
    if frame["wall_seconds"].notna().any():
        columns["wall seconds"] = [number(row["wall_seconds"]) for row in rows]
    for name in (str(column).removeprefix("metrics.") for column in frame if str(column).startswith("metrics.")):
        columns[METRICS[name].words] = [metric_text(name, row[f"metrics.{name}"]) for row in rows]
    if frame["seeds_ok"].sum():  # a user's own training code does not measure all of it
        lacking = [name for name in _OWN if frame[_RAW[name]].isna().all()]
        columns = {name: texts for name, texts in columns.items() if name not in lacking}
    raw = {name: [row[field] for row in rows] for name, field in _RAW.items() if name in columns}
    return Table.of(columns, raw, caption=_CAPTION + _partly(frame), name="cells", frame=frame)


def _partly(frame: pd.DataFrame) -> str:
    """What the counts behind means are, where there are some."""
    some = any(str(column).endswith(".known") for column in frame)
    return (
        " In round brackets: how many of the runs have a value; a mean over them is one of a selection." if some else ""
    )


def _known(row: Mapping[Any, Any], name: str) -> str:
    """` (5 of 8)`, where a mean is over fewer runs than ended well."""
    return known(int(row.get(f"{name}.known", row["seeds_ok"])), int(row["seeds_ok"]))


def _range(low: float, high: float) -> str:
    return DASH if math.isnan(low) else within(math.nan, low, high).removeprefix(f"{DASH} ")


def _rate(row: Mapping[Any, Any]) -> str:
    """`8 of 8 (4 diverged, 4 collapsed; 100 % [68, 100])`."""
    return rate_text(row["diverged"], row["collapsed"], row["seeds_done"]) if row["untrained"] else "0"


def _trained(row: Mapping[Any, Any]) -> str:
    """` (of the 3 that trained)`, where others did not."""
    some = row["seeds_ok"] and row["untrained"] and row["seeds_ok"] + row["untrained"] == row["seeds_done"]
    return f" (of the {row['seeds_ok']} that trained)" if some else ""


def _of(done: int, planned: int) -> str:
    return str(done) if done == planned else f"{done} of {planned}"
