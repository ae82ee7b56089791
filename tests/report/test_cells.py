"""Cells and comparisons: intervals of known numbers, and runs that did not end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.studies import MESSAGE, make, noise

from resbench.records.store import Store
from resbench.report import write
from resbench.report.cells import cells, comparisons
from resbench.report.study import load
from resbench.report.tables.cells import cell_table

EVIL = MESSAGE


def test_cells_have_an_interval_for_new_images_and_one_for_these(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "none"]}
    found = cells(load(make(tmp_path, "s", axes, 5, noise(lambda cell: 0.01, images=2000)), "s"))
    records = Store(tmp_path / "s").records()[:5]
    accuracy = np.array([record.metrics["test_accuracy"] for record in records])
    first = found.iloc[0]
    half = 2.7764451051977987 * accuracy.std(ddof=1) / math.sqrt(5)  # t quantile of four degrees of freedom
    assert (first["mean"], first["sd"]) == pytest.approx((accuracy.mean(), accuracy.std(ddof=1)))
    assert (first["seed_low"], first["seed_high"]) == pytest.approx((accuracy.mean() - half, accuracy.mean() + half))
    assert first["low"] < first["seed_low"] and first["seed_high"] < first["high"]
    assert first["errors"] == pytest.approx(1e4 * (1 - accuracy.mean()))
    assert 0 <= first["true_sd"] <= first["sd"] and first["predicted_sd"] > 0


def test_seconds_of_training_stand_next_to_those_of_the_whole_run(tmp_path: Path) -> None:
    study = make(tmp_path, "s", {"model.depth": [10]}, 2, noise(lambda cell: 0.01, images=100))
    store = Store(tmp_path / "s")
    for record, wall in zip(store.records(), (37.5, 10.0), strict=True):  # the second was interrupted
        record.metrics |= {"train_seconds": 17.1, "run_seconds": wall}
        store.remove(record.id)
        store.add(record)
    found = cells(load(study, "s"))
    assert list(found[["train_seconds", "wall_seconds"]].iloc[0]) == pytest.approx([17.1, (37.5 + 17.1) / 2])
    table = cell_table(found, ["model.depth"])
    assert (
        dict(zip(table.head, table.rows[0], strict=True)).items()
        >= {
            "training seconds": "17",
            "wall seconds": "27",
        }.items()
    )


def test_one_network_has_the_interval_of_its_count(tmp_path: Path) -> None:
    """Wilson's for 77 errors of 10,000, as published: 99.03877 to 99.38343 % (statistics of the article of 2016)."""
    wrong = np.arange(10_000) < 77
    found = cells(load(make(tmp_path, "s", {"model.depth": [34]}, 1, lambda cell, seed, draw: wrong), "s")).iloc[0]
    assert (found["low"], found["high"]) == pytest.approx((0.9903877, 0.9938343), abs=1e-7)
    assert math.isnan(found["sd"]) and math.isnan(found["seed_low"])


def test_diverged_runs_are_counted_and_not_averaged(tmp_path: Path) -> None:
    fates = ["ok", "diverged", "failed", "missing"]
    normal = noise(lambda cell: 0.1, images=100)
    axes = {"model.depth": [10]}
    made = make(tmp_path, "s", axes, 4, lambda c, seed, draw: normal(c, seed, draw) if seed == 0 else fates[seed])
    found = cells(load(made, "s")).iloc[0]
    counts = ["planned", "seeds_done", "seeds_ok", "diverged", "failed"]
    assert list(found[counts]) == [4, 2, 1, 1, 1]
    assert found["untrained_low"] < 0.5 < found["untrained_high"]


def test_comparisons_pair_the_seeds_that_both_cells_share(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.2 if cell["model.shortcut"] == "none" else 0.1, images=500)
    axes = {"model.shortcut": ["identity", "none", "projection"]}

    def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        lost = cell["model.shortcut"] == "none" and seed == 2
        return "missing" if lost else normal(cell, seed, draw)

    study_ = load(make(tmp_path, "s", axes, 4, outcome, baseline={"model.shortcut": "none"}), "s")
    found = comparisons(study_, study_.baseline)
    assert list(found["model.shortcut"]) == ["identity", "projection"]
    contrast = found.iloc[0]["contrast"]
    by_seed = {(r.settings["model.shortcut"], r.settings["seed"]): r.metrics for r in study_.records if r.metrics}
    gaps = [by_seed["identity", s]["test_error"] - by_seed["none", s]["test_error"] for s in (0, 1, 3)]
    assert contrast.seeds == 3 and contrast.this_test_set.estimate == pytest.approx(np.mean(gaps))
    assert (found["q"] >= [one.p for one in found["contrast"]]).all()


def test_survivors_of_diverged_arms_are_not_compared(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.2 if cell["model.shortcut"] == "none" else 0.1, images=500)
    axes = {"model.shortcut": ["identity", "none"]}

    def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        lost = cell["model.shortcut"] == "none" and seed < 3
        return "diverged" if lost else normal(cell, seed, draw)

    made = make(tmp_path, "s", axes, 10, outcome, baseline={"model.shortcut": "none"})
    assert comparisons(load(made, "s"), {"model.shortcut": "none"})["contrast"].isna().all()
    page = (write(made, tmp_path / "reports", "s").parent / "report.md").read_text()
    assert (
        "Not compared, because runs there or in the baseline did not train: 1" in page
        and "fewer test errors" not in page
    )
