"""Whole steps that read and write only tensors that stay: the same bits as the loop, for every value of every axis."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from support.axes import settings
from support.runs import stop_after
from torch import Tensor, nn

from resbench.core.config import flatten, nest
from resbench.core.errors import Stopped
from resbench.core.own_code import at_home
from resbench.core.places import Home
from resbench.data.loading import load_train
from resbench.model.fold import folded, refresh
from resbench.records.record import Record
from resbench.training.checkpoint import State
from resbench.training.device import Placement, sound_threads
from resbench.training.growth import start_state
from resbench.training.lean import LeanNetwork
from resbench.training.observer import Moment, Observer, View
from resbench.training.placement import GRAPHS, placement_of
from resbench.training.program import StepProgram
from resbench.training.replay import Body
from resbench.training.run import RunConfig
from resbench.training.step import Setup, evaluate, forward, initial, stepper
from resbench.training.tally import Tally
from resbench.training.train import train

CPU = torch.device("cpu")
# a short last batch, in training and in evaluation
SHORT = {
    "model": {"depth": 10, "width": 8},
    "data": {"train_size": 44, "val_size": 270},
    "recipe": {"epochs": 1, "batch_size": 16, "precision": "bf16"},
}
RICH: dict[str, Any] = {
    "model": {"depth": 16, "width": 8, "dropout": 0.2, "drop_path": 0.2},
    "data": {"train_size": 44, "val_size": 30, "augment": "shift"},
    "recipe": {"epochs": 3, "batch_size": 16, "grow": [10, 16], "grad_clip": 0.5, "select": "best_val"},
}


def run_of(values: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(values)


def both(run: RunConfig, folder: Path) -> list[Record]:
    return [train(run, folder, threads=1, tested=False, graph=graph) for graph in ("network", "step")]


class Evaluates(Observer):
    """Evaluates the network after its epochs by itself, and keeps loss and accuracy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, list[tuple[float, float]]()

    def look(self, when: Moment, view: View) -> None:
        if when == "trained" and view.epoch:
            _, validation, _ = load_train(view.run.data, self.folder, CPU)
            if len(validation):
                self.results.append(evaluate(view.network, validation, view.normalizer, view.placement)[:2])


@pytest.mark.parametrize("change", list(settings()), ids=lambda change: " ".join(f"{k}={v}" for k, v in change.items()))
def test_steps_of_a_program_train_as_the_loop_does(change: dict[str, Any], tmp_path: Path) -> None:
    run = run_of(nest(flatten(SHORT) | change))
    watch = Evaluates(tmp_path)
    loop, steps = (train(run, tmp_path, threads=1, tested=False, graph=graph, observer=watch) for graph in GRAPHS)
    assert loop.status == "ok", loop.error
    assert [
        (row["val_loss"], row["val_accuracy"]) for row in [*loop.history, *steps.history] if "val_loss" in row
    ] == watch.results
    assert steps.content() == loop.content() and steps.weights_sha256 == loop.weights_sha256


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw"])
def test_they_do_so_with_everything_at_once_and_in_fp32(optimizer: str, tmp_path: Path) -> None:
    run = run_of(RICH | {"recipe": RICH["recipe"] | {"optimizer": optimizer, "precision": "fp32"}})
    loop, steps = both(run, tmp_path)
    assert steps.content() == loop.content()


def test_with_fewer_images_than_a_batch_there_is_one_step(tmp_path: Path) -> None:
    loop, steps = both(run_of(nest(flatten(SHORT) | {"recipe.batch_size": 64})), tmp_path)
    assert loop.status == "ok" and steps.content() == loop.content()


@pytest.mark.parametrize("first", ["network", "step"])
def test_a_run_may_be_stopped_in_one_program_and_go_on_in_the_other(first: str, tmp_path: Path) -> None:
    run, saved, stops = run_of(RICH), tmp_path / "x.ckpt", 0
    whole = train(run, tmp_path, threads=1)
    while True:
        graph: Any = first if stops % 2 else "step"
        try:
            record = train(run, tmp_path, threads=1, saved=saved, observer=stop_after(0), graph=graph)
            break
        except Stopped:
            stops += 1
    assert stops == 9 and record.content() == whole.content()


def test_where_it_diverges_is_the_same(tmp_path: Path) -> None:
    loop, steps = both(run_of(nest(flatten(SHORT) | {"recipe.lr": 1000.0, "model.norm": "none"})), tmp_path)
    assert loop.status == "diverged" and steps.content() == loop.content()


