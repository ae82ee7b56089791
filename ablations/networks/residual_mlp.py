"""A multilayer perceptron with a shortcut around every two layers, as He et al. 2015 (arXiv 1512.03385) have it in convolutional
networks, and its plain twin: the same layers without shortcuts.
"""

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """x + F(x), or F(x) in the plain twin; F has two layers. Maps `(n, width)` to itself."""

    def __init__(self, width: int, residual: bool) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.branch(x)
        return x + branch if self.residual else branch


class MLP(nn.Module):
    """Images `(n, channels, size, size)` -> logits `(n, classes)`. Probes look at its `units`."""

    def __init__(self, pixels: int, classes: int, depth: int, width: int, residual: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(pixels, width)
        self.units = nn.Sequential(*(Unit(width, residual) for _ in range(depth)))
        self.classify = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        if residual:
            for unit in self.units:
                unit.branch[-1].weight.data.mul_(depth**-0.5)  # else the sum over all units would grow with depth

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classify(self.units(self.stem(torch.flatten(x, 1))))
        return logits


def make(channels: int, size: int, classes: int, depth: int = 8, width: int = 64, residual: bool = True) -> nn.Module:
    """A network of `1 + 2 depth + 1` layers."""
    return MLP(channels * size * size, classes, depth, width, residual)
