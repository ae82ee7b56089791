"""Batch norm folded into the convolution in front of it, for evaluation: the same function in fewer passes."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights

from resbench.model.resnet import ResNet


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, in which each batch norm right behind a convolution is part of that convolution.

    The logits are those of the network up to rounding. Other norms, and a batch norm in front of its convolution
    (`preact`), stay as they are. So does a network of the user's own, which may use its layers as it likes.
    """
    twin = copy.deepcopy(network).eval()
    for module in list(twin.modules()) if isinstance(twin, ResNet) else []:
        if isinstance(module, nn.Sequential):
            _fold(module)
    return twin


def refresh(twin: nn.Module, network: nn.Module) -> None:
    """Give a twin that `folded` has made the weights that its network has by now, in the same tensors."""
    old: list[Tensor] = []
    new: list[Tensor] = []
    norms: dict[nn.Module, nn.BatchNorm2d] = {}
    for chain in network.modules():
        if isinstance(chain, nn.Sequential):
            norms |= {conv: norm for _, conv, norm in _foldable(chain)}
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, module in twin.named_modules():
            original = modules[name]
            if isinstance(module, nn.Conv2d) and isinstance(norm := norms.get(original), nn.BatchNorm2d):
                old += [module.weight, module.bias]  # type: ignore[list-item]
                new += _folded_weights(original, norm)
            else:
                old += _own_tensors(module)
                new += _own_tensors(original) if _own_tensors(module) else []
        torch._foreach_copy_(old, new)


def _own_tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(recurse=False), *module.buffers(recurse=False)]


def _folded_weights(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    return fuse_conv_bn_weights(conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias)


def _foldable(chain: nn.Sequential) -> list[tuple[int, nn.Conv2d, nn.BatchNorm2d]]:
    """Where a convolution stands right in front of a batch norm, and the two; a subclass may compute something else."""
    return [
        (position, first, second)
        for position, (first, second) in enumerate(itertools.pairwise(chain))
        if type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d and second.running_mean is not None
    ]


def _fold(chain: nn.Sequential) -> None:
    for position, convolution, norm in _foldable(chain):
        chain[position] = fuse_conv_bn_eval(convolution, norm)
        chain[position + 1] = nn.Identity()
