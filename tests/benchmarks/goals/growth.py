"""How time and memory grow with runs, cells, depth and images, over two decades."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from benchmarks.goals.row import Row
from benchmarks.goals.running import RESBENCH, Spent, in_fresh_process, peak_so_far, spent
from benchmarks.goals.studies import made_up
from benchmarks.goals.training import CPU, evaluation_pass

from resbench.training.device import apply_placement, cores
from resbench.training.placement import placement_of
from resbench.training.run import RunConfig
from resbench.training.timing import training_step
from resbench.training.train import train

SEEDS = (5, 16, 50, 160, 500)  # of 20 cells
CELLS = ((5, 1), (5, 3), (10, 5), (16, 10), (25, 20))  # depths and learning rates
DEPTHS = (10, 34, 100, 316, 1000)
IMAGES = (600, 1900, 6000, 19_000, 60_000)
_LINEAR = 1.1
_SOME = {
    "model.shortcut": ["none", "identity"],
    "model.depth": [10, 16, 22, 34, 58],
    "recipe.lr": [0.05, 0.1],
}
Measured = Mapping[int, Spent]


def of_runs(folder: Path) -> Iterator[Row]:
    """Commands against the runs of 20 cells; and what `load` and `run` take of 10,000."""
    files = {20 * seeds: made_up(folder, f"runs-{seeds}", _SOME, seeds) for seeds in SEEDS}
    results, pages = ["--results", str(folder / "r")], ["--reports", str(folder / "p")]
    commands = {
        "`plan`": lambda file: [*RESBENCH, "plan", str(file), "--results", str(folder / "none")],
        "`run` with nothing to do": lambda file: [*RESBENCH, "run", str(file), *results, *pages],
        "`load`": lambda file: [
            sys.executable,
            "-c",
            f"import resbench; resbench.load({str(folder / 'r' / file.stem)!r})",
        ],
        "`report`": lambda file: [*RESBENCH, "report", file.stem, *results, *pages],
    }
    for what, command in commands.items():
        measured = {runs: spent(command(file)) for runs, file in files.items()}
        yield from slopes(what, "runs", measured)
        most = {"`load`": 3, "`run` with nothing to do": 5}.get(what)
        if most:
            last = max(measured)
            words = f"{measured[last].seconds:.1f} s, {measured[last].peak:.0f} MiB"
            yield Row(f"{what}, {last:,} runs", measured[last].seconds, words, most=most, goal=f"{most} s")


def of_cells(folder: Path) -> Iterator[Row]:
    """`report` against the cells of a study of 4 seeds."""
    measured = {}
    for depths, rates in CELLS:
        axes: dict[str, list[object]] = {"model.depth": [10 + 6 * number for number in range(depths)]}
        axes |= {"recipe.lr": [0.01 * (1 + number) for number in range(rates)]} if rates > 1 else {}
        name = f"cells-{depths * rates}"
        made_up(folder, name, axes, 4)
        command = [*RESBENCH, "report", name, "--results", str(folder / "r"), "--reports", str(folder / "p")]
        measured[depths * rates] = spent(command)
    yield from slopes("`report`", "cells", measured)


def of_depth(folder: Path) -> Iterator[Row]:
    """Construction and steps against layers, at width 8."""
    both = {depth: in_fresh_process(step_of_depth, depth) for depth in DEPTHS}
    yield from slopes("construction", "layers", {depth: built for depth, (built, _) in both.items()}, memory=False)
    yield from slopes("training step of 32 images", "layers", {depth: step for depth, (_, step) in both.items()})


def step_of_depth(depth: int) -> tuple[Spent, Spent]:
    run = RunConfig.model_validate({"model": {"width": 8, "depth": depth}, "recipe": {"batch_size": 32}})
    placement = placement_of(run, CPU, cores())
    apply_placement(placement)
    torch.nn.Linear(8, 8)  # what torch loads with its first layer
    began = time.perf_counter()
    step = training_step(run, placement)
    built = Spent(time.perf_counter() - began, peak_so_far())
    step()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        step()
        took.append(time.perf_counter() - began)
    return built, Spent(statistics.median(took), peak_so_far())


def of_images(folder: Path) -> Iterator[Row]:
    """An epoch of training and an evaluation against images, at width 8 and 10 layers."""
    for what, function in (("training epoch", epoch_of), ("evaluation", evaluation_of)):
        measured = {images: in_fresh_process(function, images, folder) for images in IMAGES}
        yield from slopes(what, "images", measured)


def epoch_of(images: int, folder: Path) -> Spent:
    """Of images of noise, in a file of arrays."""
    draw, file = np.random.default_rng(0), folder / f"{images}.npz"
    arrays = {}
    for part, count in (("train", images), ("test", 100)):
        arrays[f"x_{part}"] = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % 10
    np.savez(file, **arrays)  # type: ignore[arg-type]
    del arrays
    data = {"name": "npz", "path": str(file), "val_size": 0}
    run = RunConfig.model_validate({"model": {"width": 8, "depth": 10}, "data": data, "recipe": {"epochs": 1}})
    record = train(run, folder, threads=cores())
    return Spent(record.metrics["train_seconds"] or math.nan, peak_so_far())


def evaluation_of(images: int, folder: Path) -> Spent:
    run = RunConfig.model_validate({"model": {"width": 8, "depth": 10}})
    placement = placement_of(run, CPU, cores())
    apply_placement(placement)
    evaluate_once = evaluation_pass(run, images, placement)
    began = time.perf_counter()
    evaluate_once()
    return Spent(time.perf_counter() - began, peak_so_far())


def slopes(what: str, against: str, measured: Measured, memory: bool = True) -> Iterator[Row]:
    """The slopes of time and memory; a start that is the same for all sizes flattens them, so the last decade counts too."""
    sizes = list(measured)
    quantities = {"time": [one.seconds for one in measured.values()]}
    if memory:
        quantities["peak memory"] = [one.peak for one in measured.values()]
    for quantity, values in quantities.items():
        whole, last = slope(sizes, values), slope(sizes[-3:], values[-3:])
        shown = [f"{value:,.0f} MiB" if quantity != "time" else _seconds(value) for value in (values[0], values[-1])]
        growth = {"what": f"{what}: {quantity}", "against": against, "from": f"{shown[0]} for {sizes[0]:,}"}
        growth |= {"to": f"{shown[1]} for {sizes[-1]:,}", "slope": f"{whole:.2f}", "last decade": f"{last:.2f}"}
        words = f"{max(whole, last):.2f} ({growth['from']}, {growth['to']})"
        title = f"{what}: slope of {quantity} against {against}"
        yield Row(title, max(whole, last), words, most=_LINEAR, goal=f"at most {_LINEAR}", growth=growth)


def slope(sizes: list[int], values: list[float]) -> float:
    """Of a line through the logarithms, by least squares."""
    return statistics.linear_regression(list(map(math.log, sizes)), list(map(math.log, values))).slope


def _seconds(value: float) -> str:
    return f"{1e3 * value:.0f} ms" if value < 1 else f"{value:.1f} s"
