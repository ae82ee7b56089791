"""Whole grids by `resbench run`, everything counted: against their own training steps, the peak, and the plain loop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.goals.row import Row
from benchmarks.goals.running import in_fresh_process, numbers, spent, trained
from benchmarks.goals.training import CPU, network, precision

from resbench.benchmark.machine import measured_peak
from resbench.benchmark.measure import PLAIN_LOOP
from resbench.grid.reader import read_grid
from resbench.records.store import Store
from resbench.training.device import apply_placement, cores, resolve_placement
from resbench.training.placement import BACKWARD, placement_of
from resbench.training.run import RunConfig

_SHORTCUTS = ["identity", "none"]


def many_runs(folder: Path, seeds: int = 8) -> Iterator[Row]:
    """The wall clock of 32 runs over the training steps that a core has of them."""
    base = {"model": {"width": 8, "depth": 34}, "data": {"name": "mnist-5k"}, "recipe": {"epochs": 6}}
    axes = {"model.shortcut": _SHORTCUTS, "recipe.lr": [0.05, 0.1]}
    file = _written(folder, "many", base, axes, seeds)
    wall = trained(file, folder).seconds
    records = Store(folder / "r" / "many").records()
    each = sum(numbers(record)["train_seconds"] * record.provenance.facts["threads"] for record in records) / cores()
    words = f"{wall / each:.3f} ({wall:.0f} s : {each:.0f} s)"
    what = f"wall clock of a grid of {len(records)} runs (width 8, depth 34, mnist-5k, 6 epochs) over its training steps a core"
    yield Row(what, wall / each, words, most=1.1, goal="at most 1.10")


def wide(folder: Path) -> Iterator[Row]:
    """4 runs of 6 steps at width 64."""
    data = {"name": "mnist-5k", "train_size": 768, "val_size": 128}
    yield from against_plain(folder, 64, data, {"model.shortcut": _SHORTCUTS})


def narrow(folder: Path) -> Iterator[Row]:
    """8 runs of 20 steps at width 16."""
    data = {"name": "mnist-5k", "train_size": 2560, "val_size": 128}
    yield from against_plain(folder, 16, data, {"model.shortcut": _SHORTCUTS, "recipe.lr": [0.05, 0.1]})


def against_plain(folder: Path, width: int, data: dict[str, Any], axes: dict[str, list[Any]]) -> Iterator[Row]:
    """A grid of two seeds, both with tests: the plain loop trains one of them, and would take twice as long for both.

    The plain loop computes in fp32. A grid that uses the cores no better than it does would be as many times as fast as
    the peak in the precision of its runs is higher than that in fp32; the goal is nine tenths of that.
    """
    base = {"model": {"width": width, "depth": 34}, "data": data, "recipe": {"epochs": 1}}
    file = _written(folder, f"width-{width}", base, axes, seeds=2)
    configs = [run.config for run in read_grid(file).runs()]
    peak, simple = in_fresh_process(peaks, network(width))
    plain = 2 * spent([*PLAIN_LOOP, *(run.model_dump_json() for run in configs if run.seed == 0)]).seconds
    ours = trained(file, folder).seconds
    peak = max(peak, in_fresh_process(peaks, network(width))[0])
    ideal = sum(map(flops, configs)) / peak
    ratio = peak / simple
    what = f"wall clock of {len(configs)} runs, width {width}, depth 34, against the plain loop, over the ratio of the peaks ({precision(width)} over fp32)"
    words = f"{100 * plain / ours / ratio:.0f} % ({plain / ours:.2f} times as fast, {plain:.0f} s : {ours:.0f} s; the peaks: {ratio:.2f})"
    yield Row(what, plain / ours / ratio, words, least=0.9, goal="at least 90 %")
    words = f"{100 * ideal / ours:.0f} % ({ideal:.0f} s at {peak / 1e9:.0f} GFLOP/s : {ours:.0f} s)"
    yield Row("the same FLOPs at the peak of all cores, over the wall clock", ideal / ours, words)


def flops(run: RunConfig) -> float:
    """Of the training steps of a run, its validation and its test."""
    training, validation = run.data.sizes
    images = run.recipe.epochs * (BACKWARD * training + validation) + run.data.dataset.test
    return float(images * run.network_size["flops"])


def peaks(run: RunConfig) -> tuple[float, float]:
    """FLOP/s of all cores: in the precision of a run, and in fp32."""
    apply_placement(resolve_placement(CPU, cores(), "fp32", run.model.first_width))
    own = placement_of(run, CPU, cores())
    simple = resolve_placement(CPU, cores(), "fp32", run.model.first_width)
    return measured_peak(own, 1.0), measured_peak(simple, 1.0)


def _written(folder: Path, name: str, base: dict[str, Any], axes: dict[str, list[Any]], seeds: int) -> Path:
    file = folder / f"{name}.json"
    baseline = {"model.shortcut": "none"}
    file.write_text(json.dumps({"name": name, "base": base, "axes": axes, "seeds": seeds, "baseline": baseline}))
    return file
