"""The probe `responses`: how strongly each layer responds (He et al. 2015, 1512.03385, figure 7)."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resbench.probes.layers import layers
from resbench.probes.subject import Probe, Subject, affordable_images, rounded
from resbench.records.record import ProbeResult


def responses(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Standard deviation of each layer behind its norm, at the end (He et al. 2015, 1512.03385, figure 7).

    `response_ratio`: the mean over the layers of the units, divided by that of the stem; in a network of the user's own
    without a `stem` the first layer of the units is in its place. Batch norm takes the statistics
    of the batch: running ones lag behind short trainings, and depth multiplies the lag. Costs 1 pass an image.
    """
    inputs, _ = subject.batch(affordable_images(subject.budget, 1))
    for module in subject.network.eval().modules():
        module.train(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d))
    deviations = layer_deviations(subject.network, subject.forward, inputs)
    stem, *inner = deviations.values() or [0.0]
    return {
        "images": len(inputs),
        "layers": list(deviations),
        "deviation": rounded(deviations.values()),
        "response_ratio": rounded(statistics.fmean(inner) / stem if stem and inner else None),
    }


PROBE = Probe(responses, "ended", 0.002)


def layer_deviations(network: nn.Module, forward: Callable[[Tensor], Tensor], inputs: Tensor) -> dict[str, float]:
    """Standard deviation of each layer's output behind its norm, before the nonlinearity, over images and positions.

    Where no norm follows the convolution (`preact`, `norm: none`) it is the convolution's own output.
    """
    out: dict[str, float] = {}
    watched = _response_layers(network)

    def measure(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda module, inputs, output: out.__setitem__(name, float(output.cpu().double().std(correction=0)))

    handles = [module.register_forward_hook(measure(name)) for name, module in watched.items()]
    try:
        with torch.no_grad():
            forward(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {name: out[name] for name in watched}


def _response_layers(network: nn.Module) -> dict[str, nn.Module]:
    behind = {
        id(first): second
        for chain in network.modules()
        if isinstance(chain, nn.Sequential)
        for first, second in itertools.pairwise(chain)
        if isinstance(second, nn.BatchNorm2d | nn.GroupNorm)
    }
    return {name: behind.get(id(module), module) for name, module in layers(network).items()}
