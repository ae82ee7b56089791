"""Studies of known truth, made up for tests of the report: real files in a folder, without training."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.core.cell import Value
from resbench.core.config import nest
from resbench.core.json_reader import Json
from resbench.records.curve import Curve
from resbench.records.record import Predictions, Provenance, Record, RunError
from resbench.records.store import Store
from resbench.records.study_file import Confirmation, StudyFile

Cell = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]
# (cell, seed, generator) -> whether each image is missed (or as which class), or "diverged", "failed" or "missing"
Outcome = Callable[[Cell, int, np.random.Generator], npt.NDArray[np.bool_ | np.int64] | str]
Accuracy = float | str  # or "diverged", "failed", "missing"
WHERE: dict[str, Json] = {
    "device": "cpu",
    "device_name": "x",
    "threads": 1,
    "precision": "fp32",
    "revision": "0" * 40,
    "dirty": False,
}
MESSAGE = "<script>alert(1)</script>"  # of runs that failed: anything may stand in it

HELPS: dict[str, Any] = {
    "says": "shortcuts help at each depth",
    "compare": {"model.shortcut": "identity"},
    "to": {"model.shortcut": "none"},
    "at": {"model.depth": None},
    "on": "test_error",
    "expect": "lower",
    "margin": 0.05,
}


def make(
    results: Path,
    name: str,
    axes: Axes,
    seeds: int,
    outcome: Outcome,
    claims: Sequence[Mapping[str, Any]] = (),
    baseline: Cell | None = None,
    published: Sequence[Mapping[str, Any]] = (),
    metrics: Callable[[Cell, int], Mapping[str, float | None]] = lambda cell, seed: {},
    probes: Callable[[Cell, int], Mapping[str, Any]] | None = None,
    target: Mapping[str, Any] | None = None,
    where: Callable[[Cell, int], Mapping[str, Json]] = lambda cell, seed: {},
    looks: Mapping[str, Any] | None = None,
    curves: Callable[[Cell, int], Curve | None] = lambda cell, seed: None,
    theory: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write a study of all combinations of the axes; returns the folder of all studies.

    Args:
        metrics: more of them, of runs that ended.
        where: more facts of its provenance.
        probes: what each run has under `probes`; without it records have no such key.
        curves: the training loss of a run within its epochs.
    """
    store = Store(results / name)
    draw = np.random.default_rng(2016)
    runs = []
    for index, (cell, seed) in enumerate(_runs(axes, seeds)):
        run_id = f"{index:016x}"
        runs.append({"id": run_id, "cell": cell, "seed": seed})
        errors = outcome(cell, seed, draw)
        if isinstance(errors, str) and errors == "missing":
            continue
        record = _record(run_id, cell, seed, errors, metrics(cell, seed))
        record.provenance = record.provenance.with_facts(**where(cell, seed))
        record.curve = curves(cell, seed)
        record.probes = dict(probes(cell, seed)) if probes else None
        store.add(record)
    file: dict[str, Any] = {"schema": 1, "name": name, "file": f"{name}.yaml", "about": f"Question: {name}?"}
    file |= {"overrides": [], "axes": list(axes), "baseline": dict(baseline or {}), "published": list(published)}
    file |= {"theory": list(theory)} if theory else {}
    file |= {"target": dict(target)} if target else {}
    file |= {"looks": dict(looks)} if looks else {}
    store.write_study(StudyFile.from_json(file | {"claims": list(claims), "runs": runs, "excluded": []}))
    return results


def confirm(results: Path, name: str, cell: Cell, seeds: Sequence[int], outcome: Outcome, **fields: Any) -> None:
    """Note in a study file that a cell was chosen to be confirmed on these seeds, and record their runs.

    Args:
        fields: of the confirmation.
    """
    store = Store(results / name)
    file = store.study()
    assert file and file.target
    ids = {seed: f"{0xC0FF0000 + seed:016x}" for seed in seeds}
    runs = [{"id": ids[seed], "cell": dict(cell), "seed": seed} for seed in seeds]
    chosen_on = sorted({run.seed for run in file.runs})
    facts = {"cell": dict(cell), "test_accuracy": file.target.test_accuracy, "chosen_on": chosen_on, "runs": runs}
    store.write_study(file.model_copy(update={"confirmation": Confirmation.from_json(facts | fields)}))
    for seed, run_id in ids.items():
        errors = outcome(cell, seed, np.random.default_rng(seed))
        if not (isinstance(errors, str) and errors == "missing"):
            flops = {"training_flops": 1e12, "train_seconds": 10.0}
            store.add(_record(run_id, cell, seed, errors, flops))


