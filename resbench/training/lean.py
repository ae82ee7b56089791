"""A network as autocast computes it, in fewer kernels: one cast for all weights and one for all gradients.

Autocast casts the weight and the bias of each convolution and linear layer by themselves, and their gradients back: of the
kernels of a small network more than a fifth do nothing else, or count the batches of a norm. Here one foreach
operation does each of these for all tensors. Nothing else changes, so the numbers are the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from resbench.training.device import Placement

CAST = (nn.Conv2d, nn.Linear)  # the layers of ours whose weights autocast casts


class LeanNetwork:
    """Computes logits, and gradients of a loss of them, for a network whose tensors stay where they are.

    Gradients do not add up: each call of `backward` replaces them.

    Args:
        network: on its device, in its memory format.
    """

    def __init__(self, network: nn.Module, placement: Placement) -> None:
        self._network, self._placement = network, placement
        names = set(_cast_names(network)) if placement.bf16 else set()
        parameters = dict(network.named_parameters())
        self._weights: list[Tensor] = [parameter for name, parameter in parameters.items() if name in names]
        self._others: list[Tensor] = [parameter for name, parameter in parameters.items() if name not in names]
        self._copies = [torch.empty_like(weight, dtype=torch.bfloat16).requires_grad_() for weight in self._weights]
        self._gradients = [torch.empty_like(weight) for weight in self._weights]
        counters = {name: buffer for name, buffer in network.named_buffers() if name.endswith("num_batches_tracked")}
        self._counters = list(counters.values())
        copies = zip((name for name in parameters if name in names), self._copies, strict=True)
        # without its counter a norm counts nothing, and computes the same
        self._swapped = cast("dict[str, Tensor]", dict(copies) | dict.fromkeys(counters))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Training-mode logits `(n, classes)` in fp32 of normalised images `(n, channels, side, side)`."""
        placement = self._placement
        if placement.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            if self._weights:
                torch._foreach_copy_([copy.detach() for copy in self._copies], self._weights)
            if self._counters:
                torch._foreach_add_(self._counters, 1)
        # a graph must not hold casts that autocast keeps between calls
        with torch.autocast(placement.device.type, torch.bfloat16, enabled=placement.bf16, cache_enabled=False):
            logits: Tensor = functional_call(self._network, self._swapped, (inputs,), tie_weights=False)
        return logits.float()

    def backward(self, loss: Tensor) -> None:
        """Put the gradient of a loss into `grad` of each parameter; None where it does not reach."""
        leaves: list[Tensor] = [*self._copies, *self._others]
        found: Sequence[Tensor | None] = torch.autograd.grad(loss, leaves, allow_unused=True)
        cast_back, others = found[: len(self._copies)], found[len(self._copies) :]
        reached = [place for place, gradient in enumerate(cast_back) if gradient is not None]
        if reached:
            torch._foreach_copy_([self._gradients[i] for i in reached], [cast("Tensor", cast_back[i]) for i in reached])
        for place, weight in enumerate(self._weights):
            weight.grad = self._gradients[place] if cast_back[place] is not None else None
        for parameter, gradient in zip(self._others, others, strict=True):
            parameter.grad = None if gradient is None else _laid_out_as(parameter, gradient)


def _cast_names(network: nn.Module) -> list[str]:
    """Names of the parameters that autocast casts."""
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if type(module) in CAST  # a subclass may read its weight in fp32
        for name, _ in module.named_parameters(recurse=False)
    ]


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the memory format of its parameter, as `backward` of torch leaves it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
