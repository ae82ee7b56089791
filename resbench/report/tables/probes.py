"""What probes measured: the mean over the seeds of each number, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from resbench.core.text import plural, show
from resbench.records.metrics import METRICS
from resbench.report.document import Table
from resbench.report.format import mean_text
from resbench.report.frames import frame_of, known, numbers, partial_rows
from resbench.report.outcomes import RESULTS, measured
from resbench.report.statistics.interval import t_interval
from resbench.report.study import Study


class _ProbeColumn(NamedTuple):
    """How a metric of a probe is shown.

    Attributes:
        head: of its column.
        meaning: for the caption.
    """

    head: str
    meaning: str = ""


_COLUMNS: Mapping[str, _ProbeColumn] = {
    "probe.gradient_ratio": _ProbeColumn(
        "gradient ratio", "Gradient ratio: |g|/|w| of the first layer over that of the last, at initialisation"
    ),
    "probe.gradient_ratio_end": _ProbeColumn("gradient ratio at the end"),
    "probe.gradient_decades": _ProbeColumn(
        "decades of it at initialisation", "Decades: how far its log10 is from zero"
    ),
    "probe.shattering": _ProbeColumn(
        "shattering",
        "Shattering: 1 minus the correlation of gradients by the input at neighbouring inputs, at initialisation",
    ),
    "probe.response_ratio": _ProbeColumn(
        "response ratio", "Response ratio: mean deviation of the units' layers over that of the stem, at the end"
    ),
    "probe.sharpness": _ProbeColumn(
        "sharpness", "Sharpness: the largest eigenvalue of the Hessian of the training loss, at the end"
    ),
    "probe.lesion_mean": _ProbeColumn(
        "rise by a lesion (points)",
        "Rise by a lesion: mean rise of the test error over the units removed one at a time",
    ),
}
_PREFIX = "metrics."
_COUNTS = (".known", ".infinite", ".runs")


def probe_table(study: Study) -> Table | None:
    """A row per cell: mean and 95 % t interval over seeds of each `probe.` metric; None without any."""
    measured = [name.removeprefix(_PREFIX) for name in map(str, study.runs) if name.startswith(f"{_PREFIX}probe.")]
    metrics = [*(name for name in _COLUMNS if name in measured), *sorted(set(measured) - set(_COLUMNS))]
    if not metrics:
        return None
    frame = probe_frame(study, metrics)
    rows = frame.to_dict("records")
    columns: dict[str, list[str]] = {axis: [show(row[axis]) for row in rows] for axis in study.axes}
    columns["seeds"] = [str(row["seeds"]) for row in rows]
    columns |= {_column(name).head: [_text(row, name) for row in rows] for name in metrics}
    raw = {_column(name).head: [row[name] for row in rows] for name in metrics}
    caption, fold = _caption(metrics, frame), f"Means of {plural(len(metrics), 'probe')} in {plural(len(rows), 'cell')}"
    frame = frame.drop(columns=[f"{name}{end}" for name in metrics if _whole(frame, name) for end in _COUNTS])
    return Table.of(columns, raw, caption=caption, fold=fold, name="probes", frame=frame)


def probe_frame(study: Study, metrics: Sequence[str]) -> pd.DataFrame:
    """By cell: the axes, `seeds` that have a result, and of each metric its mean, `<metric>.low` and `.high`.

    Of each metric also the number of `.runs` that should have it, those that have it, `.known`, and `.infinite` ones, with
    which there is no mean.
    """
    rows: list[dict[str, Any]] = []
    for _, cell, runs in study.cells:
        begun, ended = runs[runs["status"].isin(RESULTS)], measured(runs)
        row: dict[str, Any] = {**cell, "seeds": len(begun)}
        for name in metrics:
            of = begun if name in METRICS and METRICS[name].at_start else ended
            values = numbers(of, name)
            mean = t_interval(values)
            row |= {
                f"{name}.known": len(values),
                f"{name}.runs": len(of),
                f"{name}.infinite": sum(map(math.isinf, values)),
            }
            factor = METRICS[name].factor if name in METRICS else 1.0
            row |= {name: factor * mean.estimate, f"{name}.low": factor * mean.low, f"{name}.high": factor * mean.high}
        rows.append(row)
    return frame_of(rows, study.axes)


def _column(name: str) -> _ProbeColumn:
    return _COLUMNS.get(name, _ProbeColumn(name))


def _text(row: Mapping[Any, Any], name: str) -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", ".low", ".high"))
    have, infinite, runs = (int(row[f"{name}.{count}"]) for count in ("known", "infinite", "runs"))
    if infinite:
        return f"infinite in {infinite} of {runs}"
    return mean_text(value, low, high) + known(have, runs)


def _whole(frame: pd.DataFrame, name: str) -> bool:
    """Whether in each cell all runs have a value of a metric, and finite ones, or none has."""
    partial = partial_rows(frame, f"{name}.known", f"{name}.runs")
    return partial.empty and not frame[f"{name}.infinite"].any()


def _caption(metrics: Sequence[str], frame: pd.DataFrame) -> str:
    meanings = [text for name in metrics if (text := _column(name).meaning)]
    text = "Mean over the seeds of what the probes measured, with Student's 95 % interval over the seeds."
    if meanings:
        text += f" {'; '.join([meanings[0], *(f'{one[:1].lower()}{one[1:]}' for one in meanings[1:])])}."
    if not all(_whole(frame, name) for name in metrics):
        text += " In round brackets: how many runs have a value, where some have none. Where one is infinite there is no mean."
    return (
        f"{text} Runs that did not train count in what is measured at initialisation; in the rest they count only where "
        "all runs of a cell collapsed."
    )
