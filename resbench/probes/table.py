"""Probes: what explains a result, measured beside it, and never moving it.

A grid file chooses them (`probes: [gradients, lesions]`). Each is one function, which sees a copy of the network in fp32
with random streams of its own, so that training is the same bit for bit with and without; none costs anything while it
is off. On, each may spend its share of the training work, counted in forward passes of one image (a training step
costs three), and looks at as many images as that allows. The shares sum to 5 %, and do not depend on what else is
chosen, so that numbers of different studies compare. Very short runs pay more: each probe has a least number of images.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn

from resbench.data.loading import DATASETS, Images, Pixels
from resbench.model import build, measure
from resbench.model.fold import folded
from resbench.probes.layers import decades, gradient_similarity, layers, ratio, relative_gradients, sharpness
from resbench.probes.layers import responses as layer_responses
from resbench.probes.lesions import Lesion, passes, removable, sets, shapes, swapped, swaps, wrong
from resbench.training.device import Placement
from resbench.training.growth import at_depth, depth_in, positions, renamed, spans, stages
from resbench.training.recipe import LOSSES
from resbench.training.run import RunConfig
from resbench.training.step import BACKWARD, forward

Found = dict[str, Any]
_MOST, _LEAST = 128, 8  # images of a probe
_LEAST_TESTED = 32  # of lesions, where fewer would say nothing
_LINE = 32  # inputs between two images
_ITERATIONS = 10
_CHUNK = 64  # images whose activations are kept for every unit at once
_DIGITS = 4


@dataclass(frozen=True)
class Look:
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
    pixels: Pixels
    placement: Placement
    epoch: int
    budget: float

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Normalised images as they are in the file, and labels: the same for every run; more contain fewer."""
        chosen = torch.randperm(len(self.images), generator=Generator().manual_seed(0))[:size]
        chosen = chosen.to(self.images.labels.device)
        return self.pixels(self.images.images[chosen]), self.images.labels[chosen]

    def forward(self, inputs: Tensor) -> Tensor:
        return forward(self.network, inputs, self.placement)

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """The loss that is trained on; weight decay is no part of it."""
        recipe = self.run.recipe
        return LOSSES[recipe.loss](self.forward(inputs), labels, recipe.label_smoothing)

    def generator(self, purpose: str) -> Generator:
        """A stream of the run's seed on the CPU."""
        return Generator().manual_seed(self.run.stream(purpose, self.epoch))


def moments(run: RunConfig) -> list[int]:
    """Epochs after which gradients are measured: none, 1, 2, 4, 8, ..., those before the network grows, the last."""
    last = run.recipe.epochs
    powers = {2**power for power in range(last.bit_length())}
    return sorted({0, last} | powers | {first for first, _ in stages(run)})


def work(run: RunConfig) -> float:
    """Training work in forward passes of one image through the full network."""
    source = DATASETS[run.data.name]

    def flops(depth: int) -> int:
        return measure(at_depth(run, depth).model, source.channels, source.size, source.classes)["flops"]

    total = sum(epochs * flops(depth) for epochs, depth in spans(run))
    return BACKWARD * run.data.sizes[0] * total / flops(run.model.depth)


def _size(budget: float, each: float) -> int:
    """Images that the budget allows at this many forward passes each: a power of two from 8 to 128."""
    size = _MOST
    while size > _LEAST and size * each > budget:
        size //= 2
    return size


def gradients(look: Look, before: Found) -> Found:
    """Gradient of each layer relative to its weights, at `moments`; at initialisation also how shattered gradients are.

    Costs 3 passes an image and moment, and once 2 passes for each input on a line between two images.
    """
    inputs, labels = look.batch(_size(look.budget - 2 * _LINE, BACKWARD * len(moments(look.run))))
    if look.epoch == 0:
        before = {"images": len(labels), "layers": _names(look.run), "epochs": [], "relative": []}
        _take_statistics(look.network)
    look.network.train()
    found = relative_gradients(look.network, look.loss(inputs, labels))
    full = _in_full(look.run, found, look.epoch)
    before["epochs"] = [*before["epochs"], look.epoch]
    before["relative"] = [*before["relative"], _short([full.get(name) for name in before["layers"]])]
    of = ratio(list(found.values()))
    before["gradient_ratio_end"] = _short(of)
    if look.epoch == 0:
        look.network.eval()
        similar = gradient_similarity(look.network, look.forward, _line(inputs))
        before |= {"gradient_ratio": _short(of), "gradient_decades": _short(decades(of))}
        before |= {"correlation": _short(similar), "shattering": _short(1 - similar[0])}
    return before


def responses(look: Look, before: Found) -> Found:
    """Standard deviation of each layer behind its norm, at the end (He et al. 2015, 1512.03385, figure 7).

    `response_ratio`: the mean over the layers of the units, divided by that of the stem. Batch norm takes the statistics
    of the batch: running ones lag behind short trainings, and depth multiplies the lag. Costs 1 pass an image.
    """
    inputs, _ = look.batch(_size(look.budget, 1))
    for module in look.network.eval().modules():
        module.train(isinstance(module, nn.BatchNorm2d))
    found = layer_responses(look.network, look.forward, inputs)
    stem, *inner = found.values()
    summary = statistics.fmean(inner) / stem if stem else None
    return {
        "images": len(inputs),
        "layers": list(found),
        "deviation": _short(list(found.values())),
        "response_ratio": _short(summary),
    }


