"""What runs are trained with, in one process: images, graphs, and the programs that later runs of a cell use again.

A program costs a run its warm-up and the capture of its graphs, which for a small network on a GPU take longer than its
training. Runs that differ in their seed alone have the same graphs, so a process that stays copies the weights of the next
run to where those of the last one are, and goes on with its program.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from resbench.data.loading import DataConfig, Images, Normalizer, load_train
from resbench.training.checkpoint import State
from resbench.training.memory import release
from resbench.training.program import StepProgram
from resbench.training.replay import Replayer
from resbench.training.run import RunConfig
from resbench.training.step import Setup
from resbench.training.tally import Tally


@dataclass(frozen=True)
class Kit:
    """What a run leaves to the next one of its cell. Its program reads and writes the tensors of state and tally."""

    setup: Setup
    state: State
    tally: Tally
    program: StepProgram

    def adopt(self, fresh: State) -> State:
        """The state of another run, in the tensors of this one."""
        state = self.state
        with torch.no_grad():
            source = fresh.network.state_dict()
            for name, tensor in state.network.state_dict().items():
                tensor.copy_(source[name])
        _adopt_optimizer(state.optimizer, fresh.optimizer)
        return State(
            state.network,
            state.optimizer,
            fresh.epoch,
            fresh.seconds,
            fresh.history,
            fresh.best,
            fresh.probes,
            fresh.part,
            fresh.curve,
        )


class Workshop:
    """Serves runs of one device that are trained at the same time, or one after the other.

    Args:
        directory: torchvision data root.
        keeps: whether the programs of runs that have ended are kept for others. Those of another cell than the next one
            are let go before it begins.
    """

    def __init__(self, device: torch.device, directory: Path, keeps: bool = False) -> None:
        self.device, self.directory, self.replayer = device, directory, Replayer(device)
        self._keeps = keeps
        self._kits: list[tuple[str, Kit]] = []
        # once for runs that share them; a graph reads them where they are
        self.images = functools.lru_cache(maxsize=1)(self._load)

    def _load(self, data: DataConfig) -> tuple[Images, Images, Normalizer]:
        return load_train(data, self.directory, self.device)

    def expect(self, runs: Iterable[RunConfig]) -> None:
        """Let go what none of the next runs can use."""
        keys = {_key(run) for run in runs}
        for key, kit in self._kits:
            if key not in keys:
                kit.program.retire()
        self._kits = [(key, kit) for key, kit in self._kits if key in keys]
        self.replayer.drop_retired()

    def take(self, setup: Setup) -> Kit | None:
        """What an earlier run of this cell has left, if it had the same images and computed in the same way."""
        key = _key(setup.run)
        for place, (other, kit) in enumerate(self._kits):
            if other == key and _same_place(kit.setup, setup):
                del self._kits[place]
                return kit
        return None

    def give_back(self, kit: Kit) -> None:
        """Keep what a run that has ended well leaves, if anything is kept."""
        if self._keeps and kit.setup.run.recipe.grow == "none":
            self._kits.append((_key(kit.setup.run), kit))
        else:
            kit.program.retire()

    def close(self) -> None:
        """Let everything go, with the memory that it holds."""
        self.expect([])
        self.replayer.clear()
        self.images.cache_clear()
        release(self.device)


def _key(run: RunConfig) -> str:
    """Equal for runs that differ in their seed alone."""
    return run.model_dump_json(exclude={"seed"})


def _same_place(left: Setup, right: Setup) -> bool:
    """Whether a program of the one reads the images of the other, and computes as it would."""
    same_images = left.training is right.training and left.validation is right.validation
    return same_images and left.placement == right.placement


def _adopt_optimizer(ours: torch.optim.Optimizer, fresh: torch.optim.Optimizer) -> None:
    """Bring the state of an optimizer to that of another for the same network; what that lacks is zero, as at its start."""
    for our_group, group in zip(ours.param_groups, fresh.param_groups, strict=True):
        for parameter, other in zip(our_group["params"], group["params"], strict=True):
            source = fresh.state.get(other, {})
            state = ours.state[parameter]
            for name in state.keys() | source.keys():
                if name not in state:
                    state[name] = source[name]
                elif isinstance(state[name], Tensor):
                    state[name].copy_(source[name]) if name in source else state[name].zero_()
