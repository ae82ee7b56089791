"""What passes through a network: gradients and responses of its layers, and correlations between inputs, by depth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_UNDERFLOW = 38.0  # decades of fp32; a ratio beyond is told as this


def layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Convolutions of the main path (stem and branches) by name, in order of depth; projections and gates left out."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and (name.startswith("stem.") or ".branch." in name)
    }


def relative_gradients(network: nn.Module, loss: Tensor) -> dict[str, float | None]:
    """|dL/dW| / |W| (Frobenius) of each layer; None where W is zero. One backward pass, nothing is accumulated."""
    convolutions = layers(network)
    weights = [module.weight for module in convolutions.values()]
    gradients = torch.autograd.grad(loss, weights)
    out: dict[str, float | None] = {}
    for name, weight, gradient in zip(convolutions, weights, gradients, strict=True):
        size = float(weight.detach().cpu().double().norm())
        out[name] = float(gradient.cpu().double().norm()) / size if size else None
    return out


def ratio(values: list[float | None]) -> float | None:
    """The first over the last of the layers that have a value; None if there are not two, or the last is 0."""
    there = [value for value in values if value is not None and math.isfinite(value)]
    return there[0] / there[-1] if len(there) > 1 and there[-1] else None


def decades(of: float | None) -> float | None:
    """|log10| of a ratio: how far it is from 1, vanishing and exploding alike; at most the 38 decades of fp32."""
    if of is None:
        return None
    return min(abs(math.log10(of)), _UNDERFLOW) if of else _UNDERFLOW


@contextmanager
def unit_inputs(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collects the input of every unit, `(n, channels, side, side)` each, then the output of the last one."""
    seen: list[Tensor] = []
    units = list(network.units)  # type: ignore[arg-type]

    def enter(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    def leave(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output)

    handles: list[Any] = [unit.register_forward_pre_hook(enter) for unit in units]
    handles.append(units[-1].register_forward_hook(leave))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def similarity(values: Tensor) -> float:
    """Mean cosine between neighbours along the first dimension of `(n, ...)`; NaN where one of them is zero."""
    flat = values.detach().flatten(1).cpu().double()
    flat = flat / flat.norm(dim=1, keepdim=True)
    return float((flat[1:] * flat[:-1]).sum(1).mean())


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


def responses(network: nn.Module, forward: Callable[[Tensor], Tensor], inputs: Tensor) -> dict[str, float]:
    """Standard deviation of each layer's output behind its norm, before the nonlinearity, over images and positions.

    He et al. 2015 (1512.03385), figure 7. Where no norm follows the convolution (`preact`, `norm: none`) it is the
    convolution's own output.
    """
    out: dict[str, float] = {}
    watched = _response_layers(network)

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda module, inputs, output: out.__setitem__(name, float(output.cpu().double().std(correction=0)))

    handles = [module.register_forward_hook(keep(name)) for name, module in watched.items()]
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


def sharpness(loss: Tensor, parameters: list[nn.Parameter], direction: list[Tensor], iterations: int) -> list[float]:
    """Rayleigh quotients v.Hv of power iteration on the Hessian of a loss; the last is its largest eigenvalue.

    Power iteration finds the eigenvalue of largest magnitude. Where that is negative after half of the iterations, the
    others go on with the Hessian minus it, whose largest magnitude is at the largest eigenvalue. Costs the backward pass
    of the loss, then for each iteration a backward pass through forward and backward pass.

    Args:
        direction: where to start, in the shapes of the parameters.
    """
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    out: list[float] = []
    shift = 0.0
    for number in range(iterations):
        if number == iterations // 2 and out[-1] < 0:
            shift = out[-1]
        norm = torch.stack([part.cpu().double().square().sum() for part in direction]).sum().sqrt()
        direction = [(part / norm).to(part.dtype) for part in direction]
        product = torch.autograd.grad(gradients, parameters, direction, retain_graph=True, materialize_grads=True)
        pairs = zip(direction, product, strict=True)
        out.append(float(torch.stack([(v.cpu().double() * hv.cpu().double()).sum() for v, hv in pairs]).sum()))
        direction = [hv - shift * v for v, hv in zip(direction, product, strict=True)]
        if not any(part.any() for part in direction):  # no direction is curved otherwise
            return [*out, *[out[-1]] * (iterations - len(out))]
    return out
