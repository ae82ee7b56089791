"""Fused optimizers, as they are on CUDA, shown with torch's fused kernels of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from resbench.records.record import Provenance
from resbench.training import checkpoint
from resbench.training.checkpoint import State
from resbench.training.depths import at_depth
from resbench.training.device import Placement
from resbench.training.growth import grow
from resbench.training.optimizer import is_fused, restore_optimizer, set_lr
from resbench.training.recipe import OPTIMIZERS, RecipeConfig
from resbench.training.run import RunConfig
from resbench.training.step import initial, stepper

CPU = Placement(torch.device("cpu"), 1, bf16=False, channels_last=False)
FUSED = ["sgd", "nesterov", "adamw"]
Start = Callable[[torch.optim.Optimizer], None]


def small(optimizer: str, **recipe: Any) -> RunConfig:
    return RunConfig.model_validate(
        {"model": {"depth": 16, "width": 4}, "recipe": {"optimizer": optimizer, "lr": 0.01} | recipe}
    )


def batch(seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(8, 1, 28, 28, generator=draw), torch.arange(8)


def trained(run: RunConfig, fused: bool, steps: int, prepare: Start = lambda optimizer: None) -> State:
    """A state after so many steps, with a rate that is no number of fp32 and another one in each."""
    state = initial(run, CPU, fused=fused)
    prepare(state.optimizer)
    continued(state, run, range(steps))
    return state


def continued(state: State, run: RunConfig, numbers: range) -> None:
    state.network.train()
    step = stepper(state, run, CPU)
    for number in numbers:
        set_lr(state.optimizer, 0.1 / (number + 3))
        step(*batch(number))


def weights(state: State) -> list[Tensor]:
    return list(state.network.state_dict().values())


def equal(left: State, right: State) -> bool:
    return all(torch.equal(one, two) for one, two in zip(weights(left), weights(right), strict=True))


def lazy(optimizer: torch.optim.Optimizer) -> None:
    """Without the buffers that were made beforehand: torch makes them in its first step."""
    optimizer.state.clear()


def plain_rate(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group["lr"] = 0.0


@pytest.mark.parametrize("name", ["sgd", "nesterov"])
@pytest.mark.parametrize("prepare", [lazy, plain_rate])
def test_buffers_of_zeros_and_a_rate_in_a_tensor_change_no_bit_of_sgd(name: str, prepare: Start) -> None:
    run = small(name)
    assert initial(run, CPU, fused=True).optimizer.state and not initial(run, CPU).optimizer.state
    assert equal(trained(run, True, 4), trained(run, True, 4, prepare))


def test_adamw_with_a_rate_in_a_tensor_computes_with_the_rate_of_fp32() -> None:
    rounded = trained(small("adamw"), True, 0, plain_rate)
    rounded.network.train()
    step = stepper(rounded, small("adamw"), CPU)
    for number in range(4):
        set_lr(rounded.optimizer, float(torch.tensor(0.1 / (number + 3), dtype=torch.float32)))
        step(*batch(number))
    assert equal(trained(small("adamw"), True, 4), rounded)


@pytest.mark.parametrize("name", FUSED)
def test_the_rate_stays_in_its_tensor_and_on_a_cpu_a_number(name: str) -> None:
    state = initial(small(name), CPU, fused=True)
    rate = state.optimizer.param_groups[0]["lr"]
    assert isinstance(rate, Tensor) and rate.dtype == torch.float32 and float(rate) == pytest.approx(0.01)
    set_lr(state.optimizer, 0.25)
    assert state.optimizer.param_groups[0]["lr"] is rate and float(rate) == 0.25
    plain = initial(small(name), CPU).optimizer
    set_lr(plain, 0.1)
    assert plain.param_groups[0]["lr"] == 0.1 and isinstance(plain.param_groups[0]["lr"], float) and not is_fused(plain)


@pytest.mark.parametrize("name", FUSED)
def test_a_fused_run_goes_on_from_its_checkpoint_bit_for_bit(name: str, tmp_path: Path) -> None:
    run, path = small(name), tmp_path / "some.ckpt"
    whole, part = trained(run, True, 4), trained(run, True, 2)
    checkpoint.save(path, run.id, 0, part.dump(Provenance({"threads": 1})))
    saved, warning = checkpoint.load(path, run.id)
    assert saved is not None, warning
    again = initial(run, CPU, fused=True)
    rate = again.optimizer.param_groups[0]["lr"]
    again.restore(saved)
    assert again.optimizer.param_groups[0]["lr"] is rate and float(rate) == pytest.approx(0.1 / 4)
    continued(again, run, range(2, 4))
    assert equal(again, whole) and not equal(part, whole)


def test_a_rate_that_is_a_number_is_restored_as_one() -> None:
    optimizer = trained(small("sgd"), False, 1).optimizer
    other = initial(small("sgd"), CPU).optimizer
    restore_optimizer(other, optimizer.state_dict())
    assert other.param_groups[0]["lr"] == 0.1 / 3 and isinstance(other.param_groups[0]["lr"], float)


@pytest.mark.parametrize("name", FUSED)
def test_a_network_grows_under_a_fused_optimizer_as_under_another(name: str) -> None:
    run = small(name, grow=[10, 16], epochs=2)
    states = []
    for fused in (True, False):
        state = trained(at_depth(run, 10), fused, 2)
        state.epoch = 1
        assert grow(state, run, CPU, batch(9)[0]) and is_fused(state.optimizer) == fused
        continued(state, run, range(2, 5))
        states.append(state)
    assert all(torch.allclose(one, two, rtol=1e-3, atol=1e-5) for one, two in zip(*map(weights, states), strict=True))


def test_an_optimizer_without_a_fused_form_is_asked_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def radam(parameters: Any, recipe: RecipeConfig) -> torch.optim.Optimizer:
        return torch.optim.RAdam(parameters, recipe.lr)

    monkeypatch.setitem(OPTIMIZERS, "radam", radam)
    run = small("sgd")
    run = run.model_copy(update={"recipe": run.recipe.model_copy(update={"optimizer": "radam"})})
    left, right = trained(run, True, 2), trained(run, False, 2)
    assert equal(left, right) and not is_fused(left.optimizer) and left.optimizer.param_groups[0]["lr"] == 0.1 / 4
