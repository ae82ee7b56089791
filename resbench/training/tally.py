"""What an epoch adds up while it is trained, and where its random changes of images stand."""

from __future__ import annotations

import time

import torch
from torch import Generator, Tensor

from resbench.training.checkpoint import PartialEpoch, State
from resbench.training.step import Setup


class Tally:
    """The tensors and the generator are the same in every epoch of a run, as a CUDA graph needs them.

    Attributes:
        losses: of each step of the epoch, NaN where it is still to do.
        right: images that were classified as their label.
        augmentation: the generator of the random changes of images.
        done: steps.
        began: on the clock; earlier by the time of an earlier part.
    """

    def __init__(self, setup: Setup) -> None:
        device = setup.placement.device
        self.losses = torch.empty((setup.steps,), device=device)
        self.right = torch.empty((), dtype=torch.int64, device=device)
        self.augmentation = Generator(device)
        self.done, self.began = 0, 0.0

    def begin(self, setup: Setup, state: State) -> None:
        """Stand at the beginning of an epoch, or where it was stopped; so do all random streams."""
        run, part = setup.run, state.part
        self.done, self.began = 0, time.perf_counter()
        self.losses.fill_(float("nan"))
        self.right.zero_()
        self.augmentation.manual_seed(run.stream("augment", state.epoch))
        torch.manual_seed(run.stream("dropout", state.epoch))
        if part:
            self.done = part.steps
            self.losses[: part.steps].copy_(part.losses)
            self.right.copy_(part.right)
            _set_generators(part.generators, self.augmentation)
            self.began -= part.seconds
            state.part = None

    def part(self) -> PartialEpoch:
        """What is needed to go on after the last step."""
        return PartialEpoch(
            self.done,
            self.losses[: self.done],
            self.right,
            _generators(self.augmentation),
            time.perf_counter() - self.began,
        )


def _generators(augmentation: Generator) -> list[Tensor]:
    """States of all that draws within an epoch: augmentation, and dropout on the CPU and on the device."""
    device = augmentation.device
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [augmentation.get_state(), torch.get_rng_state(), *on_device]


def _set_generators(states: list[Tensor], augmentation: Generator) -> None:
    augmentation.set_state(states[0])
    torch.set_rng_state(states[1])
    if augmentation.device.type == "cuda":
        torch.cuda.set_rng_state(states[2], augmentation.device)
