"""Every metric of a run that a claim can be made on: one row each, which reader, report and figures share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from resbench.core.errors import UserError
from resbench.core.tables import Table

INFINITE = 1e38  # the range of fp32: JSON has no infinity, so a record has this in place of what is as large or larger
UNSTEADY = 2.0  # measured times whose quartiles differ more than so many times come from a machine with other work


@dataclass(frozen=True)
class Metric:
    """A number that a run leaves.

    Attributes:
        words: as a reader calls it.
        better: which side of a difference is better.
        proportion: a share of images: margins and differences are in percentage points.
        exact: the same for every seed: compared as a number, without statistics.
        probe: the probe that measures it; empty if every run has it.
        at_start: measured before training, so that runs that do not train have it like others.
        compared_as: the metric by which it is compared: accuracies on the test set by their errors, image by image.
    """

    name: str
    words: str
    better: Literal["lower", "higher"] = "lower"
    proportion: bool = False
    exact: bool = False
    probe: str = ""
    compared_as: str = ""
    at_start: bool = False

    @property
    def factor(self) -> float:
        """By which differences are multiplied before they are shown."""
        return 100.0 if self.proportion else 1.0

    @property
    def unit(self) -> str:
        """Of differences as they are shown."""
        return "points" if self.proportion else ""

    @property
    def digits(self) -> int:
        """Decimals of differences as they are shown."""
        return 2 if self.proportion else 4

    @property
    def by_image(self) -> bool:
        """Whether two runs are compared image by image."""
        return (self.compared_as or self.name) == "test_error"


_ROWS = (
    Metric("test_error", "test error", proportion=True),
    Metric("test_accuracy", "test error", "higher", proportion=True, compared_as="test_error"),
    Metric("val_accuracy", "validation accuracy", "higher", proportion=True),
    Metric("train_accuracy", "training accuracy", "higher", proportion=True),
    Metric("train_loss", "training loss"),
    Metric("parameters", "parameters", exact=True),
    Metric("flops", "FLOPs", exact=True),
    Metric("probe.gradient_ratio", "first-to-last gradient ratio before training", probe="gradients", at_start=True),
    Metric("probe.gradient_ratio_end", "first-to-last gradient ratio after training", probe="gradients"),
    Metric(
        "probe.gradient_decades",
        "first-to-last gradient gap before training (in decades)",
        probe="gradients",
        at_start=True,
    ),
    Metric("probe.shattering", "shattering of gradients before training", probe="gradients", at_start=True),
    Metric("probe.response_ratio", "response of the layers relative to the stem", probe="responses"),
    Metric("probe.sharpness", "sharpness", probe="curvature"),
    Metric("probe.lesion_mean", "error added by removing a unit", proportion=True, probe="lesions"),
)


def number(name: str, value: float | None) -> float:
    """A metric of a record: NaN where there is none; a ratio of gradients is infinite from `INFINITE` on."""
    if value is None:
        return math.nan
    return math.inf if name in _RATIOS and value >= INFINITE else float(value)


_RATIOS = ("probe.gradient_ratio", "probe.gradient_ratio_end")
METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}
# probe -> the metrics that it leaves, in the order in which probes are measured and listed
PROBED: dict[str, tuple[str, ...]] = {
    probe: tuple(row.name for row in _ROWS if row.probe == probe)
    for probe in dict.fromkeys(row.probe for row in _ROWS if row.probe)
}
_BUILT_IN = frozenset(METRICS)


def add_metrics(rows: Iterable[Metric]) -> None:
    """Let claims be made on further metrics: those of a plug-in's probes, or of the training code of a user."""
    for row in rows:
        if row.name in _BUILT_IN:
            raise UserError(f"metric {row.name}: resbench has one of this name: give it another")
        METRICS[row.name] = row
        if row.probe:
            PROBED[row.probe] = tuple(dict.fromkeys((*PROBED.get(row.probe, ()), row.name)))


def added_metrics(names: Iterable[str]) -> list[Metric]:
    """Those of these metrics that resbench does not have by itself."""
    return [METRICS[name] for name in dict.fromkeys(names) if name in METRICS and name not in _BUILT_IN]


class _Probes(Table[Any]):
    """The probes by name; `probes/table.py` has those of resbench, and each brings its metrics."""

    def extend(self, values: Mapping[str, Any], digest: str, source: str) -> None:
        for name, probe in values.items():
            add_metrics(replace(row, name=f"probe.{row.name}", probe=name) for row in getattr(probe, "metrics", ()))
        super().extend(values, digest, source)


PROBES = _Probes("PROBES", {})