def with_accuracies(
    results: Path,
    name: str,
    axes: Axes,
    accuracy: Callable[[dict[str, Any], int], Accuracy],
    seeds: int = 2,
    **fields: Any,
) -> Path:
    """Write a study whose records have no predictions; returns its folder.

    Args:
        accuracy: of a cell and seed, or what became of the run instead.
        fields: of the study file.
    """
    store = Store(results / name)
    runs = []
    for cell, seed in _runs(axes, seeds):
        run_id = hashlib.sha256(repr((cell, seed)).encode()).hexdigest()[:16]
        runs.append({"id": run_id, "cell": cell, "seed": seed})
        result = accuracy(cell, seed)
        if result != "missing":
            store.add(accuracy_record(run_id, cell, seed, result))
    file: dict[str, Any] = {"schema": 1, "name": name, "file": f"ablations/{name}.yaml", "axes": list(axes)}
    store.write_study(StudyFile.from_json(file | {"runs": runs} | fields))
    return store.folder


def accuracy_record(run_id: str, cell: Cell, seed: int, accuracy: Accuracy) -> Record:
    """A record without predictions."""
    settings = {"model.width": 8, "data.name": "mnist", "recipe.epochs": 2, **cell, "seed": seed}
    record = Record(run_id, nest(settings), "ok", Provenance(WHERE | {"revision": "abc"}))
    record.history = [{"epoch": n, "train_accuracy": 1 - 0.1 / n, "val_accuracy": 1 - 0.2 / n} for n in (1, 2)]
    if isinstance(accuracy, str):
        record.status = "failed" if accuracy == "failed" else "diverged"
        record.error = RunError("failed", MESSAGE) if accuracy == "failed" else None
        return record
    record.metrics = {"test_accuracy": accuracy, "test_error": 1 - accuracy, "train_loss": 0.1, "train_accuracy": 0.9}
    record.metrics |= {"parameters": 1000, "flops": 5_000_000, "train_seconds": 12.0, "val_accuracy": None}
    return record


def noise(rates: Callable[[Cell], float], images: int = 10_000, hard: float = 0.03) -> Outcome:
    """Errors that fall on hard images more than on others, as on MNIST, at a mean rate that the cell decides."""
    difficulty = np.random.default_rng(7).beta(0.6, 1.6, images) * (np.random.default_rng(8).random(images) < hard)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
        return np.asarray(draw.random(images) < np.clip(difficulty * rates(cell) / difficulty.mean(), 0, 1))

    return outcome


def _runs(axes: Axes, seeds: int) -> Iterator[tuple[dict[str, Value], int]]:
    for values in itertools.product(*axes.values()):
        for seed in range(seeds):
            yield dict(zip(axes, values, strict=True)), seed


def _record(
    run_id: str, cell: Cell, seed: int, errors: npt.NDArray[np.bool_ | np.int64] | str, more: Mapping[str, float | None]
) -> Record:
    record = Record(run_id, nest({"seed": seed, **cell}), "ok", Provenance(WHERE))
    if isinstance(errors, str):
        record.status = "failed" if errors == "failed" else "diverged"
        record.error = RunError(errors, "the loss was not finite", {"step": 3, "last_loss": 2.0})
        return record
    accuracy = 1 - float((errors != 0).mean())
    record.metrics = {"test_accuracy": accuracy, "test_error": 1 - accuracy, "train_loss": 0.1, "train_accuracy": 1.0}
    record.metrics |= {"parameters": 1000, "flops": 5_000_000, "train_seconds": 10.0, "images_per_second": 100.0}
    record.metrics |= dict(more)
    record.predictions = Predictions.of(errors.astype(np.int64), np.zeros(len(errors), dtype=np.int64))
    record.history = [
        {"epoch": n, "lr": 0.1, "train_loss": 1 / n, "train_accuracy": 1 - 0.1 / n, "seconds": 1.0} for n in (1, 2, 3)
    ]
    return record