def program_of(run: RunConfig, folder: Path, fused: bool = False) -> tuple[StepProgram, Any, Tally]:
    """A program that stands before its first epoch."""
    placement = placement_of(run, CPU, 1)
    setup = Setup(run, placement, *load_train(run.data, folder, CPU))
    state = initial(run, placement, fused=True) if fused else start_state(run, placement, None)
    tally = Tally(setup)
    tally.begin(setup, state)
    program = StepProgram(setup, state, tally)
    program.begin(torch.arange(len(setup.training)), [0.1] * setup.steps, 0)
    state.network.train()
    return program, state, tally


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw"])
def test_a_warm_up_leaves_nothing_behind(optimizer: str, fused: bool, tmp_path: Path) -> None:
    """What a capture does first: each body once, and everything back. Then the run goes as without it."""
    run = run_of(RICH | {"recipe": {"batch_size": 16, "epochs": 1, "optimizer": optimizer, "grad_clip": 0.5}})
    ends = []
    for warm in (True, False):
        program, state, tally = program_of(run, tmp_path, fused)
        bodies = [program.step(number) for number in range(3)] + list(program.validation())
        for body in bodies:
            assert isinstance(body, Body)
            if warm:
                with torch.random.fork_rng([]), body.undone():
                    body()
            body()
        values = [value for entry in state.optimizer.state.values() for value in entry.values() if value is not None]
        ends.append([*state.network.state_dict().values(), *values, tally.losses, tally.augmentation.get_state()])
        ends[-1].append(torch.tensor(program.validated()))
    assert all(torch.equal(*pair) for pair in zip(*ends, strict=True))


def test_fused_and_with_its_rate_in_a_tensor_an_optimizer_reads_the_rate_of_each_step(tmp_path: Path) -> None:
    program, state, _ = program_of(run_of(SHORT), tmp_path, fused=True)
    rate = state.optimizer.param_groups[0]["lr"]
    rates = [0.3, 0.2, 0.1]
    program.begin(torch.arange(44), rates, 1)
    for number in (1, 2):
        program.step(number)()
        assert rate is state.optimizer.param_groups[0]["lr"]
        assert float(rate) == pytest.approx(rates[number])


def test_no_gradient_of_a_step_is_left_to_be_added_to(tmp_path: Path) -> None:
    program, state, _ = program_of(run_of(SHORT), tmp_path)
    program.step(0)()
    assert all(parameter.grad is None for parameter in state.network.parameters())


def test_a_twin_that_is_refreshed_is_the_twin_that_is_made_anew() -> None:
    placement = Placement(CPU, 1, bf16=False, channels_last=True)
    for unit in ("original", "preact", "seed"):
        network = initial(run_of({"model": {"depth": 16, "width": 8, "unit": unit, "conv_bias": "always"}}), placement)
        inputs = torch.randn(8, 1, 28, 28)
        twin = folded(network.network)
        forward(network.network.train(), inputs, placement)  # moves the running statistics
        with torch.no_grad():
            for parameter in network.network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        refresh(twin, network.network)
        fresh = folded(network.network)
        assert all(map(torch.equal, twin.state_dict().values(), fresh.state_dict().values())), unit


def test_one_cast_and_one_count_do_what_autocast_and_each_norm_do() -> None:
    placement = Placement(CPU, 1, bf16=True, channels_last=True)
    inputs, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    ends = []
    for lean in (True, False):
        network = initial(run_of({"model": {"depth": 16, "width": 8, "shortcut": "exclusive_gate"}}), placement).network
        compute = LeanNetwork(network.train(), placement)
        for _ in range(2):
            network.zero_grad()
            logits = compute(inputs) if lean else forward(network, inputs, placement)
            loss = torch.nn.functional.cross_entropy(logits, labels)
            compute.backward(loss) if lean else loss.backward()  # type: ignore[no-untyped-call]
        gradients = [parameter.grad for parameter in network.parameters()]
        ends.append([logits, *network.state_dict().values(), *gradients])
    assert all(torch.equal(*pair) for pair in zip(*ends, strict=True))
    counts = [tensor for name, tensor in network.state_dict().items() if name.endswith("num_batches_tracked")]
    assert counts and all(int(count) == 2 for count in counts)


def test_a_step_on_a_cpu_has_the_bits_of_autocast_and_of_each_cast_by_itself() -> None:
    inputs, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    for model in (
        {"shortcut": "projection", "dropout": 0.2},
        {"norm": "group", "head": "flatten_linear"},
        {"norm": "none"},
    ):
        recipe = {"optimizer": "nesterov", "lr": 0.01, "grad_clip": 0.5, "precision": "bf16"}
        run = run_of({"model": {"depth": 10, "width": 8} | model, "recipe": recipe})
        for threads in (1, 2):
            placement = placement_of(run, CPU, threads)
            steps = [_trained(run, placement, inputs, labels, by_hand) for by_hand in (True, False)]
            assert all(torch.equal(*pair) for pair in zip(*steps, strict=True)), (model, threads)


