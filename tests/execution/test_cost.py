"""What costs are predicted from: records of runs like those to come, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import torch

from resbench.execution.cost import Costs
from resbench.grid.grid import PlannedRun
from resbench.records.record import Row
from resbench.records.store import Store
from resbench.training.device import resolve_placement
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig
from resbench.training.train import empty_record

CPU = torch.device("cpu")


def config(precision: str, depth: int = 10) -> RunConfig:
    return RunConfig.model_validate({"model": {"depth": depth, "width": 4}, "recipe": {"precision": precision}})


def add(store: Store, run: RunConfig, rate: float, metrics: Row | None = None, **facts: Any) -> None:
    placement = resolve_placement(CPU, 1, run.recipe.precision, run.model.width)
    record = empty_record(run, "ok", provenance(placement).with_facts(**facts), None)
    record.metrics = {"images_per_second": rate, "flops": 10**6, **(metrics or {})}
    store.add(record)


def test_records_of_the_same_precision_and_hardware_give_the_rate(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("fp32"), 1000.0)
    add(store, config("bf16"), 2000.0)
    costs = Costs(store, CPU, 1)
    fast, slow = config("bf16", 22), config("fp32", 22)
    costs.calibrate([PlannedRun.of(fast), PlannedRun.of(slow)])
    assert costs.source == "2 earlier records"
    # at constant FLOP/s beyond what is known
    assert costs.of(slow).seconds == pytest.approx(2 * costs.of(fast).seconds)


@pytest.mark.parametrize(
    "facts", [{"device_name": "another"}, {"cpu_capability": "another"}, {"threads": 2}, {"device": "cuda"}]
)
def test_records_of_other_hardware_do_not(facts: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("fp32"), 1e-3, **facts)  # believed, it would make the run last for years
    costs = Costs(store, CPU, 1)
    costs.calibrate([PlannedRun.of(config("fp32"))])
    assert costs.source == "a short calibration" and costs.of(config("fp32")).seconds < 1e6


def test_an_unknown_precision_is_calibrated(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("bf16"), 1e-3)
    costs = Costs(store, CPU, 1)
    costs.calibrate([PlannedRun.of(config("bf16")), PlannedRun.of(config("fp32"))])
    assert costs.source == "1 earlier record and a short calibration"
    assert costs.of(config("fp32")).seconds < 1e6 < costs.of(config("bf16")).seconds


def test_one_disturbed_run_among_equals_does_not_decide(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed, rate in enumerate([1000.0, 100.0, 1100.0, 900.0, 1050.0]):
        add(store, config("fp32", 16).with_seed(seed), rate)
    costs = Costs(store, CPU, 1)
    run = config("fp32", 10)
    costs.calibrate([PlannedRun.of(run)])
    flops = run.network_size["flops"]
    train, val = run.data.sizes
    images = run.recipe.epochs * (train + val / 3) + run.data.dataset.test / 3
    assert costs.source == "5 earlier records"
    assert costs.of(run).seconds == pytest.approx(images / (1000.0 * 1e6 / flops))


def test_runs_of_the_cell_itself_say_how_long_it_takes_and_what_of_it_is_evaluation(tmp_path: Path) -> None:
    store, run = Store(tmp_path), config("fp32", 10)
    for seed, whole in enumerate([20.0, 21.0, 60.0]):
        add(store, run.with_seed(seed), 1000.0, metrics={"train_seconds": 9.0, "run_seconds": whole})
    add(store, config("fp32", 16), 10.0)
    costs = Costs(store, CPU, 1)
    costs.calibrate([PlannedRun.of(run)])
    assert (costs.of(run).seconds, costs.of(run).evaluation) == (21.0, 12.0)


def test_runs_of_other_cells_say_what_a_run_takes_besides_its_images(tmp_path: Path) -> None:
    store, run = Store(tmp_path), config("fp32", 10)
    epochs, (_, val), test = run.recipe.epochs, run.data.sizes, run.data.dataset.test
    evaluation = (epochs * val + test) / 3 / 1000.0
    for seed, fixed in enumerate([4.0, 5.0, 60.0]):
        metrics = {"train_seconds": 50.0, "run_seconds": 50.0 + evaluation + fixed}
        add(store, config("fp32", 16).with_seed(seed), 1000.0, metrics=metrics)
    # what was interrupted does not know what all of it took
    add(store, config("fp32", 16).with_seed(3), 1000.0, metrics={"train_seconds": 50.0, "run_seconds": 3.0})
    other = Store(tmp_path / "other")
    add(other, config("fp32", 16), 1000.0)
    costs, without = Costs(store, CPU, 1), Costs(other, CPU, 1)
    for each in (costs, without):
        each.calibrate([PlannedRun.of(run)])
    assert costs.of(run).seconds - without.of(run).seconds == pytest.approx(5.0)
    assert costs.of(run).evaluation == without.of(run).evaluation
