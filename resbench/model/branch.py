"""`model.branch`: what makes the branch F small, or zero, at the start of training; and stochastic depth.

Each value is a function (branch layers, Place) -> layers to append; `reset` functions run after `model.init`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from resbench.model.config import ModelConfig


@dataclass(frozen=True)
class Place:
    """Where a unit stands: the `index`-th (from 1) of `units`, with `channels` outputs."""

    index: int
    units: int
    channels: int
    config: ModelConfig


class Scale(nn.Module):
    """x * a with a learned a: one number, or one per channel (shape `(channels, 1, 1)`)."""

    def __init__(self, initial: float, channels: int | None = None) -> None:
        super().__init__()
        self.initial = initial
        self.factor = nn.Parameter(torch.full((channels, 1, 1) if channels else (), initial))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Bias(nn.Module):
    """x + b with one learned number b, 0 at the start (Fixup, section 3.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016, 1603.09382): the branch of an image is kept with probability p.

    Kept branches are divided by p in training, so that evaluation needs no factor.
    """

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(self.survival)
        return x * (kept / self.survival)


def _start(place: Place, paper: float) -> float:
    given = place.config.branch_scale
    return paper if given == "auto" else float(given)


def plain(place: Place) -> list[nn.Module]:
    return []


def skipinit(place: Place) -> list[nn.Module]:
    """De and Smith 2020 (2002.10444): a learned scalar, 1/sqrt(units) at the start; with 0 it is `rezero`."""
    return [Scale(_start(place, place.units**-0.5))]


def rezero(place: Place) -> list[nn.Module]:
    """Bachlechner et al. 2020 (2003.04887): a learned scalar, 0 at the start."""
    return [Scale(0.0)]


def layerscale(place: Place) -> list[nn.Module]:
    """Touvron et al. 2021 (2103.17239), section 2: a factor per channel; 0.1 up to 18 units, 1e-5 to 24, then 1e-6."""
    paper = 0.1 if place.units <= 18 else 1e-5 if place.units <= 24 else 1e-6
    return [Scale(_start(place, paper), place.channels)]


def fixup(place: Place) -> list[nn.Module]:
    """Zhang et al. 2019 (1901.09321): a scalar multiplier and bias behind the branch."""
    return [Scale(1.0), Bias()]


BRANCHES: dict[str, Callable[[Place], list[nn.Module]]] = {
    "plain": plain,
    "zero_gamma": plain,  # differs by its reset only
    "skipinit": skipinit,
    "rezero": rezero,
    "layerscale": layerscale,
    "fixup": fixup,
}


def reset_zero_gamma(branch: nn.Module, units: int) -> None:
    """Goyal et al. 2017 (1706.02677), section 5.1: the branch's last norm starts with scale 0, so that F = 0.

    Nothing may follow that norm in the branch: behind a ReLU or a convolution of zeros the scale has no gradient.
    """
    last = next(m for m in reversed(list(branch.modules())) if isinstance(m, nn.BatchNorm2d | nn.GroupNorm))
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def reset_fixup(branch: nn.Module, units: int) -> None:
    """Fixup's rule: last convolution 0, the m - 1 others times L^(-1/(2m - 2)), L the number of units."""
    *others, last = _convs(branch)
    nn.init.zeros_(last.weight)
    for conv in others:
        with torch.no_grad():
            conv.weight.mul_(math.pow(units, -1 / (2 * len(others))))


RESETS: dict[str, Callable[[nn.Module, int], None]] = {"zero_gamma": reset_zero_gamma, "fixup": reset_fixup}


def silence(branch: nn.Module) -> None:
    """F = 0 while a gradient still reaches F: the last layer that scales the branch starts at zero, and nothing else.

    That is the learned scale of `skipinit` and `layerscale`, else the norm that ends the branch, else its last
    convolution. Two zeros in a row would be a branch that never learns.
    """
    last = [m for m in branch.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.GroupNorm | Scale)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def leave(branch: nn.Module) -> None:
    """Nothing to do: the branch starts at zero by itself."""


# how a unit that is inserted into a trained network starts as the identity (`recipe.grow`)
SILENCES: dict[str, Callable[[nn.Module], None]] = {
    "plain": silence,
    "zero_gamma": leave,
    "skipinit": silence,
    "rezero": leave,
    "layerscale": silence,
    "fixup": leave,
}


def _convs(branch: nn.Module) -> list[nn.Conv2d]:
    return [m for m in branch.modules() if isinstance(m, nn.Conv2d)]
