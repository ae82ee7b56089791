"""One epoch of training, which may be interrupted after any step and continued bit for bit."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from resbench.data.augment import AUGMENTS
from resbench.data.loading import Images, Pixels
from resbench.training.checkpoint import State
from resbench.training.device import Placement
from resbench.training.growth import depth_in
from resbench.training.run import RunConfig
from resbench.training.step import Step, evaluate

# Called after every step with the epochs done, as a fraction; raises Stopped to end the run.
Progress = Callable[[float], None]
_CHECK_EVERY = 50  # steps between looks at the loss on a CPU; elsewhere a look would wait for the device


class Stopped(Exception):
    """Raised by a progress callback: leave now.

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


def one_epoch(
    run: RunConfig,
    state: State,
    step: Step,
    training: Images,
    validation: Images,
    pixels: Pixels,
    placement: Placement,
    progress: Progress,
) -> None:
    """Train the next epoch, or what remains of it, and write its row into the history.

    Raises:
        Diverged: the loss is not finite.
        Stopped: by `progress`; `state.part` then has what is needed to go on.
    """
    began = time.perf_counter()
    device = placement.device
    order = torch.split(_order(run, state.epoch, training), run.recipe.batch_size)
    steps = len(order)
    first = state.epoch * steps
    losses = torch.full((steps,), float("nan"), device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    change = Generator(device).manual_seed(run.stream("augment", state.epoch))
    torch.manual_seed(run.stream("dropout", state.epoch))
    done = 0
    if state.part:
        done, before = state.part["steps"], state.part["seconds"]
        losses[:done], right = state.part["losses"].to(device), state.part["right"].to(device)
        _set_generators(state.part["generators"], change, device)
        began -= before
        state.part = None
    state.network.train()
    for number, chosen in enumerate(order[done:], done):
        for group in state.optimizer.param_groups:
            group["lr"] = run.recipe.lr_at(first + number, steps)
        images, labels = AUGMENTS[run.data.augment](training.images[chosen], change), training.labels[chosen]
        logits, loss = step(pixels(images), labels)
        with torch.no_grad():
            losses[number] = functional.cross_entropy(logits, labels) if run.recipe.loss != "mean" else loss
            right += (logits.argmax(1) == labels).sum()
        if number + 1 == steps or (device.type == "cpu" and (number + 1) % _CHECK_EVERY == 0):
            _check(losses[: number + 1], first, state)
        try:
            progress(state.epoch + (number + 1) / steps)
        except Stopped:
            state.part = {
                "steps": number + 1,
                "losses": losses[: number + 1],
                "right": right,
                "generators": _generators(change, device),
                "seconds": time.perf_counter() - began,
            }
            raise
    row: dict[str, Any] = {"epoch": state.epoch + 1, "lr": run.recipe.lr_at(first + steps - 1, steps)}
    if run.recipe.grow != "none":
        row["depth"] = depth_in(run, state.epoch)
    weights = torch.tensor([len(chosen) for chosen in order], dtype=torch.float32)
    row["train_loss"] = float((losses.cpu().double() * weights).sum() / weights.sum())
    row["train_accuracy"] = int(right) / len(training)
    _enter(state, run, row, time.perf_counter() - began, validation, pixels, placement)


def check_finite(state: State) -> None:
    """That the last update has left a network of finite numbers, and that computes such; no loss of training tells.

    Raises:
        Diverged: it has not.
    """
    computes = state.history[-1].get("val_loss", 0.0) is not None
    if not computes or not all(bool(torch.isfinite(tensor).all()) for tensor in state.network.state_dict().values()):
        raise Diverged(None, state.history[-1]["train_loss"])


def _enter(
    state: State,
    run: RunConfig,
    row: dict[str, Any],
    seconds: float,
    validation: Images,
    pixels: Pixels,
    placement: Placement,
) -> None:
    """Validate, and write the row of an epoch that took so many seconds into the history."""
    if len(validation):
        val_loss, accuracy, _ = evaluate(state.network, validation, pixels, placement)
        row |= {"val_loss": val_loss if math.isfinite(val_loss) else None, "val_accuracy": accuracy}
    row["seconds"] = round(seconds, 4)
    state.epoch += 1
    state.seconds += seconds
    state.history.append(row)
    if run.recipe.select == "best_val" and (state.best is None or row["val_accuracy"] > state.best["val_accuracy"]):
        weights = copy.deepcopy(state.network.state_dict())
        state.best = {"epoch": state.epoch, "val_accuracy": row["val_accuracy"], "network": weights}


def _order(run: RunConfig, epoch: int, images: Images) -> Tensor:
    """Indices of the images in the order of an epoch; a stream of its own, which augmentation and dropout never move."""
    device = images.labels.device
    if run.data.order != "shuffle":
        return torch.arange(len(images), device=device)
    shuffle = Generator().manual_seed(run.stream("order", epoch))
    return torch.randperm(len(images), generator=shuffle).to(device)


def _generators(change: Generator, device: torch.device) -> list[Tensor]:
    """States of all that draws within an epoch: augmentation, and dropout on the CPU and on the device."""
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [change.get_state(), torch.get_rng_state(), *on_device]


def _set_generators(states: list[Tensor], change: Generator, device: torch.device) -> None:
    change.set_state(states[0])
    torch.set_rng_state(states[1])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[2], device)


def _check(losses: Tensor, first: int, state: State) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        step = int(bad[0])
        last = float(losses[step - 1]) if step else (state.history[-1]["train_loss"] if state.history else None)
        raise Diverged(first + step, last)
