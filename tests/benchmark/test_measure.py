"""Measuring costs: a record for each cell and machine that joins with what was learned, and tables and figures of them."""

import csv
from pathlib import Path
from typing import cast

import pytest

from resbench.benchmark.measure import bench_id, measure, measure_runs
from resbench.grid.reader import read_grid
from resbench.model import measure as sizes
from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.report import costs, write
from resbench.training.run import RunConfig
from resbench.training.timing import Protocol

QUICK = Protocol("cpu", 1, seconds=0.0, least=3)
GRID = """name: cost
base:
  model: {width: 8}
  recipe: {batch_size: 16}
axes:
  model.depth: [10, 16]
  model.shortcut: [identity, none]
seeds: 3
"""


def test_metrics_agree_with_each_other() -> None:
    run = RunConfig.model_validate({"model": {"depth": 10, "width": 8}, "recipe": {"batch_size": 16}, "seed": 5})
    record = measure(run, QUICK)
    metrics = cast("dict[str, float]", record.metrics)
    assert record.kind == "bench" and record.run == run.with_seed(0).id != record.id
    for name in ("train_images_per_second", "inference_images_per_second", "latency_ms"):
        assert metrics[f"{name}_q1"] <= metrics[name] <= metrics[f"{name}_q3"]
    used = 3 * metrics["flops"] * metrics["train_images_per_second"]
    assert metrics["flops_per_second"] == pytest.approx(used, rel=1e-3)
    assert metrics["share_of_peak"] == pytest.approx(used / metrics["peak_flops_per_second"], rel=1e-3)
    moved = 5 * sizes(run.model)["activations"] * (2 if record.provenance.precision == "bf16" else 4)
    assert metrics["flops_per_byte"] == pytest.approx(3 * metrics["flops"] / moved, rel=1e-3)
    assert Record.from_json(record.to_json()) == record


def test_a_machine_has_records_of_its_own() -> None:
    facts = Provenance({"device": "cpu", "device_name": "A", "threads": 1, "precision": "fp32", "channels_last": False})
    others = (facts, facts.with_facts(device_name="B"), facts.with_facts(threads=2))
    assert len({bench_id("0" * 16, machine) for machine in others}) == 3
    assert bench_id("0" * 16, facts.with_facts(revision="x")) == bench_id("0" * 16, facts)


def test_a_grid_is_measured_once_and_reported(tmp_path: Path) -> None:
    (tmp_path / "cost.yaml").write_text(GRID)
    grid = read_grid(tmp_path / "cost.yaml")
    results = tmp_path / "results"
    store = Store(results / "cost" / "bench")
    Store(results / "cost").write_study(grid.study())
    first = list(measure_runs(grid.runs(), store, QUICK, (None, False)))
    assert len(first) == 4 and len(store.ids()) == 4
    written = {path.name: path.read_bytes() for path in store.folder.glob("*.json")}
    assert list(measure_runs(grid.runs(), store, QUICK, (None, False))) == first
    assert written == {path.name: path.read_bytes() for path in store.folder.glob("*.json")}
    assert costs(results, "cost").count("identity") == 2
    page = write(results, tmp_path / "reports", "cost")
    figures = page.parent / "figures"
    assert "Measured cost" in page.read_text() and (figures / "throughput.svg").is_file()
    with (figures / "roofline.csv").open() as file:
        drawn = sorted(float(row["gflops_per_second"]) for row in csv.DictReader(file))
    rates = [(record.metrics["flops_per_second"] or 0.0) / 1e9 for record in store.records()]
    assert drawn == pytest.approx(sorted(rates), rel=1e-3)
