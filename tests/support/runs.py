"""Tiny runs for tests, observers that stop them, and a network whose gradients are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from resbench.core.errors import Stopped
from resbench.model.layers import Sum, Unit
from resbench.probes.observer import ProbeObserver
from resbench.training.observer import Observer

TINY: dict[str, Any] = {
    "model": {"depth": 10, "width": 8},
    "recipe": {"epochs": 2},
    "data": {"train_size": 256, "augment": "shift"},
}


def stop_after(epochs: float, probes: tuple[str, ...] = (), keep: bool = True) -> Observer:
    """An observer that stops a run after the first step beyond so many epochs."""

    def step(done: float) -> None:
        if done > epochs:
            raise Stopped(keep=keep)

    return ProbeObserver(probes, step)


def chain(*weights: float) -> Any:
    """y = w_n ... w_1 x of one pixel, each w in the middle of a 3x3 convolution; all but the first stand in units."""
    convolutions = [nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in weights]
    for convolution, weight in zip(convolutions, weights, strict=True):
        nn.init.zeros_(convolution.weight)
        with torch.no_grad():
            convolution.weight[0, 0, 1, 1] = weight
    network: Any = nn.Module()
    network.stem = nn.Sequential(convolutions[0])
    network.units = nn.Sequential(
        *(
            Unit(nn.Identity(), nn.Sequential(convolution), Sum(nn.Identity(), 0.0), nn.Identity())
            for convolution in convolutions[1:]
        )
    )
    network.forward = lambda x: network.units(network.stem(x))
    return network