OWN_HEAD = """
from torch import nn
from torch.nn import functional

class OfLengthOne(nn.Conv2d):
    def forward(self, x):
        return functional.conv2d(x, self.weight / self.weight.norm())

def unit_head(channels, size):
    \"\"\"A 1x1 convolution whose weights have length one.\"\"\"
    return nn.Sequential(OfLengthOne(channels, channels, 1, bias=False), nn.AdaptiveAvgPool2d(1)), channels

HEADS = {"unit_head": unit_head}
"""


def test_a_layer_of_ones_own_reads_its_weights_in_fp32(tmp_path: Path) -> None:
    path = tmp_path / "own_head.py"
    path.write_text(OWN_HEAD)
    with at_home(Home(tmp_path, (path,))):
        run = run_of(nest(flatten(SHORT) | {"model.head": "unit_head"}))
        placement = placement_of(run, CPU, 1)
        inputs, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
        ends = [_trained(run, placement, inputs, labels, by_hand) for by_hand in (True, False)]
        loop, whole_steps = both(run, tmp_path)
    assert loop.weights_sha256 and loop.weights_sha256 == whole_steps.weights_sha256
    assert all(torch.equal(*pair) for pair in zip(*ends, strict=True))


OWN_NORM = """
from torch import nn


class Fading(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.batches = nn.BatchNorm2d(channels), 0

    def forward(self, x):
        self.batches += self.training
        return self.norm(x) / (1 + self.batches)


NORMS = {"fading": Fading}
"""


def test_a_layer_of_ones_own_that_is_more_than_its_tensors_is_validated_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own_norm.py"
    path.write_text(OWN_NORM)
    with at_home(Home(tmp_path, (path,))):
        watch = Evaluates(tmp_path)
        run = run_of(nest(flatten(SHORT) | {"model.norm": "fading", "recipe.epochs": 2}))
        record = train(run, tmp_path, threads=1, tested=False, observer=watch)
    assert [(row["val_loss"], row["val_accuracy"]) for row in record.history] == watch.results


def _trained(run: RunConfig, placement: Placement, inputs: Tensor, labels: Tensor, by_hand: bool) -> list[Tensor]:
    """Losses, weights and gradients after two full batches and one of an odd number of images."""
    before = torch.get_num_threads()
    torch.set_num_threads(placement.threads)
    try:
        state, out = initial(run, placement), list[Tensor]()
        state.network.train()
        step = stepper(state, run, placement)
        torch.manual_seed(0)
        for images in (16, 16, 9):
            batch = inputs[:images], labels[:images]
            out.append((_plain_step(state, run, placement, *batch) if by_hand else step(*batch)[1]).detach())
    finally:
        torch.set_num_threads(before)
    gradients = [parameter.grad for parameter in state.network.parameters() if parameter.grad is not None]
    assert gradients
    return [*out, *state.network.state_dict().values(), *gradients]


def _plain_step(state: State, run: RunConfig, placement: Placement, inputs: Tensor, labels: Tensor) -> Tensor:
    """A step as one writes it with autocast."""
    with sound_threads(placement, run.model.first_width, len(inputs)):
        loss = torch.nn.functional.cross_entropy(forward(state.network, inputs, placement), labels)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if run.recipe.grad_clip != "none":
            nn.utils.clip_grad_norm_(state.network.parameters(), float(run.recipe.grad_clip))
        state.optimizer.step()
    return loss


class Remember(Observer):
    """Keeps the networks of a run, and keeps none alive."""

    def __init__(self) -> None:
        self.networks: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.most = 0

    def look(self, when: Moment, view: View) -> None:
        self.networks.add(view.network)
        self.most = max(self.most, len(self.networks))


def test_at_its_end_a_run_lets_go_what_it_had_without_help(tmp_path: Path) -> None:
    run, remember = run_of(RICH), Remember()
    train(
        run, tmp_path, threads=1, tested=False, graph="step"
    )  # torch keeps frames of what is counted for the first time
    gc.collect()
    gc.disable()
    try:
        train(run, tmp_path, threads=1, tested=False, graph="step", observer=remember)
        assert remember.most == 1 and not remember.networks  # the shallower one had gone when it grew
    finally:
        gc.enable()
