"""Measure what every cell of a grid costs on this machine."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.benchmark.measure import measure_runs
from resbench.benchmark.reference import measure_references, missing
from resbench.core.cell import label
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.processes import machine_load
from resbench.core.version import revision
from resbench.data.directory import default_directory
from resbench.execution.selection import open_grid, select_runs
from resbench.execution.session import keep_study
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.frames import frame_of
from resbench.records.metrics import UNSTEADY
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.training.device import choose, cores
from resbench.training.timing import Protocol

if TYPE_CHECKING:
    import pandas as pd

AGAINST = ("none", "plain")
_BUSY = 0.5  # load for each core from which rates suffer


def bench(
    grid: Grid | str | Path,
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    threads: int = 0,
    seconds: float = 5.0,
    against: str = "none",
    known: bool = False,
    fresh: bool = False,
    take_over: bool = False,
) -> pd.DataFrame:
    """Measure every cell of a grid: throughput, latency, memory, and the fraction of this machine's peak.

    Example:
        >>> grid = resbench.Grid("cost", base={"model.width": 4}, axes={"model.depth": [10]})
        >>> frame = resbench.bench(grid, threads=1, seconds=0.0)
        >>> bool(frame["metrics.train_images_per_second"][0] > 0)
        True

    Args:
        grid: a Grid, the path of a grid file, or the name of one that comes with resbench.
        results: folder of all studies.
        data_dir: torchvision data root, for `against`.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        overrides, only: as for `run`.
        threads: of torch; 0 for one on each core.
        seconds: for each quantity of each cell.
        against: plain also times a plain training loop, in turn with ours.
        known: measure ResNet-18 of torchvision and timm too.
        fresh: measure again what has been measured on this machine.
        take_over: as for `run`.

    Returns:
        One row per measurement of a cell of the grid, and of a reference model.

    Raises:
        UserError: a mistake in the grid or in an argument.
    """
    opened = open_grid(grid, overrides, data_dir=data_dir)
    directory = user_path(data_dir) if data_dir else None
    protocol = bench_protocol(device, threads, seconds, against, directory)
    runs = select_runs(opened, only)
    for _ in measurements(opened, runs, user_path(results), protocol, known, fresh, take_over):
        pass
    cells = {run.cell_config.id for run in opened.runs()}
    measured = bench_store(user_path(results), opened).records()
    return frame_of(record for record in measured if record.run is None or record.run in cells)


def bench_protocol(device: str, threads: int, seconds: float, against: str, data_dir: Path | None) -> Protocol:
    """How to measure.

    Args:
        threads: of torch; 0 for one on each core.
        against: one of `AGAINST`.
        data_dir: torchvision data root; None for the default.

    Raises:
        UserError: a device that is not there, or nothing to measure against.
    """
    if against not in AGAINST:
        raise UserError(f"--against {against}: use plain, or leave it out")
    plain = (data_dir or default_directory()) if against == "plain" else None
    return Protocol(str(choose(device)), threads or cores(), seconds, plain=plain)


def bench_store(results: Path, grid: Grid) -> Store:
    """Where the measurements of a study are."""
    return Store(results / grid.name / "bench")


def measurements(
    grid: Grid,
    runs: Sequence[PlannedRun],
    results: Path,
    protocol: Protocol,
    known: bool,
    fresh: bool,
    take_over: bool = False,
) -> Iterator[str]:
    """Measure what has no record of this machine, code and torch; yields a line for each cell, or model, and notes."""
    if protocol.plain and any(run.cell_config.model.is_own for run in runs):
        raise UserError("--against plain: its loop trains the built-in families: leave it out for family python")
    if own := next((run.cell_config.trainer.name for run in runs if run.cell_config.trainer.given), ""):
        raise UserError(f"{grid.name}: {own} trains: only networks that resbench trains can be measured")
    keep_study(Store(results / grid.name), grid, take_over)
    store = bench_store(results, grid)
    began = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    yield from _load()
    for cell, record in measure_runs(runs, store, protocol, revision(), fresh):
        yield _line(label(cell), record, began)
    if known:
        for name, record in measure_references(store, protocol, revision(), fresh):
            yield _line(name, record, began)
        if libraries := missing():
            names = " and ".join(libraries)
            yield f"--known: {names} is not installed, and its models are left out: pip install {' '.join(libraries)}"


def _load() -> list[str]:
    """A line if other work is likely to slow what is measured."""
    load = machine_load()
    if load <= _BUSY * cores():
        return []
    return [
        f"the load of the last minute is {load:.1f} on {cores()} cores: what other work takes of them is missing in "
        "what is measured; measure again with --fresh when the machine is free"
    ]


def _line(name: str, record: Record, began: datetime.datetime) -> str:
    """`identity: 29.3 images/s`, whether that is unsteady, and when it was measured if not by this command."""
    low, rate, high = (record.metrics.get(f"train_images_per_second{end}") or 0.0 for end in ("_q1", "", "_q3"))
    unsteady = f", unsteady: quartiles {low:,.1f} and {high:,.1f}" if high > UNSTEADY * low else ""
    text = record.provenance.text("measured")
    earlier = f" (measured {text[:16].replace('T', ' ') or 'before'})" if _is_earlier(text, began) else ""
    return f"{name or 'the only cell'}: {rate:,.1f} images/s{unsteady}{earlier}"


def _is_earlier(text: str, began: datetime.datetime) -> bool:
    try:
        return datetime.datetime.fromisoformat(text) < began
    except (ValueError, TypeError):
        return True  # of an earlier version, which has no date
