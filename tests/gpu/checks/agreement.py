"""C6: the device computes what the CPU computes, in fp32: from the same weights, the same losses and as good a network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch

from resbench.core.config import nest
from resbench.records.record import Record
from resbench.training.device import apply_placement, choose
from resbench.training.placement import placement_of
from resbench.training.run import RunConfig
from resbench.training.step import initial, stepper
from resbench.training.timing import made_batch
from resbench.training.train import train

from ..rows import Row, not_checked
from ..setting import Setting

_BASE = {"model.depth": 10, "model.width": 8, "recipe.precision": "fp32", "recipe.batch_size": 64}
_STEPS = 3
_LOSS = (1e-5, 1e-4, 1e-4)  # relative differences of losses: after a step at a rate of 0.1 rounding has grown


def check(setting: Setting) -> Iterator[Row]:
    run = RunConfig.model_validate(nest(_BASE))
    cpu, device = torch.device("cpu"), choose(setting.device)
    other = 1 if setting.on_card else 2  # without a card the CPU with two threads takes its place
    weights = [_initial_weights(run, where, threads) for where, threads in ((cpu, 1), (device, other))]
    equal = all(torch.equal(left, right) for left, right in zip(*weights, strict=True))
    yield Row("weights before the first step", "equal" if equal else "differ", ok=equal)
    yield _losses(_first_losses(run, cpu, 1), _first_losses(run, device, other))
    yield _accuracies(_trained(setting, cpu, 1), _trained(setting, device, other))
    if not setting.on_card:
        yield not_checked("a card: here one thread of the CPU is compared with two")


def _initial_weights(run: RunConfig, device: torch.device, threads: int) -> list[torch.Tensor]:
    state = initial(run, placement_of(run, device, threads))
    return [tensor.cpu() for tensor in state.network.state_dict().values()]


def _first_losses(run: RunConfig, device: torch.device, threads: int) -> list[float]:
    """Of the first steps on the same images."""
    placement = placement_of(run, device, threads)
    apply_placement(placement)
    state = initial(run, placement)
    state.network.train()
    step = stepper(state, run, placement)
    images, labels = made_batch(run, run.recipe.batch_size, placement)
    return [float(step(images, labels)[1].detach()) for _ in range(_STEPS)]


def _losses(left: list[float], right: list[float]) -> Row:
    off = [abs(one - other) / abs(one) for one, other in zip(left, right, strict=True)]
    most = max(off)
    told = f"{most:.1e} relative at most ({', '.join(f'{loss:.6f}' for loss in right)})"
    return Row(
        f"losses of the first {_STEPS} steps",
        told,
        value=most,
        ok=all(one <= limit for one, limit in zip(off, _LOSS, strict=True)),
    )


def _trained(setting: Setting, device: torch.device, threads: int) -> Record:
    changes = {"recipe.epochs": 2, "data.train_size": 600 if setting.small else "all"}
    return train(RunConfig.model_validate(nest(_BASE | changes)), Path(), device, threads)


def _accuracies(left: Record, right: Record) -> Row:
    """Within two standard errors of the difference of two shares."""
    one, other = (record.metrics.get("test_accuracy") or 0.0 for record in (left, right))
    images = left.predictions.images if left.predictions else 1
    error = math.sqrt((one * (1 - one) + other * (1 - other)) / images)
    told = f"{100 * one:.1f} % on the CPU, {100 * other:.1f} %: standard error {100 * error:.1f}"
    return Row("test accuracy after two epochs", told, ok=0 < abs(one - other) <= 2 * error or one == other > 0)
