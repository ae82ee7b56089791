"""A study whose runs are all done: a grid file and its records, made up, with the ids that the grid asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from resbench.grid.reader import read_grid
from resbench.records.record import Predictions, Provenance
from resbench.records.store import Store
from resbench.training.train import empty_record

IMAGES = 1000


def finished_study(folder: Path) -> Path:
    """Write `small.yaml` and `results/small` into a folder: two cells on four seeds, and a claim; returns the grid file."""
    file = folder / "small.yaml"
    claim = {
        "says": "shortcuts help",
        "compare": {"model.shortcut": "identity"},
        "to": {"model.shortcut": "none"},
        "on": "test_error",
        "expect": "lower",
        "margin": 0.05,
    }
    grid = {"base": {"model": {"width": 4, "depth": 10}}, "axes": {"model.shortcut": ["identity", "none"]}, "seeds": 4}
    file.write_text(json.dumps(grid | {"baseline": {"model.shortcut": "none"}, "claims": [claim]}))
    asked, store = read_grid(file), Store(folder / "results" / "small")
    draw = np.random.default_rng(0)
    for run in asked.runs():
        share = 0.02 if run.cell["model.shortcut"] == "identity" else 0.1
        wrong = (draw.random(IMAGES) < share).astype(np.int64)
        record = empty_record(run.config, "ok", Provenance({"device": "cpu", "threads": 1}), None)
        right = 1 - float(wrong.mean())
        record.metrics = {"test_accuracy": right, "test_error": 1 - right, "train_accuracy": 0.99, "train_loss": 0.1}
        record.metrics |= {"parameters": 1000, "flops": 5_000_000, "train_seconds": 10.0, "images_per_second": 4000.0}
        record.predictions = Predictions.of(wrong, np.zeros(IMAGES, dtype=np.int64))
        record.history = [{"epoch": n, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)]
        store.add(record)
    store.write_study(asked.study())
    return file
