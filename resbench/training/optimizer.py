"""The optimizer of a run: fused where asked for and where it can be, so that a CUDA graph can hold its step."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from resbench.training.recipe import OPTIMIZERS, RecipeConfig


def make_optimizer(network: nn.Module, recipe: RecipeConfig, fused: bool) -> torch.optim.Optimizer:
    """The optimizer of a recipe for a network that is on its device.

    Args:
        fused: one kernel for many parameters, if the function in `OPTIMIZERS` has an argument `fused`; the others compute as
            torch does by default.
    """
    make = OPTIMIZERS[recipe.optimizer]
    if not fused or "fused" not in inspect.signature(make).parameters:
        return make(network.parameters(), recipe)
    optimizer = make(network.parameters(), recipe, fused=True)
    for group in optimizer.param_groups:
        # a graph reads the rate where it was when the graph was captured; fp32 with and without a graph, for the same bits
        group["lr"] = torch.tensor(group["lr"], dtype=torch.float32, device=group["params"][0].device)
        if group.get("momentum"):
            for parameter in group["params"]:
                # fused SGD makes its buffers only if it has none at all, and units may be added; from zeros the first step
                # has the same numbers: momentum * 0 + gradient
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def is_fused(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it updates with fused kernels, and so has its learning rate in a tensor."""
    return all(bool(group.get("fused")) for group in optimizer.param_groups)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of the next step; a tensor is filled in its place, and the host does not wait."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take over a `state_dict()`; the tensor of the learning rate stays the same one, on its device."""
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(rate, Tensor):
            group["lr"] = rate.fill_(float(group["lr"]))
