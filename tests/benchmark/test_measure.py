"""Measuring costs: a record for each cell and machine that joins with what was learned, and a table and figure of them."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from resbench.benchmark.measure import bench_id, measure, measured
from resbench.benchmark.reference import KNOWN, SHAPE
from resbench.grid.grid import Grid
from resbench.model import measure as sizes
from resbench.model import tally
from resbench.records.store import Store
from resbench.report import costs, write
from resbench.report.figures.cost import _frontier, draw_roofline
from resbench.report.figures.styles import Arms
from resbench.training.device import measured_peak, place
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


def test_metrics_agree_with_each_other(tmp_path: Path) -> None:
    run = RunConfig.model_validate({"model": {"depth": 10, "width": 8}, "recipe": {"batch_size": 16}, "seed": 5})
    record = measure(run, QUICK)
    metrics = record["metrics"]
    assert record["kind"] == "bench" and record["run"] == run.with_seed(0).id != record["id"]
    for name in ("train_images_per_second", "inference_images_per_second", "latency_ms"):
        assert metrics[f"{name}_q1"] <= metrics[name] <= metrics[f"{name}_q3"]
    assert metrics["inference_images_per_second"] > metrics["train_images_per_second"]
    used = 3 * metrics["flops"] * metrics["train_images_per_second"]
    assert metrics["share_of_peak"] == pytest.approx(used / metrics["peak_flops_per_second"], rel=1e-3)
    assert 0 < metrics["share_of_peak"] < 1.2
    moved = 5 * sizes(run.model)["activations"] * (2 if record["provenance"]["precision"] == "bf16" else 4)
    assert metrics["flops_per_byte"] == pytest.approx(3 * metrics["flops"] / moved, rel=1e-3)
    assert 1e8 < metrics["bandwidth"] < 1e13
    json.dumps(record, allow_nan=False)


def test_a_machine_has_records_of_its_own() -> None:
    here = {"device": "cpu", "device_name": "A", "threads": 1, "precision": "fp32", "channels_last": False}
    ids = {bench_id("0" * 16, here | change) for change in ({}, {"device_name": "B"}, {"threads": 2})}
    assert len(ids) == 3


def test_peak_is_above_what_one_product_reaches() -> None:
    placement = place(torch.device("cpu"), 1, "fp32", 8)
    assert 1e8 < measured_peak(placement, 0.05) < 1e13


def test_a_grid_is_measured_once_and_reported(tmp_path: Path) -> None:
    (tmp_path / "cost.yaml").write_text(GRID)
    grid = Grid.load(tmp_path / "cost.yaml")
    results = tmp_path / "results"
    store = Store(results / "cost" / "bench")
    Store(results / "cost").write_study(grid.study())
    first = list(measured(grid.runs(), store, QUICK, (None, False)))
    assert len(first) == 4 and len(store.ids()) == 4
    written = {path.name: path.read_bytes() for path in store.folder.glob("*.json")}
    assert list(measured(grid.runs(), store, QUICK, (None, False))) == first
    assert written == {path.name: path.read_bytes() for path in store.folder.glob("*.json")}
    assert costs(results, "cost").count("identity") == 2
    page = write(results, tmp_path / "reports", "cost")
    assert "Measured cost" in page.read_text() and (page.parent / "figures" / "throughput.svg").is_file()


def test_a_known_model_has_its_published_size() -> None:
    """He et al. 2015, table 1: 1.8 G multiply-adds; torchvision's documentation: 11,689,512 parameters."""
    size = tally(KNOWN["torchvision resnet18"], SHAPE)
    assert size["parameters"] == 11_689_512
    assert size["flops"] / 2 == pytest.approx(1.81e9, rel=0.01)


def test_figures_of_cost_show_what_was_measured(tmp_path: Path) -> None:
    """The roofline is the lower of two measured limits, and a cheaper cell that is no worse ends another's place."""
    axes = ["model.depth"]
    frame = pd.DataFrame({"model.depth": pd.Series([10, 16], dtype=object), "device_name": "x", "threads": 1})
    frame["precision"] = "fp32"
    frame["flops_per_byte"], frame["flops_per_second"] = [5.0, 50.0], [4e9, 6e10]
    frame["peak_flops_per_second"], frame["bandwidth"] = 1e11, 1e10
    drawn = draw_roofline(frame, "model.depth", Arms(frame, [], {}))
    assert drawn and list(drawn[1]["gflops_per_second"]) == [4.0, 60.0] and "x, 1 threads, fp32" in drawn[2]
    assert draw_roofline(frame.drop(columns="bandwidth"), "model.depth", Arms(frame, axes, {})) is None


def test_error_against_cost_joins_the_cells_that_no_cheaper_one_beats() -> None:
    points = pd.DataFrame({"error": [3.0, 2.0, 2.5, 1.0], "training_flops": [1.0, 2.0, 3.0, 4.0]})
    assert list(_frontier(points, "training_flops")["error"]) == [3.0, 2.0, 1.0]
