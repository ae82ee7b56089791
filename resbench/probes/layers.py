"""What passes through a network: its layers by depth, their gradients, and what enters each unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from resbench.model.resnet import ResNet


def layers(network: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Convolutions of the main path (stem and branches) by name, in order of depth; projections and gates left out.

    Of a network of the user's own the convolutions and linear layers of its `stem`, if it has one, and its `units`.
    """
    if isinstance(network, ResNet):
        return {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d) and (name.startswith("stem.") or ".branch." in name)
        }
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and name.partition(".")[0] in ("stem", "units")
    }


def relative_gradients(network: nn.Module, loss: Tensor) -> dict[str, float | None]:
    """|dL/dW| / |W| (Frobenius) of each layer; None where W is zero or not trained.

    One backward pass, nothing is accumulated.
    """
    weights = {name: module.weight for name, module in layers(network).items() if module.weight.requires_grad}
    out: dict[str, float | None] = dict.fromkeys(layers(network))
    if not weights:
        return out
    gradients = torch.autograd.grad(loss, [*weights.values()], materialize_grads=True)
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        size = float(weight.detach().cpu().double().norm())
        out[name] = float(gradient.cpu().double().norm()) / size if size else None
    return out


def ratio(values: Sequence[float | None]) -> float | None:
    """The first over the last of the layers that have a value; None if fewer than two have one, or it means nothing.

    A first of 0 is the strongest vanishing, whatever the last is, and a last of 0 after that the strongest exploding.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2 or math.isnan(known[0]) or math.isnan(known[-1]):
        return None
    first, last = known[0], known[-1]
    if first == 0 or last == 0:
        return math.inf if first else 0.0
    out = first / last
    return None if math.isnan(out) else out


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
