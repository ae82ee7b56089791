"""What probes measured, as a table: the mean over the seeds of each number, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.report.document import Table
from resbench.report.frames import Interval, groups, interval, numbers, show
from resbench.report.study import Study

DASH = "–"
# metric -> how its column is called; a share of images is told in points
_NAMES: Mapping[str, str] = {
    "probe.gradient_ratio": "gradient ratio",
    "probe.gradient_ratio_end": "gradient ratio at the end",
    "probe.gradient_decades": "decades of it at initialisation",
    "probe.shattering": "shattering",
    "probe.response_ratio": "response ratio",
    "probe.sharpness": "sharpness",
    "probe.lesion_mean": "rise by a lesion (points)",
}
_MEANINGS: Mapping[str, str] = {
    "probe.gradient_ratio": "Gradient ratio: |g|/|w| of the first layer over that of the last, at initialisation",
    "probe.gradient_decades": "Decades: how far its log10 is from zero",
    "probe.shattering": (
        "Shattering: 1 minus the correlation of gradients by the input at neighbouring inputs, at initialisation"
    ),
    "probe.response_ratio": "Response ratio: mean deviation of the units' layers over that of the stem, at the end",
    "probe.sharpness": "Sharpness: the largest eigenvalue of the Hessian of the training loss, at the end",
    "probe.lesion_mean": "Rise by a lesion: mean rise of the test error over the units removed one at a time",
}
_AT_START = ("probe.gradient_ratio", "probe.gradient_decades", "probe.shattering")  # before anything can diverge
_POINTS = ("probe.lesion_mean",)
_PREFIX = "metrics."


def probe_table(study: Study) -> Table | None:
    """A row per cell: mean and 95 % t interval over seeds of each `probe.` metric that is there; None without any."""
    there = [name.removeprefix(_PREFIX) for name in map(str, study.runs) if name.startswith(f"{_PREFIX}probe.")]
    metrics = [*(name for name in _NAMES if name in there), *sorted(set(there) - set(_NAMES))]
    if not metrics:
        return None
    frame = probe_frame(study, metrics)
    rows = frame.to_dict("records")
    columns: dict[str, list[str]] = {axis: [show(row[axis]) for row in rows] for axis in study.axes}
    columns["seeds"] = [str(row["seeds"]) for row in rows]
    columns |= {_NAMES.get(name, name): [_text(row, name) for row in rows] for name in metrics}
    raw = {_NAMES.get(name, name): [row[name] for row in rows] for name in metrics}
    return Table.of(columns, raw, caption=_caption(metrics), name="probes", frame=frame)


def probe_frame(study: Study, metrics: Sequence[str]) -> pd.DataFrame:
    """By cell: the axes, `seeds` that ended or diverged, and of each metric its mean, `<metric>.low` and `.high`."""
    rows: list[dict[str, Any]] = []
    for _, part in groups(study.runs, study.axes):
        began, ended = part[part["status"].isin(["ok", "diverged"])], part[part["status"] == "ok"]
        row: dict[str, Any] = {axis: part[axis].iloc[0] for axis in study.axes} | {"seeds": len(began)}
        for name in metrics:
            found = _interval(numbers(began if name in _AT_START else ended, name))
            factor = 100 if name in _POINTS else 1
            row |= {name: factor * found.mean, f"{name}.low": factor * found.low, f"{name}.high": factor * found.high}
        rows.append(row)
    columns = [*study.axes, "seeds", *(f"{name}{end}" for name in metrics for end in ("", ".low", ".high"))]
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in columns})
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in columns[len(study.axes) :]})


def _interval(values: Sequence[float]) -> Interval:
    return interval([value for value in values if math.isfinite(value)])


def _text(row: Mapping[Any, Any], name: str) -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", ".low", ".high"))
    if math.isnan(value):
        return DASH
    return _number(value) + ("" if math.isnan(low) else f" [{_number(low)}, {_number(high)}]")


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "−")


def _caption(metrics: Sequence[str]) -> str:
    told = "; ".join(_MEANINGS[name] if i == 0 else _lower(_MEANINGS[name]) for i, name in enumerate(_told(metrics)))
    text = "Mean over the seeds of what the probes measured, with Student's 95 % interval over the seeds."
    text += f" {told}." if told else ""
    return f"{text} Runs that diverged count in what is measured at initialisation, and in nothing else."


def _told(metrics: Sequence[str]) -> list[str]:
    return [name for name in metrics if name in _MEANINGS]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
