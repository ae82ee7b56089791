"""`model.head` and `model.downsample`: what follows the last unit, and how maps shrink between stages."""

from __future__ import annotations

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


def halved(size: int) -> int:
    """Side of a map after a stage change: what stride 2 with padding 1, and pooling that keeps the rim, both give."""
    return (size + 1) // 2


def gap(channels: int, size: int) -> tuple[nn.Module, int]:
    """Global average pooling, then a linear layer (He et al. 2015, 1512.03385, section 3.3)."""
    return nn.AdaptiveAvgPool2d(1), channels


def max_linear(channels: int, size: int) -> tuple[nn.Module, int]:
    """2x2 max pooling, then a linear layer on what is left of the map (the article of 2016)."""
    return nn.MaxPool2d(2, ceil_mode=True), channels * halved(size) ** 2


def flatten_linear(channels: int, size: int) -> tuple[nn.Module, int]:
    """A linear layer on the whole last map, without pooling (the program of 2016)."""
    return nn.Identity(), channels * size**2


# (channels, side of the map) -> (pooling, features that reach the classifier)
HEADS: Table[Callable[[int, int], tuple[nn.Module, int]]] = Table(
    "HEADS",
    {
        "gap": gap,
        "max_linear": max_linear,
        "flatten_linear": flatten_linear,
    },
)


def stride() -> tuple[nn.Module, int]:
    """The first convolution of the stage has stride 2 (He et al. 2015, 1512.03385, section 3.3)."""
    return nn.Identity(), 2


def max_pool() -> tuple[nn.Module, int]:
    """2x2 max pooling before the first unit of the stage, on branch and shortcut alike."""
    return nn.MaxPool2d(2, ceil_mode=True), 1


# () -> (what stands before the unit, stride inside the unit)
DOWNSAMPLES: Table[Callable[[], tuple[nn.Module, int]]] = Table("DOWNSAMPLES", {"stride": stride, "max_pool": max_pool})


class HeadFields(Config):
    """The end of the network, and of its stages."""

    head: Annotated[str, one_of(HEADS), Field(description="What stands between the last unit and the logits.")] = "gap"
    downsample: Annotated[str, one_of(DOWNSAMPLES), Field(description="How maps are halved where a stage begins.")] = (
        "stride"
    )
