"""Generalised-mean pooling (Radenovic et al. 2018, arXiv 1711.02512, equation 3): (mean of x^p)^(1/p) with a learned p from 3 on.

p = 1 is average pooling, p to infinity is max pooling.

A grid file uses it with `plugins: [plugins/gem.py]` and `model.head: [gap, gem]`.
"""

import torch
from torch import Tensor, nn


class GeM(nn.Module):
    """Maps `(batch, channels, side, side)` -> `(batch, channels, 1, 1)`; values below `least` count as `least`."""

    def __init__(self, p: float = 3.0, least: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.least = least

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=self.least).pow(self.p).mean((2, 3), keepdim=True).pow(1 / self.p)


def gem(channels: int, size: int) -> tuple[nn.Module, int]:
    """(channels, side of the map) -> (pooling, features that reach the classifier)."""
    return GeM(), channels


HEADS = {"gem": gem}
