"""Records that are planted for the runs of a real grid: its ids and whole configurations, and errors that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from resbench.core.json_reader import Json
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.record import Predictions, Provenance, Record
from resbench.records.store import Store
from resbench.training.run import RunConfig
from support.studies import WHERE

IMAGES = 1000


def plant(
    results: Path,
    grid: Grid,
    errors: Callable[[RunConfig], int | None],
    where: Callable[[RunConfig], Mapping[str, Json]] = lambda config: {},
) -> None:
    """Write the study of a grid, and a record for each run.

    Args:
        errors: of a run in 1,000 images, the same images first; None leaves the run out.
        where: more facts of its provenance.
    """
    store = Store(results / grid.name)
    plant_runs(store, grid.runs(), errors, where)
    store.write_study(grid.study())


def plant_runs(
    store: Store,
    runs: Iterable[PlannedRun],
    errors: Callable[[RunConfig], int | None],
    where: Callable[[RunConfig], Mapping[str, Json]] = lambda config: {},
) -> None:
    """As `plant`, of these runs, without the study file."""
    for run in runs:
        count = errors(run.config)
        if count is None:
            continue
        facts = {**WHERE, "data_sha256": "d" * 64, "test_sha256": "7" * 64, **where(run.config)}
        record = Record(run.id, run.config.model_dump(mode="json"), "ok", Provenance(facts))
        accuracy = 1 - count / IMAGES
        record.metrics = {"test_accuracy": accuracy, "test_error": 1 - accuracy, "train_loss": 0.1}
        missed = (np.arange(IMAGES) < count).astype(np.int64)
        record.predictions = Predictions.of(missed, np.zeros(IMAGES, dtype=np.int64))
        store.add(record)
