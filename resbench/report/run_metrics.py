"""The metrics of a run as text."""

from __future__ import annotations

import math

from resbench.records.metrics import METRICS, number
from resbench.report.format import DASH, power_text, significant
from resbench.report.format import number as number_text

_MANY = 1e9  # from which a number is told in powers of ten
_WORDS = {
    "train_seconds": "training seconds",
    "run_seconds": "seconds in all",
    "flops": "FLOPs",
    "training_flops": "training FLOPs",
    "peak_memory": "peak memory (bytes)",
    "peak_reserved": "peak reserved memory (bytes)",
}


def metric_name(name: str) -> str:
    """A metric in words, with its unit: `test error (%)`."""
    words = METRICS[name].words if name in METRICS else ""
    words = "test accuracy" if name == "test_accuracy" else words or _WORDS.get(name) or _spaced(name)
    return f"{words} (%)" if _is_share(name) else words


def metric_text(name: str, value: float | None) -> str:
    """Its value; shares of images in percent."""
    if value is None:
        return DASH
    if _is_share(name):
        return f"{100 * value:.2f}"
    known = number(name, value)
    if _MANY <= known < math.inf:
        return power_text(known)
    return number_text(known) if known.is_integer() else significant(known, 4)


def _is_share(name: str) -> bool:
    return name.endswith("accuracy") or (name in METRICS and METRICS[name].proportion)


def _spaced(name: str) -> str:
    return name.removeprefix("probe.").replace("_", " ")
