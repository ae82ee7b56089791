"""What a probe is, what it sees of a run, and how many images it may look at.

A probe is one function, which sees a copy of the network in fp32 with random streams of its own, so that training is the
same bit for bit with and without; none costs anything while it is off. On, each may spend its fraction of the training
work, counted in forward passes of one image (a training step costs three), and takes as many images as that allows. The
fractions sum to 5 %, and do not depend on what else is chosen, so that numbers of different studies compare. Very short
runs pay more: each probe has a least number of images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Generator, Tensor, nn

from resbench.core.json_reader import Json
from resbench.data.loading import Images, Normalizer
from resbench.records.metrics import Metric
from resbench.records.record import ProbeResult
from resbench.training.depths import at_depth, spans, stages
from resbench.training.device import Placement
from resbench.training.placement import BACKWARD
from resbench.training.recipe import LOSSES
from resbench.training.run import RunConfig
from resbench.training.step import forward

MAX_IMAGES, MIN_IMAGES = 128, 8  # of a probe
_DIGITS = 4


@dataclass(frozen=True)
class Subject:
    """What a probe sees of a run.

    Attributes:
        network: a copy, in fp32 and without gradients, that the probe may change.
        images: of training, or of testing for what is measured `tested`.
        placement: in fp32.
        epoch: how many are done.
        budget: forward passes of one image that the probe may spend over the whole run.
    """

    run: RunConfig
    network: nn.Module
    images: Images
    normalizer: Normalizer
    placement: Placement
    epoch: int
    budget: float

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Normalised images without augmentation, and labels: the same for every run; larger batches contain smaller."""
        return self.chosen(Generator().manual_seed(0), size)

    def chosen(self, draw: Generator, size: int) -> tuple[Tensor, Tensor]:
        """Normalised images without augmentation, and labels, drawn without replacement."""
        indices = torch.randperm(len(self.images), generator=draw)[:size].to(self.images.labels.device)
        return self.normalizer(self.images.images[indices]), self.images.labels[indices]

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits in fp32."""
        return forward(self.network, inputs, self.placement)

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """The loss that is trained on; weight decay is no part of it."""
        recipe = self.run.recipe
        return LOSSES[recipe.loss](self.forward(inputs), labels, recipe.label_smoothing)

    def generator(self, purpose: str) -> Generator:
        """A stream of the run's seed on the CPU."""
        return Generator().manual_seed(self.run.stream(purpose, self.epoch))


@dataclass(frozen=True)
class Probe:
    """One probe; its file has it as `PROBE`.

    Attributes:
        measure: (what it sees, its earlier result) -> its result; scalars under the names of `metrics.PROBED`.
        when: `trained` at `moments`; `ended` after the last epoch; `tested` where the test set is read.
        share: of the training work, that it may spend.
        metrics: of a plug-in's probe: a row for each scalar that claims can be made on, by the name that `measure` gives it.
    """

    measure: Callable[[Subject, ProbeResult], ProbeResult]
    when: Literal["trained", "ended", "tested"]
    share: float
    metrics: tuple[Metric, ...] = ()


def moments(run: RunConfig) -> list[int]:
    """Epochs after which gradients are measured: none, 1, 2, 4, 8, ..., those before the network grows, the last."""
    last = run.recipe.epochs
    powers = {2**power for power in range(last.bit_length())}
    return sorted({0, last} | powers | {first for first, _ in stages(run)})


def training_work(run: RunConfig) -> float:
    """Forward passes of one image through the full network that training costs as much as."""
    total = sum(epochs * at_depth(run, depth).network_size["flops"] for epochs, depth in spans(run))
    return BACKWARD * run.data.sizes[0] * total / run.network_size["flops"]


def affordable_images(budget: float, passes: float) -> int:
    """Images that the budget allows at this many forward passes each: a power of two from 8 to 128."""
    size = MAX_IMAGES
    while size > MIN_IMAGES and size * passes > budget:
        size //= 2
    return size


@overload
def rounded(value: float | None) -> float | None: ...
@overload
def rounded(value: Iterable[float | None]) -> list[Json]: ...
def rounded(value: float | Iterable[float | None] | None) -> float | list[Json] | None:
    """Four significant digits; None for what is not finite; of each number where there are several."""
    if isinstance(value, Iterable):
        return [rounded(number) for number in value]
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
