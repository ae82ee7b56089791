"""`model.norm` and `model.conv_bias`: the normalisation behind a convolution, as a function of its channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from torch import nn

from resbench.core.config import Config, one_of
from resbench.core.tables import Table


def group(channels: int) -> nn.Module:
    """Wu and He 2018 (1803.08494): 8 groups, or as many as divide the channels."""
    return nn.GroupNorm(math.gcd(channels, 8), channels)


def layer(channels: int) -> nn.Module:
    """All channels and positions of an image together, i.e. one group."""
    return nn.GroupNorm(1, channels)


def none(channels: int) -> nn.Module:
    return nn.Identity()


NORMS: Table[Callable[[int], nn.Module]] = Table(
    "NORMS",
    {
        "batch": nn.BatchNorm2d,
        "group": group,
        "layer": layer,
        "none": none,
    },
)
CONV_BIAS = {"auto": "where no norm follows", "always": "everywhere", "never": "nowhere"}


class NormFields(Config):
    """What follows a convolution."""

    norm: Annotated[str, one_of(NORMS)] = "batch"
    conv_bias: Annotated[str, one_of(CONV_BIAS)] = "auto"
