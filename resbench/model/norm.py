"""`model.norm` and `model.conv_bias`: the normalisation behind a convolution, as a function of its channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resbench.core.config import Config, one_of
from resbench.core.lazy import lazy
from resbench.core.tables import Table

if TYPE_CHECKING:
    from torch import nn
else:
    nn = lazy("torch.nn")


def batch(channels: int) -> nn.Module:
    """Ioffe and Szegedy 2015 (1502.03167), algorithm 1: each channel over the batch and all positions."""
    return nn.BatchNorm2d(channels)


def group(channels: int) -> nn.Module:
    """Wu and He 2018 (1803.08494), equation 7: 8 groups of channels of an image, or as many as divide them."""
    return nn.GroupNorm(math.gcd(channels, 8), channels)


def layer(channels: int) -> nn.Module:
    """Ba et al. 2016 (1607.06450): all channels and positions of an image together, i.e. one group."""
    return nn.GroupNorm(1, channels)


def none(channels: int) -> nn.Module:
    """No normalisation; convolutions then have biases, unless conv_bias says otherwise."""
    return nn.Identity()


NORMS: Table[Callable[[int], nn.Module]] = Table(
    "NORMS",
    {
        "batch": batch,
        "group": group,
        "layer": layer,
        "none": none,
    },
)
CONV_BIAS = {
    "auto": "A bias where no norm follows, as that would take it away.",
    "always": "A bias in every convolution.",
    "never": "No bias in any convolution.",
}


class NormFields(Config):
    """What follows a convolution."""

    norm: Annotated[str, one_of(NORMS), Field(description="Normalisation in units, stem and projections.")] = "batch"
    conv_bias: Annotated[str, one_of(CONV_BIAS), Field(description="Which convolutions have a bias.")] = "auto"
