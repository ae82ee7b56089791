"""The steps of a run, as works to be done one after the other: `LoopProgram`, or `StepProgram` for whole steps as graphs.

`one_epoch` asks a program for its works and its caller does them, for one run or for several in lock-step. Both
programs compute the same bits.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resbench.data.augment import AUGMENTS
from resbench.training.checkpoint import State
from resbench.training.device import sound_threads
from resbench.training.evaluation import Evaluation
from resbench.training.lean import LeanNetwork
from resbench.training.optimizer import is_fused, set_lr
from resbench.training.placement import Graph
from resbench.training.recipe import LOSSES
from resbench.training.replay import Body, Kind, Work
from resbench.training.step import Setup, evaluate, stepper
from resbench.training.tally import Tally


class Program(ABC):
    """The works of a network's epochs; they write into the tally that the program was made with."""

    @abstractmethod
    def begin(self, order: Tensor, rates: Sequence[float], done: int) -> None:
        """Make ready for an epoch.

        Args:
            order: indices of the images, in the order of the epoch.
            rates: learning rate of each step.
            done: steps of the epoch that are done already.
        """

    @abstractmethod
    def step(self, number: int) -> Work:
        """A step of the epoch, counted from 0; asked for and done in order."""

    @abstractmethod
    def validation(self) -> Iterator[Work]:
        """The works after which `validated` is known."""

    @abstractmethod
    def validated(self) -> tuple[float, float]:
        """Mean loss and accuracy on the validation images."""

    @abstractmethod
    def retire(self) -> None:
        """The network is done with, or grows: its graphs can go."""


def make_program(graph: Graph, setup: Setup, state: State, tally: Tally) -> Program:
    """The program of a run for its network as it is now.

    On CUDA a whole step is a graph only where the optimizer has a fused form, which a graph can hold.
    """
    held = is_fused(state.optimizer) or setup.placement.device.type != "cuda"
    whole = graph == "step" and held and setup.run.model.replayable
    return StepProgram(setup, state, tally) if whole else LoopProgram(setup, state, tally)


class LoopProgram(Program):
    """The host does a step at a time, with the network as a graph on CUDA."""

    def __init__(self, setup: Setup, state: State, tally: Tally) -> None:
        self._setup, self._state, self._tally = setup, state, tally
        self._step = stepper(state, setup.run, setup.placement)
        self._validated = (0.0, 0.0)
        # code of the user's own may keep more than tensors, which alone are refreshed; on CUDA whole works would become graphs
        on_cpu = setup.placement.device.type == "cpu"
        kept = on_cpu and len(setup.validation) and not setup.run.computes_own_code
        self._evaluation = Evaluation(setup, state.network) if kept else None

    def begin(self, order: Tensor, rates: Sequence[float], done: int) -> None:
        self._order, self._rates = torch.split(order, self._setup.run.recipe.batch_size), rates

    def step(self, number: int) -> Work:
        return functools.partial(self._do, number)

    def _do(self, number: int) -> None:
        run, training, tally = self._setup.run, self._setup.training, self._tally
        chosen = self._order[number]
        set_lr(self._state.optimizer, self._rates[number])
        images = AUGMENTS[run.data.augment](training.images[chosen], tally.augmentation)
        labels = training.labels[chosen]
        logits, loss = self._step(self._setup.normalizer(images), labels)
        with torch.no_grad():
            tally.losses[number] = functional.cross_entropy(logits, labels) if run.recipe.loss != "mean" else loss
            tally.right += (logits.argmax(1) == labels).sum()

    def validation(self) -> Iterator[Work]:
        if self._evaluation:
            yield from self._evaluation.works()
        else:
            yield self._validate

    def _validate(self) -> None:
        setup = self._setup
        loss, accuracy, _ = evaluate(self._state.network, setup.validation, setup.normalizer, setup.placement)
        self._validated = loss, accuracy

    def validated(self) -> tuple[float, float]:
        return self._evaluation.result() if self._evaluation else self._validated

    def retire(self) -> None:
        """The graph of the network goes with this program."""


