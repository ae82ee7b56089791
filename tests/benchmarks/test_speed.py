"""Guards against slow-downs: `make bench` saves the times of this machine, `make bench-compare` fails on slower ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from resbench.data.loading import Images, Normalizer, load_train
from resbench.execution.cost import Costs
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid
from resbench.model.shortcut import SHORTCUTS
from resbench.records.record import Predictions, Provenance
from resbench.records.store import Store, load
from resbench.report import write
from resbench.training.checkpoint import save
from resbench.training.device import Placement, apply_placement, resolve_placement
from resbench.training.evaluation import Evaluation
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig
from resbench.training.step import Setup, evaluate, initial, stepper
from resbench.training.train import empty_record, train

BATCH = 32
AXES = {
    "model.depth": [10, 16, 22, 34, 58, 100],
    "model.shortcut": ["identity", "projection", "none"],
    "model.dropout": [0.0, 0.1, 0.2, 0.3, 0.4],
    "recipe.lr": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
}


def many(folder: Path, seeds: int = 20) -> Path:
    """A grid file of 540 cells."""
    file = folder / "many.yaml"
    grid = {"base": {"model": {"width": 8}}, "axes": AXES, "seeds": seeds, "baseline": {"model.shortcut": "none"}}
    file.write_text(json.dumps(grid))
    return file


@pytest.fixture(scope="module")
def placement() -> Placement:
    chosen = resolve_placement(torch.device("cpu"), 1, "fp32", 8)
    apply_placement(chosen)
    return chosen


def training_step(run: RunConfig, placement: Placement) -> Callable[[], object]:
    state = initial(run, placement)
    state.network.train()
    inputs, labels = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    step = stepper(state, run, placement)
    return lambda: step(inputs, labels)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_training_step(benchmark: BenchmarkFixture, placement: Placement, shortcut: str) -> None:
    run = RunConfig.model_validate({"model": {"depth": 34, "width": 8, "shortcut": shortcut}})
    benchmark.pedantic(training_step(run, placement), rounds=5, warmup_rounds=2)


def test_training_step_of_100_layers(benchmark: BenchmarkFixture, placement: Placement) -> None:
    run = RunConfig.model_validate({"model": {"depth": 100, "width": 8}})
    benchmark.pedantic(training_step(run, placement), rounds=5, warmup_rounds=2)


def test_evaluation(benchmark: BenchmarkFixture, placement: Placement) -> None:
    network = initial(RunConfig.model_validate({"model": {"depth": 34, "width": 8}}), placement).network
    images = Images(torch.zeros(1000, 1, 28, 28, dtype=torch.uint8), torch.zeros(1000, dtype=torch.int64))
    normalizer = Normalizer(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    benchmark.pedantic(evaluate, (network, images, normalizer, placement), rounds=3, warmup_rounds=1)


def test_validation_with_a_kept_twin(benchmark: BenchmarkFixture, placement: Placement) -> None:
    run = RunConfig.model_validate({"model": {"depth": 34, "width": 8}})
    setup = Setup(run, placement, *load_train(run.data, Path("data"), placement.device))
    evaluation = Evaluation(setup, initial(run, placement).network)

    def validate() -> None:
        for work in evaluation.works():
            work()

    benchmark.pedantic(validate, rounds=3, warmup_rounds=1)


def test_checkpoint(benchmark: BenchmarkFixture, placement: Placement, tmp_path: Path) -> None:
    run = RunConfig.model_validate({"model": {"depth": 34, "width": 8}})
    state, facts = initial(run, placement), provenance(placement)
    benchmark.pedantic(lambda: save(tmp_path / "x.ckpt", run.id, 1, state.dump(facts)), rounds=10, warmup_rounds=1)


def test_what_a_run_costs_outside_its_steps(benchmark: BenchmarkFixture, placement: Placement, tmp_path: Path) -> None:
    """Ten epochs of one small step, with 100 images for validation, a checkpoint each, and the test."""
    values = {
        "model": {"depth": 34, "width": 8},
        "data": {"train_size": 10, "val_size": 100},
        "recipe": {"epochs": 10, "precision": "fp32"},
    }
    run = RunConfig.model_validate(values)
    benchmark.pedantic(
        lambda: train(run, tmp_path, threads=1, saved=tmp_path / "x.ckpt"),
        rounds=3,
        setup=lambda: (tmp_path / "x.ckpt").unlink(missing_ok=True),
    )


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    return read_grid(many(tmp_path_factory.mktemp("grid")))


def test_planning_10_800_runs(benchmark: BenchmarkFixture, grid: Grid, placement: Placement) -> None:
    def plan() -> None:
        runs = read_grid(grid.file).runs()
        costs = Costs(Store(Path("nowhere")), placement.device, placement.threads)
        costs.calibrate(runs[:1])
        for run in runs:
            costs.of(run.cell_config)

    benchmark.pedantic(plan, rounds=3)


def made_up(folder: Path, grid: Grid, runs: int) -> Path:
    """Records of a plausible size."""
    store = Store(folder / grid.name)
    draw = torch.Generator().manual_seed(0)
    for run in grid.runs()[:runs]:
        wrong = (torch.rand(1000, generator=draw) < 0.02).long()
        record = empty_record(run.config, "ok", Provenance({"device": "cpu", "threads": 1}), None)
        record.metrics = {"test_accuracy": 1 - float(wrong.float().mean()), "train_seconds": 1.0}
        record.predictions = Predictions.of(wrong.numpy(), torch.zeros(1000, dtype=torch.int64).numpy())
        record.history = [{"epoch": n, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)]
        store.add(record)
    study = grid.study()
    store.write_study(study.model_copy(update={"runs": study.runs[:runs]}))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, grid: Grid) -> Path:
    """1,000 records, 20 to a cell."""
    return made_up(tmp_path_factory.mktemp("results"), grid, 1000)


def test_what_is_done_of_1_000_records(benchmark: BenchmarkFixture, results: Path) -> None:
    benchmark.pedantic(lambda: Store(results / "many").done(), rounds=3)


def test_loading_1_000_records(benchmark: BenchmarkFixture, results: Path) -> None:
    benchmark.pedantic(lambda: load(results / "many"), rounds=3)


def test_report_of_1_000_records(benchmark: BenchmarkFixture, results: Path, tmp_path: Path) -> None:
    benchmark.pedantic(lambda: write(results, tmp_path, "many"), rounds=1)


def test_report_of_500_cells(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    folder = made_up(tmp_path / "results", read_grid(many(tmp_path, seeds=4)), 2000)
    benchmark.pedantic(lambda: write(folder, tmp_path / "reports", "many"), rounds=1)
    assert benchmark.disabled or benchmark.stats.stats.max < 60
