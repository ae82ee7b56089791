"""The probe `gradients`: what reaches each layer, and how shattered gradients are at initialisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from resbench.core.json_reader import Json
from resbench.model import build
from resbench.probes.layers import layers, ratio, relative_gradients, similarity, unit_inputs
from resbench.probes.subject import Probe, Subject, affordable_images, moments, rounded
from resbench.records.metrics import INFINITE
from resbench.records.record import ProbeResult
from resbench.training.depths import depth_in
from resbench.training.growth import deep_name, positions
from resbench.training.placement import BACKWARD
from resbench.training.run import RunConfig

LINE = 32  # inputs between two images
_DECADES = math.log10(INFINITE)


def gradients(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Gradient of each layer over its weights, before training and after 1, 2, 4, ... epochs; at first also how shattered.

    Costs 3 passes an image and moment (`moments`), and once 2 passes for each input on a line between two images.
    """
    run, network = subject.run, subject.network
    size = affordable_images(subject.budget - 2 * LINE, BACKWARD * len(moments(run)))
    inputs, labels = subject.batch(size)
    result = earlier
    if subject.epoch == 0:
        result = {"images": len(labels), "layers": [*_names(run, network)], "epochs": [], "relative": []}
        _take_statistics(network)
    network.train()
    relative = relative_gradients(network, subject.loss(inputs, labels))
    full = _under_full_names(run, relative, subject.epoch)
    names = cast("list[str]", result["layers"])
    result["epochs"] = [*cast("list[Json]", result["epochs"]), subject.epoch]
    result["relative"] = [*cast("list[Json]", result["relative"]), rounded(full.get(name) for name in names)]
    first_to_last = ratio(list(relative.values()))
    written = None if first_to_last is None else rounded(min(first_to_last, INFINITE))
    result["gradient_ratio_end"] = written
    if subject.epoch == 0:
        network.eval()
        correlation = gradient_similarity(network, subject.forward, _line(inputs))
        result |= {"gradient_ratio": written, "gradient_decades": rounded(decades(first_to_last))}
        result |= {"correlation": rounded(correlation), "shattering": rounded(1 - correlation[0])}
    return result


PROBE = Probe(gradients, "trained", 0.015)


def decades(of: float | None) -> float | None:
    """|log10| of a ratio: how far it is from 1, vanishing and exploding alike; at most the 38 decades of fp32."""
    if of is None:
        return None
    return min(abs(math.log10(of)), _DECADES) if of else _DECADES


def gradient_similarity(network: nn.Module, forward: Callable[[Tensor], Tensor], inputs: Tensor) -> list[float]:
    """Correlation of dy/dx between neighbouring inputs, y the first logit and x the input of each unit in turn.

    Balduzzi et al. 2017 (1702.08591), section 2: the gradient of the output by the input along a line. There the
    correlation is over initialisations; here over the elements of x, which have mean zero over them.

    Args:
        forward: the network as a function, in evaluation mode, so that inputs do not see each other.
        inputs: `(n, ...)`, each the neighbour of the next.
    """
    with unit_inputs(network) as seen:
        logits = forward(inputs)
    return [similarity(gradient) for gradient in torch.autograd.grad(logits[:, 0].sum(), seen[:-1])]


def _names(run: RunConfig, network: nn.Module) -> list[str]:
    """Layers of the network at its full depth."""
    if run.recipe.grow == "none":
        return list(layers(network))
    with torch.device("meta"):
        return list(layers(build(run.model)))


def _under_full_names(run: RunConfig, values: dict[str, float | None], epoch: int) -> dict[str, float | None]:
    """The values of a network that may still grow, under the names of the full one."""
    if run.recipe.grow == "none":
        return values
    shallow = run.model.model_copy(update={"depth": depth_in(run, epoch - 1)})
    places = positions(shallow, run.model)
    return {deep_name(name, places): value for name, value in values.items()}


def _take_statistics(network: nn.Module) -> None:
    """Let batch norm take the statistics of the next batch for its running ones."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0


def _line(inputs: Tensor) -> Tensor:
    """Inputs at even distances on the line between the first two images, `(LINE, ...)`."""
    at = torch.linspace(0, 1, LINE, device=inputs.device).reshape(-1, 1, 1, 1)
    return (1 - at) * inputs[0] + at * inputs[1]
