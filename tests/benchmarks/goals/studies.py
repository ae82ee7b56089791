"""Studies that are made up, to be read and never trained: grid files and records of a plausible size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from benchmarks.goals.training import CPU

from resbench.grid.reader import read_grid
from resbench.records.record import Predictions
from resbench.records.record import Row as HistoryRow
from resbench.records.store import Store
from resbench.training.device import resolve_placement
from resbench.training.provenance import provenance
from resbench.training.train import empty_record

Axes = Mapping[str, Sequence[object]]


def grid_file(path: Path, axes: Axes, seeds: int) -> Path:
    baseline = {name: values[0] for name, values in axes.items() if name == "model.shortcut"}
    content = {"base": {"model": {"width": 8}}, "axes": axes, "seeds": seeds} | (
        {"baseline": baseline} if baseline else {}
    )
    path.write_text(json.dumps(content))
    return path


def made_up(folder: Path, name: str, axes: Axes, seeds: int) -> Path:
    """The grid file of a study whose runs all have a record in `folder / "r"`."""
    grid = read_grid(grid_file(folder / f"{name}.json", axes, seeds))
    rows: list[HistoryRow] = [
        {"epoch": n, "lr": 0.1, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)
    ]
    facts = provenance(resolve_placement(CPU, 1, "fp32", 8))
    draw = torch.Generator().manual_seed(0)
    store = Store(folder / "r" / name)
    for run in grid.runs():
        wrong = (torch.rand(1000, generator=draw) < 0.02).long()
        record = empty_record(run.config, "ok", facts, None)
        record.history = rows
        record.metrics = {"test_accuracy": 1 - float(wrong.float().mean()), "train_seconds": 1.0}
        record.predictions = Predictions.of(wrong.numpy(), torch.zeros(1000, dtype=torch.int64).numpy())
        store.add(record)
    store.write_study(grid.study())
    return folder / f"{name}.json"
