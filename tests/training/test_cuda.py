"""The CUDA path: what can be known without a device, and what only a device can show (skipped where there is none)."""

from pathlib import Path

import pytest
import torch
from support.runs import stop_after
from torch import Tensor, nn
from torch.nn import functional

from resbench.core.config import names_of
from resbench.core.errors import Stopped
from resbench.grid.source import FIELDS
from resbench.training.cuda import AutocastNetwork, capture_graphs, fitting
from resbench.training.device import Placement, apply_placement
from resbench.training.placement import placement_of
from resbench.training.run import RunConfig
from resbench.training.step import forward, initial, stepper
from resbench.training.train import train

CPU = Placement(torch.device("cpu"), 1, bf16=True, channels_last=True)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch finds none")
SMALL = RunConfig.model_validate(
    {
        "model": {"depth": 16, "width": 16, "dropout": 0.2},
        "data": {"train_size": 300, "val_size": 50, "augment": "shift"},
        "recipe": {"batch_size": 64, "epochs": 2},
    }
)


def test_what_a_graph_would_hold_is_what_eager_mode_computes() -> None:
    inputs, labels = torch.randn(8, 1, 28, 28), torch.arange(8)

    def in_a_graph(network: nn.Module, images: Tensor, placement: Placement) -> Tensor:
        logits: Tensor = AutocastNetwork(network, placement)(images)
        return logits

    results = []
    for compute in (forward, in_a_graph):
        network = initial(SMALL, CPU).network.train()
        torch.manual_seed(1)
        logits = compute(network, inputs.contiguous(memory_format=torch.channels_last), CPU)
        functional.cross_entropy(logits, labels).backward()
        results.append([logits, *(parameter.grad for parameter in network.parameters())])
    assert all(torch.equal(left, right) for left, right in zip(*results, strict=True))


def test_runs_on_one_device_are_bounded_by_memory_runs_and_cores() -> None:
    gib = 2**30
    assert fitting(free=80 * gib, each=2 * gib, total=100, cores=64) == 27
    assert fitting(free=80 * gib, each=2 * gib, total=3, cores=64) == 3
    assert fitting(free=80 * gib, each=2 * gib, total=100, cores=8) == 8
    assert fitting(free=gib, each=2 * gib, total=100, cores=8) == 1


def test_no_graph_is_captured_for_a_batch_that_never_comes() -> None:
    config = SMALL.model_dump() | {"data": {"train_size": 50, "val_size": 0}, "recipe": {"batch_size": 64}}
    run = RunConfig.model_validate(config)
    stepper(initial(run, CPU), run, Placement(torch.device("cuda"), 1, bf16=False, channels_last=True))


@pytest.mark.gpu
@needs_cuda
def test_graphs_train_as_eager_mode_does_bit_for_bit() -> None:
    placement = placement_of(SMALL, torch.device("cuda"), 1)
    apply_placement(placement)
    weights = []
    for replayed in (True, False):
        state = initial(SMALL, placement)
        state.network.train()
        step = stepper(state, SMALL, placement)
        torch.manual_seed(3)
        for size in (64, 64, 20):  # the last batch of an epoch is smaller and is not replayed
            images = torch.randn(size, 1, 28, 28, device="cuda")
            labels = torch.arange(size, device="cuda") % 10
            if replayed:
                step(images, labels)
            else:
                state.optimizer.zero_grad()
                functional.cross_entropy(forward(state.network, images, placement), labels).backward()
                state.optimizer.step()
        weights.append(state.network.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.gpu
@needs_cuda
def test_capture_leaves_running_statistics_and_random_state_alone() -> None:
    placement = placement_of(SMALL, torch.device("cuda"), 1)
    network = initial(SMALL, placement).network.train()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    torch.manual_seed(5)
    expected = torch.rand(3, device="cuda")
    torch.manual_seed(5)
    capture_graphs(network, (64, 1, 28, 28), placement)
    assert torch.equal(torch.rand(3, device="cuda"), expected)
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())


@pytest.mark.gpu
@needs_cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_step_does_not_wait_for_the_device() -> None:
    placement = placement_of(SMALL, torch.device("cuda"), 1)
    state = initial(SMALL, placement)
    state.network.train()
    step = stepper(state, SMALL, placement)
    images, labels = torch.randn(64, 1, 28, 28, device="cuda"), torch.zeros(64, dtype=torch.int64, device="cuda")
    step(images, labels)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(images, labels)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@needs_cuda
def test_a_run_that_is_stopped_and_continued_ends_as_if_undisturbed(tmp_path: Path) -> None:
    device = torch.device("cuda")
    whole = train(SMALL, tmp_path, device, 1)
    saved = tmp_path / "checkpoint"
    with pytest.raises(Stopped):
        train(SMALL, tmp_path, device, 1, saved=saved, observer=stop_after(1.4))
    assert train(SMALL, tmp_path, device, 1, saved=saved).content() == whole.content()


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("optimizer", names_of(FIELDS["recipe.optimizer"]))
def test_every_optimizer_trains_grows_and_goes_on_from_a_checkpoint(optimizer: str, tmp_path: Path) -> None:
    recipe = {"batch_size": 64, "epochs": 2, "optimizer": optimizer, "lr": 0.01, "grow": [10, 16], "grad_clip": 1.0}
    run = RunConfig.model_validate(SMALL.model_dump() | {"recipe": recipe})
    device, saved = torch.device("cuda"), tmp_path / "checkpoint"
    whole = train(run, tmp_path, device, 1)
    assert whole.status == "ok", whole.error
    with pytest.raises(Stopped):
        train(run, tmp_path, device, 1, saved=saved, observer=stop_after(1.4))
    assert train(run, tmp_path, device, 1, saved=saved).content() == whole.content()


@pytest.mark.gpu
@needs_cuda
def test_a_run_gives_its_memory_back_and_its_peak_is_its_own(tmp_path: Path) -> None:
    device, held = torch.device("cuda"), []
    large = RunConfig.model_validate(SMALL.model_dump() | {"model": {"depth": 16, "width": 64}})
    peaks = []
    for run in (SMALL, large, SMALL, large, SMALL):
        metrics = train(run, tmp_path, device, 1).metrics
        held.append(torch.cuda.memory_reserved(device))
        peaks.append((metrics["peak_memory"], metrics["peak_reserved"]))
    assert max(held[1:]) <= held[0] + 2**25, held
    assert all(small < big for small, big in zip(peaks[4], peaks[1], strict=True)), peaks


@pytest.mark.gpu
@needs_cuda
def test_a_run_without_room_is_out_of_memory_and_the_next_one_has_it(tmp_path: Path) -> None:
    device = torch.device("cuda")
    train(SMALL, tmp_path, device, 1)
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        failed = train(SMALL, tmp_path, device, 1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert failed.error and failed.error.kind == "out of memory", failed.error
    assert train(SMALL, tmp_path, device, 1).status == "ok"
