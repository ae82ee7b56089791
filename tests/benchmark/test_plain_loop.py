"""The plain loop, which is part of the package."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resbench.benchmark.measure import PLAIN_LOOP, measure, measure_runs
from resbench.grid.reader import read_grid
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.training.run import RunConfig
from resbench.training.timing import Protocol

DATA = {"name": "mnist-5k", "train_size": 128, "val_size": 0}
RUN = RunConfig.model_validate(
    {"model": {"depth": 10, "width": 4}, "data": DATA, "recipe": {"batch_size": 16, "epochs": 1}}
)
GRID = """name: cost
base:
  model: {depth: 10, width: 4}
  data: {name: mnist-5k, train_size: 128, val_size: 0}
  recipe: {batch_size: 16}
"""


def test_it_is_timed_in_turn_with_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no repository is
    record = measure(RUN, Protocol("cpu", 1, seconds=0.0, least=2, plain=tmp_path))
    metrics = record.metrics
    assert metrics["plain_images_per_second"] and metrics["train_images_per_second"] and metrics["speedup"]
    assert record.provenance.text("plain_device") == "cpu"


def test_a_comparison_with_the_loop_of_another_device_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "cost.yaml").write_text(GRID)
    runs, store = read_grid(tmp_path / "cost.yaml").runs(), Store(tmp_path / "bench")

    def measured() -> Record:
        [(_, record)] = measure_runs(
            runs, store, Protocol("cpu", 1, seconds=0.0, least=2, plain=tmp_path), ("a", False)
        )
        return record

    first = measured()
    assert measured() == first
    store.remove(first.id)
    store.add(replace(first, provenance=first.provenance.with_facts(plain_device="cuda")))
    assert measured().provenance.text("plain_device") == "cpu"


def test_it_trains_in_both_precisions_and_times_each_step_but_no_pause() -> None:
    outcomes = []
    for options in ([], ["--precision", "bf16"]):
        command = [sys.executable, *PLAIN_LOOP[1:], RUN.model_dump_json(), "--steps", "3", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        outcomes.append(json.loads(done.stdout))
    full, half = outcomes
    assert full["device"] == "cpu" and len(full["step_seconds"]) == len(half["step_seconds"]) == 3
    assert 0 < sum(full["step_seconds"]) < full["seconds"]
    assert full["loss"] != half["loss"] == pytest.approx(full["loss"], rel=0.1)
