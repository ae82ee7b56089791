"""The network of a configuration: one of the built-in families, or one of the user's own."""

from __future__ import annotations

from torch import nn

from resbench.model.config import ModelConfig
from resbench.model.own_network import build_own
from resbench.model.resnet import build_resnet


def build(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> nn.Module:
    """Build and initialise a network; draws from torch's global generator.

    Example:
        >>> network = resbench.build(resbench.ModelConfig(depth=10, width=4))
        >>> network(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])

    Args:
        config: the network.
        channels, size: of the input images, `(channels, size, size)`.
        classes: number of logits.

    Raises:
        UserError: the function that makes a network of the user's own fails.
    """
    make = build_own if config.is_own else build_resnet
    return make(config, channels, size, classes)
