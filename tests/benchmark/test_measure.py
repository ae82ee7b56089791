"""Measuring costs: a record for each cell and machine that joins with what was learned, and tables and figures of them."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from support.inprocess import resbench

from resbench.benchmark.measure import bench_id, dated, is_current, measure, measure_runs
from resbench.core.json_reader import Json
from resbench.grid.reader import read_grid
from resbench.model import measure as sizes
from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.report import costs, write
from resbench.training.device import Placement
from resbench.training.provenance import provenance
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


@pytest.mark.parametrize(
    "facts",
    [
        {"versions": {"torch": "1.13.1"}},
        {"cpu_capability": "ELSE"},
        {"revision": "f" * 40},
        {"dirty": True},
        {"source": "e" * 12},
    ],
)
def test_what_other_code_or_torch_measured_does_not_hold(facts: dict[str, Json]) -> None:
    now = provenance(Placement(torch.device("cpu"), 1, False, False), ("a" * 40, False))
    record = Record("0" * 16, {}, "ok", dated(now))
    assert is_current(record, now)
    assert not is_current(replace(record, provenance=record.provenance.with_facts(**facts)), now)


def test_the_table_says_when_each_was_measured_and_marks_what_is_unsteady(tmp_path: Path) -> None:
    (tmp_path / "cost.yaml").write_text(GRID.partition("axes")[0])
    grid = read_grid(tmp_path / "cost.yaml")
    Store(tmp_path / "cost").write_study(grid.study())
    record = measure(grid.runs()[0].cell_config, QUICK)
    rates = {"train_images_per_second": 29.3, "train_images_per_second_q1": 29.1, "train_images_per_second_q3": 192.2}
    facts = record.provenance.with_facts(measured="2026-11-27T22:05:31+00:00")
    Store(tmp_path / "cost" / "bench").add(replace(record, provenance=facts, metrics=record.metrics | rates))
    text = " ".join(costs(tmp_path, "cost").split())
    assert "2026-11-27 22:05" in text, text
    assert "29.3 (29.1–192) !" in text, text
    assert "! marks medians" in text


def test_bench_says_what_was_measured_before_and_which_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (7.5, 0.0, 0.0))
    monkeypatch.setattr("resbench.benchmark.reference.REFERENCES", {"absent resnet18": None})
    (tmp_path / "cost.yaml").write_text(GRID.partition("axes")[0])
    places = ["--results", tmp_path / "results", "--reports", tmp_path / "reports"]
    words = ["bench", tmp_path / "cost.yaml", "--threads", 1, "--seconds", 0, "--known", *places]
    code, out, err = resbench(*words)
    assert code == 0 and "the load of the last minute is 7.5 on" in err and "(measured" not in err
    assert "--known: absent is not installed, and its models are left out" in err
    store = Store(tmp_path / "results" / "cost" / "bench")
    [record] = store.records()
    store.remove(record.id)
    store.add(replace(record, provenance=record.provenance.with_facts(measured="2026-11-27T22:05:31+00:00")))
    code, out, err = resbench(*words)
    assert store.records()[0].metrics == record.metrics
    assert code == 0 and "(measured 2026-11-27 22:05)" in err and "2026-11-27 22:05" in out
    [record] = store.records()
    torch_then = {**cast("dict[str, Json]", record.provenance.facts["versions"]), "torch": "1.13.1"}
    store.remove(record.id)
    store.add(replace(record, provenance=record.provenance.with_facts(versions=torch_then)))
    code, out, err = resbench(*words)
    assert code == 0 and "(measured" not in err and "2026-11-27 22:05" not in out
