"""Batch norm folded into the convolution in front of it, for evaluation: the same function in fewer passes."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, in which each batch norm right behind a convolution is part of that convolution.

    The logits are those of the network up to rounding. Other norms, and a batch norm in front of its convolution
    (`preact`), stay as they are.
    """
    twin = copy.deepcopy(network).eval()
    for module in list(twin.modules()):
        if isinstance(module, nn.Sequential):
            _fold(module)
    return twin


def _fold(chain: nn.Sequential) -> None:
    for position in range(len(chain) - 1):
        first, second = chain[position], chain[position + 1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            chain[position] = fuse_conv_bn_eval(first, second)
            chain[position + 1] = nn.Identity()