def curvature(look: Look, before: Found) -> Found:
    """Sharpness at the end: the largest eigenvalue of the Hessian of the training loss, by power iteration.

    Batch norm takes the statistics of the batch, as in training. Costs 3 passes an image, and 6 for each iteration.
    """
    size = _size(look.budget, BACKWARD + 2 * BACKWARD * _ITERATIONS)
    inputs, labels = look.batch(size)
    parameters = [parameter for parameter in look.network.parameters() if parameter.requires_grad]
    draw = look.generator("curvature")
    start = [torch.randn(p.shape, generator=draw).to(p.device) for p in parameters]
    torch.manual_seed(look.run.stream("curvature", look.epoch))
    look.network.train()
    found = sharpness(look.loss(inputs, labels), parameters, start, _ITERATIONS)
    return {"images": len(labels), "estimates": _short(found), "sharpness": _short(found[-1])}


def lesions(look: Look, before: Found) -> Found:
    """Test error with each unit removed, with random sets of units removed, and with two units swapped, untrained anew.

    Costs `lesion.passes` an image: half a pass for each unit and one for each random lesion. Test images are drawn by
    the seed's stream, as many as the share allows: the same for all cells of a seed that have as many.
    """
    network: Any = folded(look.network)
    draw = look.generator("lesions")
    count = len(network.units)
    size = min(len(look.images), max(_LEAST_TESTED, int(look.budget / passes(count))))
    chosen = torch.randperm(len(look.images), generator=draw)[:size].to(look.images.labels.device)
    inputs, labels = look.pixels(look.images.images[chosen]), look.images.labels[chosen]
    sizes = shapes(network, inputs)
    units = removable(network, sizes)
    whole = tuple(range(count))
    several, pairs = sets(units, draw), swaps(sizes, draw)
    asked = [Lesion(whole), *(Lesion(whole, frozenset({unit})) for unit in units)]
    asked += [Lesion(whole, gone) for drawn in several.values() for gone in drawn]
    asked += [swapped(pair, count) for pair in pairs]
    totals = [0] * len(asked)
    for part, truth in zip(torch.split(inputs, _CHUNK), torch.split(labels, _CHUNK), strict=True):
        totals = [sum(both) for both in zip(totals, wrong(network, part, truth, asked), strict=True)]
    errors = iter(_short([total / size for total in totals]))
    intact = next(errors)
    single = {unit: next(errors) for unit in units}
    found: Found = {"images": size, "intact": intact, "removed": [single.get(unit) for unit in whole]}
    found["random"] = {str(number): [next(errors) for _ in drawn] for number, drawn in several.items()}
    found |= {"swapped": [list(pair) for pair in pairs], "swapped_error": list(errors)}
    mean = statistics.fmean(single.values()) - intact if single else None
    return found | {"lesion_mean": _short(mean)}


@dataclass(frozen=True)
class Probe:
    """One probe.

    Attributes:
        measure: (what it sees, what it found before) -> what it has found; scalars under the names of `claim.PROBED`.
        when: `trained` at `moments`; `ended` after the last epoch; `tested` where the test set is read.
        share: of the training work that it may spend.
    """

    measure: Callable[[Look, Found], Found]
    when: Literal["trained", "ended", "tested"]
    share: float


PROBES: dict[str, Probe] = {
    "gradients": Probe(gradients, "trained", 0.015),
    "responses": Probe(responses, "ended", 0.002),
    "curvature": Probe(curvature, "ended", 0.013),
    "lesions": Probe(lesions, "tested", 0.02),
}


def _names(run: RunConfig) -> list[str]:
    """Layers of the network at its full depth."""
    with torch.device("meta"):
        return list(layers(build(run.model)))


def _in_full(run: RunConfig, found: dict[str, float | None], epoch: int) -> dict[str, float | None]:
    """What was found in a network that may still grow, under the names of the full one."""
    shallow = run.model.model_copy(update={"depth": depth_in(run, epoch - 1)})
    places = positions(shallow, run.model)
    return {renamed(name, places): value for name, value in found.items()}


def _take_statistics(network: nn.Module) -> None:
    """Let batch norm take the statistics of the next batch for its running ones."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0


def _line(inputs: Tensor) -> Tensor:
    """Inputs at even distances on the line between the first two images, `(_LINE, ...)`."""
    at = torch.linspace(0, 1, _LINE, device=inputs.device).reshape(-1, 1, 1, 1)
    return (1 - at) * inputs[0] + at * inputs[1]


def _short(value: Any) -> Any:
    """Four significant digits, in lists too; None for what is not finite."""
    if isinstance(value, list):
        return [_short(one) for one in value]
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
