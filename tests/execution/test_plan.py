"""What a plan predicts from: records of runs like those to come, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import torch

from resbench.execution.plan import Costs
from resbench.grid.grid import Planned
from resbench.records.store import Store
from resbench.training.device import place, provenance
from resbench.training.run import RunConfig
from resbench.training.train import empty

CPU = torch.device("cpu")


def config(precision: str, depth: int = 10, seed: int = 0) -> RunConfig:
    return RunConfig.model_validate(
        {"model": {"depth": depth, "width": 4}, "recipe": {"precision": precision}, "seed": seed}
    )


def planned(one: RunConfig) -> Planned:
    return Planned(one, {}, 0, one.id)


def add(store: Store, one: RunConfig, rate: float, **where: Any) -> None:
    made = provenance(place(CPU, 1, one.recipe.precision, one.model.width)) | where
    record = empty(one, "ok", made, None)
    store.add(record | {"metrics": {"images_per_second": rate, "flops": 10**6}})


def test_records_of_the_same_precision_and_hardware_tell_the_rate(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("fp32"), 1000.0)
    add(store, config("bf16"), 2000.0)
    costs = Costs(store, CPU, 1)
    fast, slow = config("bf16", 22), config("fp32", 22)
    costs.calibrate([planned(fast), planned(slow)])
    assert costs.source == "2 earlier records"
    assert costs.of(slow).seconds == pytest.approx(
        2 * costs.of(fast).seconds
    )  # at constant FLOP/s beyond what is known


@pytest.mark.parametrize(
    "where", [{"device_name": "another"}, {"cpu_capability": "another"}, {"threads": 2}, {"device": "cuda"}]
)
def test_records_of_other_hardware_do_not(where: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("fp32"), 1e-3, **where)  # believed, it would make the run last for years
    costs = Costs(store, CPU, 1)
    costs.calibrate([planned(config("fp32"))])
    assert costs.source == "a short calibration" and costs.of(config("fp32")).seconds < 1e6


def test_what_is_unknown_of_a_precision_is_calibrated(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, config("bf16"), 1e-3)
    costs = Costs(store, CPU, 1)
    runs = [planned(config("bf16")), planned(config("fp32"))]
    costs.calibrate(runs)
    assert costs.source == "1 earlier record and a short calibration"
    assert costs.of(config("fp32")).seconds < 1e6 < costs.of(config("bf16")).seconds
