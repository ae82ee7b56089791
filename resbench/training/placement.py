"""How a run computes: what is known of it before torch is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from resbench.training.device import Placement, resolve_placement
from resbench.training.run import RunConfig

if TYPE_CHECKING:
    import torch

BACKWARD = 3  # a training step costs three forward passes: one forward, two products backward
# what is replayed as a graph on CUDA: forward and backward pass of the network, or the whole step; elsewhere nothing is
Graph: TypeAlias = Literal["network", "step"]
GRAPHS: tuple[Graph, ...] = ("network", "step")


def placement_of(run: RunConfig, device: torch.device, threads: int) -> Placement:
    """How a run computes on a device."""
    return resolve_placement(device, threads, run.recipe.precision, run.model.first_width)
