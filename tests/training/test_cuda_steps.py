"""Whole steps as CUDA graphs, which only a device can show (skipped where there is none)."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.runs import stop_after

from resbench.core.config import flatten, nest
from resbench.core.errors import Stopped
from resbench.data.loading import load_train
from resbench.records.record import Record
from resbench.training.course import Job
from resbench.training.growth import start_state
from resbench.training.placement import placement_of
from resbench.training.program import StepProgram
from resbench.training.replay import Replayer
from resbench.training.run import RunConfig
from resbench.training.step import Setup
from resbench.training.tally import Tally
from resbench.training.train import train, train_together

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch finds none"),
]
CUDA = torch.device("cuda")
# short last batches in training and in evaluation
BASE: dict[str, Any] = {
    "model": {"depth": 16, "width": 16},
    "data": {"train_size": 300, "val_size": 270, "augment": "shift"},
    "recipe": {"batch_size": 64, "epochs": 3},
}
RECIPES: list[dict[str, Any]] = [
    {},
    {"model.dropout": 0.2, "model.drop_path": 0.2, "data.augment": "elastic"},
    {"recipe.precision": "fp32", "recipe.grad_clip": 0.5, "data.augment": "affine"},
    {"recipe.optimizer": "adamw", "recipe.lr": 0.01, "data.augment": "cutout"},
    {"recipe.optimizer": "sgd", "model.norm": "group", "model.head": "max_linear", "data.augment": "crop_flip"},
    {"recipe.grow": [10, 16], "recipe.select": "best_val", "model.shortcut": "zero_pad"},
    {"recipe.loss": "mean_over_batch", "recipe.label_smoothing": 0.1, "model.shortcut": "exclusive_gate"},
]


def run_of(change: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(nest(flatten(BASE) | change))


class Eager(Replayer):
    """Does the works of whole steps as they are, on the device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.joins = False


@pytest.mark.parametrize("change", RECIPES, ids=str)
def test_graphs_of_steps_train_as_their_kernels_one_by_one_and_as_the_graph_of_the_network(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(change)
    replayed = train(run, tmp_path, CUDA, 1, graph="step")
    assert replayed.status == "ok", replayed.error
    assert replayed.provenance.facts["graph"] == "step"
    monkeypatch.setattr("resbench.training.workshop.Replayer", Eager)
    eager = train(run, tmp_path, CUDA, 1, graph="step")
    assert replayed.weights_sha256 == eager.weights_sha256 and replayed.content() == eager.content()
    network = train(run, tmp_path, CUDA, 1)
    assert "graph" not in network.provenance.facts
    assert replayed.weights_sha256 == network.weights_sha256 and replayed.content() == network.content()


def test_runs_in_one_graph_have_the_bits_that_each_has_alone(tmp_path: Path) -> None:
    cells = [change for change in RECIPES if "model.dropout" not in change]
    runs = [
        *map(run_of, cells),
        run_of({"recipe.epochs": 2, "seed": 1}),
        run_of({"recipe.lr": 1000.0, "model.norm": "none"}),
    ]
    alone = [train(run, tmp_path, CUDA, 1, graph="step") for run in runs]
    together = train_together([Job(run) for run in runs], tmp_path, CUDA, 1)
    for before, outcome in zip(alone, together, strict=True):
        assert isinstance(outcome, Record)
        assert outcome.weights_sha256 == before.weights_sha256 and outcome.content() == before.content()
        assert outcome.provenance.facts["together"] == len(runs)


@pytest.mark.parametrize("stop", [1.3, 2.0])
def test_stopped_and_continued_a_run_ends_as_if_undisturbed(stop: float, tmp_path: Path) -> None:
    run, saved = run_of({"model.dropout": 0.2}), tmp_path / "checkpoint"
    whole = train(run, tmp_path, CUDA, 1, graph="step")
    with pytest.raises(Stopped):
        train(run, tmp_path, CUDA, 1, saved=saved, observer=stop_after(stop), graph="step")
    assert train(run, tmp_path, CUDA, 1, saved=saved, graph="step").content() == whole.content()


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_step_does_not_wait_for_the_device(tmp_path: Path) -> None:
    run = run_of({"recipe.grad_clip": 1.0})
    setup = Setup(run, placement_of(run, CUDA, 1), *load_train(run.data, tmp_path, CUDA))
    state, tally, replayer = start_state(run, setup.placement, None), Tally(setup), Replayer(CUDA)
    tally.begin(setup, state)
    program = StepProgram(setup, state, tally)
    program.begin(torch.arange(300, device=CUDA), [0.1] * setup.steps, 0)
    state.network.train()
    works = [*map(program.step, range(setup.steps)), *program.validation()]
    for work in works:
        replayer(work)
    program.begin(torch.arange(300, device=CUDA), [0.1] * setup.steps, 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for work in works:
            replayer(work)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert tally.losses.isfinite().all()
    replayer.clear()


def test_sixty_runs_leave_no_memory_behind(tmp_path: Path) -> None:
    held = []
    for seed in range(60):
        change = {"model.depth": 10, "model.width": 8, "data.train_size": 100, "recipe.epochs": 1, "seed": seed}
        train(run_of(change), tmp_path, CUDA, 1, graph="step", tested=False)
        held.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    assert held[-1][0] <= held[4][0] + 2**20 and held[-1][1] <= held[4][1] + 2**22
