"""One epoch of training, which may be interrupted after any step and continued bit for bit."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from resbench.data.augment import AUGMENTS
from resbench.data.loading import Images, Normalizer
from resbench.records.record import Row
from resbench.training.checkpoint import BestEpoch, PartialEpoch, State
from resbench.training.device import Placement
from resbench.training.growth import depth_in
from resbench.training.optimizer import set_lr
from resbench.training.run import RunConfig
from resbench.training.step import Step, evaluate

_CHECK_EVERY = 50  # steps between checks of the loss on a CPU; elsewhere a check would wait for the device


class Stopped(Exception):
    """Raised by an observer: leave now.

    Args:
        keep: whether the state of this moment replaces the checkpoint of the last epoch.
    """

    keep = True

    def __init__(self, *words: object, keep: bool | None = None) -> None:
        super().__init__(*words)
        if keep is not None:
            self.keep = keep


class Diverged(Exception):
    """The loss, or the network, is no longer of finite numbers.

    Args:
        step: the first such step, counted from 0 over the whole run; None for after the last one.
        last: the loss of the step before, or None.
    """

    def __init__(self, step: int | None, last: float | None) -> None:
        self.step, self.last = step, last
        what = (
            "the network was not finite after the last step"
            if step is None
            else f"the loss was not finite at step {step}"
        )
        super().__init__(f"{what}; the last finite loss was {last}")


@dataclass(frozen=True)
class Setup:
    """What stays the same while a run trains: its configuration, where it computes, and its images."""

    run: RunConfig
    placement: Placement
    training: Images
    validation: Images
    normalizer: Normalizer


def one_epoch(setup: Setup, state: State, step: Step, after_step: Callable[[float], None]) -> None:
    """Train the next epoch, or what remains of it, and write its row into the history.

    Args:
        after_step: called with the epochs done, as a fraction.

    Raises:
        Diverged: the loss is not finite.
        Stopped: by `after_step`; `state.part` then has what is needed to go on.
    """
    began = time.perf_counter()
    run, training, on_cpu = setup.run, setup.training, setup.placement.device.type == "cpu"
    order = torch.split(_order(run, state.epoch, training), run.recipe.batch_size)
    steps, first = len(order), state.epoch * len(order)
    sums = _Sums.start(setup, state, steps, began)
    state.network.train()
    for number, chosen in enumerate(order[sums.done :], sums.done):
        set_lr(state.optimizer, run.recipe.lr_at(first + number, steps))
        images = AUGMENTS[run.data.augment](training.images[chosen], sums.augmentation)
        labels = training.labels[chosen]
        logits, loss = step(setup.normalizer(images), labels)
        with torch.no_grad():
            sums.losses[number] = functional.cross_entropy(logits, labels) if run.recipe.loss != "mean" else loss
            sums.right += (logits.argmax(1) == labels).sum()
        sums.done = number + 1
        if sums.done == steps or (on_cpu and sums.done % _CHECK_EVERY == 0):
            _check_losses(sums.losses[: sums.done], first, state)
        try:
            after_step(state.epoch + sums.done / steps)
        except Stopped:
            state.part = sums.part()
            raise
    row: Row = {"epoch": state.epoch + 1, "lr": run.recipe.lr_at(first + steps - 1, steps)}
    if run.recipe.grow != "none":
        row["depth"] = depth_in(run, state.epoch)
    sizes = torch.tensor([len(chosen) for chosen in order], dtype=torch.float32)
    row["train_loss"] = float((sums.losses.cpu().double() * sizes).sum() / sizes.sum())
    row["train_accuracy"] = int(sums.right) / len(training)
    _finish(setup, state, row, time.perf_counter() - sums.began)


@dataclass
class _Sums:
    """What an epoch adds up while it is trained.

    Attributes:
        losses: of each step, NaN where it is still to do.
        right: images that were classified as their label.
        augmentation: the generator of the random changes of images.
        done: steps.
        began: on the clock; earlier by the time of an earlier part.
    """

    losses: Tensor
    right: Tensor
    augmentation: Generator
    began: float
    done: int = 0

    @classmethod
    def start(cls, setup: Setup, state: State, steps: int, began: float) -> _Sums:
        """At the beginning of an epoch, or where it was stopped; all random streams stand where they should."""
        run, device = setup.run, setup.placement.device
        losses = torch.full((steps,), float("nan"), device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        sums = cls(losses, right, Generator(device).manual_seed(run.stream("augment", state.epoch)), began)
        torch.manual_seed(run.stream("dropout", state.epoch))
        part = state.part
        if part:
            sums.done = part.steps
            sums.losses[: part.steps], sums.right = part.losses.to(device), part.right.to(device)
            _set_generators(part.generators, sums.augmentation)
            sums.began -= part.seconds
            state.part = None
        return sums

    def part(self) -> PartialEpoch:
        """What is needed to go on after the last step."""
        return PartialEpoch(
            self.done,
            self.losses[: self.done],
            self.right,
            _generators(self.augmentation),
            time.perf_counter() - self.began,
        )


def check_finite(state: State) -> None:
    """Check that the last update left a network of finite numbers, which no loss of training can show.

    Raises:
        Diverged: it did not.
    """
    computes = state.history[-1].get("val_loss", 0.0) is not None
    if not computes or not all(bool(torch.isfinite(tensor).all()) for tensor in state.network.state_dict().values()):
        raise Diverged(None, state.history[-1]["train_loss"])


def _finish(setup: Setup, state: State, row: Row, seconds: float) -> None:
    """Validate, and write the row of an epoch that took so many seconds into the history."""
    accuracy = None
    if len(setup.validation):
        loss, accuracy, _ = evaluate(state.network, setup.validation, setup.normalizer, setup.placement)
        row |= {"val_loss": loss if math.isfinite(loss) else None, "val_accuracy": accuracy}
    row["seconds"] = round(seconds, 4)
    state.epoch += 1
    state.seconds += seconds
    state.history.append(row)
    if setup.run.recipe.select != "best_val" or accuracy is None:
        return
    if state.best is None or accuracy > state.best.val_accuracy:
        state.best = BestEpoch(state.epoch, accuracy, copy.deepcopy(state.network.state_dict()))


def _order(run: RunConfig, epoch: int, images: Images) -> Tensor:
    """Indices of the images in the order of an epoch; a stream of its own, which augmentation and dropout never move."""
    device = images.labels.device
    if run.data.order != "shuffle":
        return torch.arange(len(images), device=device)
    shuffle = Generator().manual_seed(run.stream("order", epoch))
    return torch.randperm(len(images), generator=shuffle).to(device)


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


def _check_losses(losses: Tensor, first: int, state: State) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        step = int(bad[0])
        last = float(losses[step - 1]) if step else (state.history[-1]["train_loss"] if state.history else None)
        raise Diverged(first + step, last)