class StepProgram(Program):
    """A step is a body that reads where it is from a counter on the device: a graph of it is a whole step."""

    def __init__(self, setup: Setup, state: State, tally: Tally) -> None:
        batch, images = setup.run.recipe.batch_size, len(setup.training)
        self._parts = _Parts(setup, state, tally)
        self._full = _Step(self._parts, min(batch, images), Kind.STEP)
        rest = images % batch if images > batch else 0
        self._last = _Step(self._parts, rest, Kind.LAST_STEP) if rest else self._full
        self._evaluation = Evaluation(setup, state.network) if len(setup.validation) else None

    def begin(self, order: Tensor, rates: Sequence[float], done: int) -> None:
        parts = self._parts
        parts.order.copy_(order)
        parts.rates.copy_(torch.tensor(rates, dtype=parts.rates.dtype))
        parts.counter.fill_(done)

    def step(self, number: int) -> Work:
        return self._full if number + 1 < self._parts.setup.steps else self._last

    def validation(self) -> Iterator[Work]:
        if self._evaluation:
            yield from self._evaluation.works()

    def validated(self) -> tuple[float, float]:
        assert self._evaluation
        return self._evaluation.result()

    def retire(self) -> None:
        self._full.retired = self._last.retired = True
        if self._evaluation:
            self._evaluation.retire()


class _Parts:
    """The tensors that the steps of a run read and write."""

    def __init__(self, setup: Setup, state: State, tally: Tally) -> None:
        self.setup, self.tally = setup, tally
        self.network, self.optimizer = state.network, state.optimizer
        self.lean = LeanNetwork(state.network, setup.placement)
        device, images = setup.placement.device, len(setup.training)
        self.order = torch.zeros(images, dtype=torch.int64, device=device)
        self.rates = torch.zeros(setup.steps, dtype=torch.float64, device=device)
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.within = torch.arange(min(setup.run.recipe.batch_size, images), device=device)

    def set_lr(self) -> None:
        """As `optimizer.set_lr`; a rate that the optimizer keeps as a tensor is read on the device."""
        rate = self.rates[self.counter].reshape(())
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(rate)
            else:
                group["lr"] = float(rate)


class _Step(Body):
    """One step of training on the next images, so many."""

    def __init__(self, parts: _Parts, size: int, kind: Kind) -> None:
        super().__init__(kind, [parts.tally.augmentation])
        self._parts, self._size = parts, size

    def __call__(self) -> None:
        setup = self._parts.setup
        with sound_threads(setup.placement, setup.run.model.first_width, self._size):
            self._do()

    def _do(self) -> None:
        parts, tally = self._parts, self._parts.tally
        setup, recipe, training = parts.setup, parts.setup.run.recipe, parts.setup.training
        parts.set_lr()
        chosen = parts.order[parts.counter * recipe.batch_size + parts.within[: self._size]]
        images = AUGMENTS[setup.run.data.augment](training.images[chosen], tally.augmentation)
        labels = training.labels[chosen]
        logits = parts.lean(setup.normalizer(images))
        loss = LOSSES[recipe.loss](logits, labels, recipe.label_smoothing)
        parts.lean.backward(loss)
        if recipe.grad_clip != "none":
            nn.utils.clip_grad_norm_(parts.network.parameters(), float(recipe.grad_clip))
        parts.optimizer.step()
        parts.optimizer.zero_grad(set_to_none=True)  # nothing of a step stays in the memory of its graph
        with torch.no_grad():
            measured = functional.cross_entropy(logits, labels) if recipe.loss != "mean" else loss
            tally.losses.index_copy_(0, parts.counter, measured.reshape(1))
            tally.right.add_((logits.argmax(1) == labels).sum())
            parts.counter.add_(1)

    def lasting(self) -> list[Tensor]:
        parts = self._parts
        state = [
            value for entry in parts.optimizer.state.values() for value in entry.values() if isinstance(value, Tensor)
        ]
        of_network = [*parts.network.parameters(), *parts.network.buffers()]
        return [*of_network, *state, parts.counter, parts.tally.losses, parts.tally.right]
