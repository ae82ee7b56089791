"""A network of the user's own, as its function makes it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from resbench.core.entry import Entry, load_entry
from resbench.core.errors import UserError
from resbench.model.own import OwnFields


def build_own(config: OwnFields, channels: int, size: int, classes: int) -> nn.Module:
    """Make a network of the user's own.

    Raises:
        UserError: the function raises something, or returns no network.
    """
    entry = load_entry(config.entry)
    network = entry.call(channels, size, classes, **config.arguments)
    if not isinstance(network, nn.Module):
        raise UserError(f"{entry.signature} of {entry.file} returns {type(network).__name__}, and no nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in network.parameters()):
        with torch.no_grad():  # lazy layers take their sizes from what they see first
            network.eval()(torch.zeros(1, channels, size, size))
        network.train()
    return network


def checked(config: OwnFields, channels: int, size: int, classes: int) -> nn.Module:
    """The network of `build_own`, whose forward pass sees that it is one: shapes, and weights to train.

    Its forward pass raises UserError if it is not, or if it raises something itself.
    """
    entry = load_entry(config.entry)
    network = build_own(config, channels, size, classes)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise UserError(f"{entry.signature} of {entry.file} returns a network without weights to train")
    return _Checked(network, entry, classes)


class _Checked(nn.Module):
    def __init__(self, network: nn.Module, entry: Entry, classes: int) -> None:
        super().__init__()
        self.network, self._entry, self._classes = network, entry, classes

    def forward(self, x: Tensor) -> Tensor:
        try:
            logits = self.network(x)
        except Exception as error:
            raise self._entry.failure(error) from error
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if shape != (len(x), self._classes):
            expected = f"logits of shape (n, {self._classes}), here ({len(x)}, {self._classes})"
            raise UserError(f"{self._entry.file}: the network returns {shape} and should return {expected}")
        return cast("Tensor", logits)


def has_units(network: nn.Module) -> bool:
    """Whether probes can look at the residual units of a network."""
    units = getattr(network, "units", None)
    return isinstance(units, nn.Sequential) and len(units) > 0
