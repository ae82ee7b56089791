"""Studies of known truth, made up for tests of the report: real files in a folder, without training."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.records.record import Record, pack
from resbench.records.store import Store

Cell = Mapping[str, Any]
# (cell, seed, generator) -> whether each image is missed, or "diverged", "failed" or "missing"
Outcome = Callable[[Cell, int, np.random.Generator], npt.NDArray[np.bool_] | str]
WHERE = {"device": "cpu", "device_name": "x", "threads": 1, "precision": "fp32", "revision": "0" * 40, "dirty": False}


def make(
    results: Path,
    name: str,
    axes: Mapping[str, Sequence[Any]],
    seeds: int,
    outcome: Outcome,
    claims: Sequence[Mapping[str, Any]] = (),
    baseline: Cell | None = None,
    published: Sequence[Mapping[str, Any]] = (),
    metrics: Callable[[Cell, int], Mapping[str, float]] = lambda cell, seed: {},
    probes: Callable[[Cell, int], Mapping[str, Any]] | None = None,
    target: Mapping[str, Any] | None = None,
) -> Path:
    """Write a study of all combinations of the axes; returns the folder of all studies.

    Args:
        metrics: more of them, of runs that ended.
        probes: what each run has under `probes`; without it records have no such key.
    """
    store = Store(results / name)
    draw = np.random.default_rng(2016)
    runs = []
    for index, (values, seed) in enumerate(itertools.product(itertools.product(*axes.values()), range(seeds))):
        cell = dict(zip(axes, values, strict=True))
        run_id = f"{index:016x}"
        runs.append({"id": run_id, "cell": cell, "seed": seed})
        found = outcome(cell, seed, draw)
        if isinstance(found, str) and found == "missing":
            continue
        record = _record(run_id, cell, seed, found, metrics(cell, seed))
        store.add(record | ({"probes": dict(probes(cell, seed))} if probes else {}))
    asked = {"schema": 1, "name": name, "file": f"{name}.yaml", "about": f"Question: {name}?", "overrides": []}
    asked |= {"axes": list(axes), "baseline": dict(baseline or {}), "published": list(published)}
    asked |= {"target": dict(target)} if target else {}
    store.write_study(asked | {"claims": list(claims), "runs": runs, "excluded": []})
    return results


def _record(
    run_id: str, cell: Cell, seed: int, found: npt.NDArray[np.bool_] | str, more: Mapping[str, float]
) -> Record:
    config: dict[str, Any] = {"seed": seed}
    for path, value in cell.items():
        section, _, field = path.partition(".")
        config.setdefault(section, {})[field] = value
    record: Record = {"schema": 1, "id": run_id, "config": config, "metrics": {}, "history": [], "predictions": None}
    record |= {"weights_sha256": None, "provenance": dict(WHERE), "error": None, "status": "ok"}
    if isinstance(found, str):
        error = {"kind": found, "message": "the loss was not finite", "step": 3, "last_loss": 2.0}
        return record | {"status": found, "error": error}
    accuracy = 1 - float(found.mean())
    labels = np.zeros(len(found), dtype=np.int64)
    record["metrics"] = {
        "test_accuracy": accuracy,
        "test_error": 1 - accuracy,
        "train_loss": 0.1,
        "train_accuracy": 1.0,
    }
    record["metrics"] |= {"parameters": 1000, "flops": 5_000_000, "train_seconds": 10.0, "images_per_second": 100.0}
    record["metrics"] |= dict(more)
    record["predictions"] = pack(found.astype(np.int64), labels)
    rows = [
        {"epoch": n, "lr": 0.1, "train_loss": 1 / n, "train_accuracy": 1 - 0.1 / n, "seconds": 1.0} for n in (1, 2, 3)
    ]
    return record | {"history": rows}


def noise(rates: Callable[[Cell], float], images: int = 10_000, hard: float = 0.03) -> Outcome:
    """Errors that fall on hard images more than on others, as on MNIST, at a mean rate that the cell decides."""
    difficulty = np.random.default_rng(7).beta(0.6, 1.6, images) * (np.random.default_rng(8).random(images) < hard)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
        return draw.random(images) < np.clip(difficulty * rates(cell) / difficulty.mean(), 0, 1)

    return outcome


def asked(results: Path, name: str) -> dict[str, Any]:
    """The study file as it stands."""
    found: dict[str, Any] = json.loads((results / name / "study.json").read_text())
    return found
