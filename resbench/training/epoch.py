"""One epoch of training, which may be interrupted after any step and continued bit for bit."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from resbench.core.errors import Stopped
from resbench.data.loading import Images
from resbench.records.curve import block_means, block_size
from resbench.records.record import Row
from resbench.training.checkpoint import BestEpoch, State
from resbench.training.depths import depth_in
from resbench.training.program import Program
from resbench.training.replay import Work
from resbench.training.run import RunConfig
from resbench.training.step import Setup
from resbench.training.tally import Tally

_CHECK_EVERY = 50  # steps between checks of the loss on a CPU; elsewhere a check would wait for the device


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
    setup: Setup, state: State, program: Program, tally: Tally, after_step: Callable[[float], None]
) -> Iterator[Work]:
    """Train the next epoch, or what remains of it, and write its row into the history.

    Yields:
        Each work of the epoch, which has to be done before the next is asked for.

    Args:
        program: of the network.
        tally: of the program.
        after_step: called with the epochs done, as a fraction.

    Raises:
        Diverged: the loss is not finite.
        Stopped: by `after_step`; `state.part` then has what is needed to go on.
    """
    tally.begin(setup, state)
    run, training, on_cpu = setup.run, setup.training, setup.placement.device.type == "cpu"
    steps, first = setup.steps, state.epoch * setup.steps
    rates = [run.recipe.lr_at(first + number, steps) for number in range(steps)]
    program.begin(_order(run, state.epoch, training), rates, tally.done)
    state.network.train()
    for number in range(tally.done, steps):
        yield program.step(number)
        tally.done = number + 1
        if tally.done == steps or (on_cpu and tally.done % _CHECK_EVERY == 0):
            _check_losses(tally.losses[: tally.done], first, setup, state)
        try:
            after_step(state.epoch + tally.done / steps)
        except Stopped:
            state.part = tally.part()
            raise
    row: Row = {"epoch": state.epoch + 1, "lr": rates[-1]}
    if run.recipe.grow != "none":
        row["depth"] = depth_in(run, state.epoch)
    batch = run.recipe.batch_size
    sizes = torch.tensor([min(batch, len(training) - batch * number) for number in range(steps)], dtype=torch.float32)
    losses = tally.losses.cpu().double()
    row["train_loss"] = float((losses * sizes).sum() / sizes.sum())
    row["train_accuracy"] = int(tally.right) / len(training)
    _note(setup, state, losses)
    yield from _finish(setup, state, row, program, time.perf_counter() - tally.began)


def check_finite(state: State) -> None:
    """Check that the last update left a network of finite numbers, which no loss of training can show.

    Raises:
        Diverged: it did not.
    """
    computes = state.history[-1].get("val_loss", 0.0) is not None
    if not computes or not all(bool(torch.isfinite(tensor).all()) for tensor in state.network.state_dict().values()):
        raise Diverged(None, state.history[-1]["train_loss"])


def _finish(setup: Setup, state: State, row: Row, program: Program, seconds: float) -> Iterator[Work]:
    """Validate, and write the row of an epoch that took so many seconds into the history."""
    accuracy = None
    if len(setup.validation):
        yield from program.validation()
        loss, accuracy = program.validated()
        row |= {"val_loss": loss if math.isfinite(loss) else None, "val_accuracy": accuracy}
    row["seconds"] = round(seconds, 4)
    state.epoch += 1
    state.seconds += seconds
    state.history.append(row)
    if accuracy is None or not (setup.keep_best or setup.run.recipe.select == "best_val"):
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


def _note(setup: Setup, state: State, losses: Tensor) -> None:
    """Add the losses of the steps of an epoch to the curve."""
    if state.curve is not None:
        state.curve += block_means(losses.tolist(), block_size(setup.steps, setup.run.recipe.epochs))


def _check_losses(losses: Tensor, first: int, setup: Setup, state: State) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        step = int(bad[0])
        _note(setup, state, losses[:step].cpu().double())
        last = float(losses[step - 1]) if step else (state.history[-1]["train_loss"] if state.history else None)
        raise Diverged(first + step, last)
