"""Every metric of a run that a claim can be made on: one row each, which reader, report and figures share."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from resbench.core.errors import UserError
from resbench.core.tables import Origin, Table, named

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
        about: what it is, in a sentence or two.
        figure: the name of the figure that shows it; empty if only a table does.
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
    about: str = ""
    figure: str = "error"

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
    Metric(
        "test_error",
        "test error",
        proportion=True,
        about="Share of the test images that are named wrongly. They are read once, after training; runs are compared "
        "image by image.",
    ),
    Metric(
        "test_accuracy",
        "test error",
        "higher",
        proportion=True,
        compared_as="test_error",
        about="Share of the test images that are named rightly; compared by their errors.",
    ),
    Metric(
        "val_accuracy",
        "validation accuracy",
        "higher",
        proportion=True,
        about="Share of the validation images that are named rightly, after the epoch that recipe.select chooses.",
        figure="curves",
    ),
    Metric(
        "train_accuracy",
        "training accuracy",
        "higher",
        proportion=True,
        about="Share of the training images that are named rightly in that epoch, while the weights change.",
        figure="curves",
    ),
    Metric(
        "train_loss",
        "training loss",
        about="Mean loss over the training images in the epoch that recipe.select chooses, while the weights change, on "
        "images as they are augmented.",
        figure="curves",
    ),
    Metric("parameters", "parameters", exact=True, about="Learned numbers of the network.", figure="tradeoff"),
    Metric(
        "flops",
        "FLOPs",
        exact=True,
        about="Floating-point operations of one image on its way forward; a training step takes three times as many.",
        figure="tradeoff",
    ),
    Metric(
        "probe.gradient_ratio",
        "first-to-last gradient ratio before training",
        probe="gradients",
        at_start=True,
        about="Gradient over weights, |g|/|w|, of the first layer divided by that of the last, before training.",
        figure="gradient-flow",
    ),
    Metric(
        "probe.gradient_ratio_end",
        "first-to-last gradient ratio after training",
        probe="gradients",
        about="The same ratio after training.",
        figure="gradient-flow",
    ),
    Metric(
        "probe.gradient_decades",
        "first-to-last gradient gap before training (in decades)",
        probe="gradients",
        at_start=True,
        about="|log10| of the ratio before training: how far it is from 1, vanishing and exploding alike.",
        figure="gradient-flow",
    ),
    Metric(
        "probe.shattering",
        "shattering of gradients before training",
        probe="gradients",
        at_start=True,
        about="1 minus the correlation of gradients by the input at neighbouring inputs on a line between two images, "
        "before training (Balduzzi et al. 2017, 1702.08591, section 2).",
        figure="gradient-flow",
    ),
    Metric(
        "probe.response_ratio",
        "response of the layers relative to the stem",
        probe="responses",
        about="Standard deviation of the layers of the units behind their norms, as a mean, over that of the stem "
        "(He et al. 2015, 1512.03385, figure 7).",
        figure="responses",
    ),
    Metric(
        "probe.sharpness",
        "sharpness",
        probe="curvature",
        about="Largest eigenvalue of the Hessian of the training loss, after training.",
        figure="",
    ),
    Metric(
        "probe.lesion_mean",
        "error added by removing a unit",
        proportion=True,
        probe="lesions",
        about="Mean rise of the test error over the units removed one at a time, without retraining (Veit et al. 2016, "
        "1605.06431, section 4.1).",
        figure="lesions",
    ),
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
_BUILT_IN, BUILT_IN_PROBES = frozenset(METRICS), tuple(PROBED)
NEED_UNITS = ("gradients", "responses", "lesions")  # the probes that look at the units of a network


def add_metrics(rows: Iterable[Metric]) -> None:
    """Let claims be made on further metrics: those of a plug-in's probes, or of the training code of a user."""
    for row in rows:
        if is_built_in(row.name):
            raise UserError(f"metric {row.name}: resbench has one of this name: give it another")
        METRICS[row.name] = row
        if row.probe:
            PROBED[row.probe] = tuple(dict.fromkeys((*PROBED.get(row.probe, ()), row.name)))


def is_built_in(name: str) -> bool:
    """Whether resbench has this metric by itself."""
    return name in _BUILT_IN


def added_metrics(names: Iterable[str]) -> list[Metric]:
    """Those of these metrics that resbench does not have by itself."""
    return [METRICS[name] for name in dict.fromkeys(names) if name in METRICS and not is_built_in(name)]


class _Probes(Table[Any]):
    """The probes by name; `probes/table.py` has those of resbench, and each of a plug-in brings its metrics."""

    def extend(self, values: Mapping[str, Any], origin: Origin, in_use: Collection[str] = ()) -> None:
        if taken := values.keys() & {*BUILT_IN_PROBES}:
            text = f"{min(taken)!r} is a value of resbench already: give it another name"
            raise UserError(f"{origin.source}: {self.name}: {text}")
        super().extend(values, origin, in_use)
        for name, probe in values.items():
            PROBED[name] = ()
            metrics = getattr(probe, "metrics", ())
            add_metrics(replace(row, name=f"probe.{row.name}", probe=name, figure="") for row in metrics)

    def forget(self, names: Collection[str]) -> None:
        for metric in [metric for name in names for metric in PROBED.pop(name, ())]:
            METRICS.pop(metric, None)
        super().forget(names)


PROBES = _Probes("PROBES", {})


def probe_code(probes: Iterable[str]) -> str:
    """The plug-ins that probes come from, with their digests, as records name them: `rank.py 0f3a...`."""
    origins = [PROBES.origins[name] for name in probes if name in PROBES.origins]
    return ", ".join(f"{name} {digest}" for name, digest in named(origins).items())
