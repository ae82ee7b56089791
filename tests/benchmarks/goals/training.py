"""How much of the machine's peak training and evaluation use, and what a run does besides its steps."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from benchmarks.goals.row import Row
from benchmarks.goals.running import in_fresh_process, numbers, trained

from resbench.benchmark.machine import measured_peak
from resbench.benchmark.measure import plain_steps
from resbench.data.loading import Images, Normalizer
from resbench.execution.packing import combined_rate
from resbench.records.store import Store
from resbench.training.device import Placement, apply_placement, cores
from resbench.training.placement import BACKWARD, placement_of
from resbench.training.run import RunConfig
from resbench.training.step import EVALUATION_BATCH, evaluate, initial
from resbench.training.timing import WARM, Protocol, timed, training_step

CPU = torch.device("cpu")
SHARES = {64: 0.85, 16: 0.65, 8: 0.45}  # of the peak that training at each width promises
_EVALUATED = 10_000


class Speeds(NamedTuple):
    """FLOP/s at the peak of all cores and in training, and images a second of the plain loop."""

    peak: float
    training: float
    plain: float


def network(width: int, depth: int = 34) -> RunConfig:
    return RunConfig.model_validate({"model": {"width": width, "depth": depth}, "data": {"name": "mnist-5k"}})


def precision(width: int) -> str:
    return "bf16" if placement_of(network(width), CPU, cores()).bf16 else "fp32 (bf16 would be emulated here)"


def throughput(width: int) -> Iterator[Row]:
    """Training of 34 layers, one run and runs side by side, as a share of the peak, and against the plain loop."""
    run, seconds = network(width), 8.0 if width > 32 else 4.0
    speeds = in_fresh_process(measured_speeds, run, seconds)
    image = BACKWARD * run.network_size["flops"]
    together = image * combined_rate(run, "cpu", cores(), seconds)
    best, least = max(speeds.training, together) / speeds.peak, SHARES[width]
    words = (
        f"{100 * best:.0f} % (one run {speeds.training / 1e9:.0f}, {cores()} side by side {together / 1e9:.0f} "
        f"of {speeds.peak / 1e9:.0f} GFLOP/s)"
    )
    what = f"training of 34 layers, width {width}: share of the measured peak of all cores in {precision(width)}"
    yield Row(what, best, words, least=least, goal=f"at least {100 * least:.0f} %")
    rate = speeds.training / image
    words = f"{rate / speeds.plain:.2f} ({rate:.1f} : {speeds.plain:.1f} images/s)"
    yield Row(f"one run, width {width}, against the plain loop", rate / speeds.plain, words)


def measured_speeds(run: RunConfig, seconds: float) -> Speeds:
    """The peak, our step and the plain loop's, in turn."""
    placement = placement_of(run, CPU, cores())
    apply_placement(placement)
    step, protocol = training_step(run, placement), Protocol("cpu", cores(), seconds, least=3)
    peaks, ours, plain = list[float](), list[float](), list[float]()
    for _ in range(2):
        peaks.append(measured_peak(placement, 1.0))
        ours += timed(step, placement, protocol)
        plain += plain_steps(run, WARM + max(2, len(ours) // 4), Path(), "cpu")
    images = run.recipe.batch_size
    flops = BACKWARD * run.network_size["flops"] * images
    return Speeds(max(peaks), flops / statistics.median(ours), images / statistics.median(plain))


def evaluation(folder: Path) -> Iterator[Row]:
    """One evaluation of 10,000 images over its forward pass at the peak."""
    for width in SHARES:
        run = network(width)
        seconds, peak = in_fresh_process(evaluation_seconds, run, _EVALUATED, 1 if width > 32 else 3)
        ideal = _EVALUATED * run.network_size["flops"] / peak
        words = f"{seconds / ideal:.2f} ({seconds:.2f} s : {ideal:.2f} s at {peak / 1e9:.0f} GFLOP/s)"
        what = f"evaluation of 10,000 images, 34 layers, width {width}, over its forward pass at the peak"
        yield Row(what, seconds / ideal, words, most=1.3, goal="at most 1.3")


def evaluation_seconds(run: RunConfig, images: int, times: int) -> tuple[float, float]:
    """Seconds of an evaluation, the median of several, and the peak of all cores, measured before and after."""
    placement = placement_of(run, CPU, cores())
    apply_placement(placement)
    evaluate_once = evaluation_pass(run, images, placement)
    peaks, spent = [measured_peak(placement, 1.0)], []
    for _ in range(times):
        began = time.perf_counter()
        evaluate_once()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent), max(*peaks, measured_peak(placement, 1.0))


def evaluation_pass(run: RunConfig, images: int, placement: Placement) -> Callable[[], object]:
    """An evaluation of images of noise, as a function; one batch has been evaluated."""
    network = initial(run, placement).network
    dataset, draw = run.data.dataset, torch.Generator().manual_seed(0)
    shape = (images, dataset.channels, dataset.size, dataset.size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, dataset.classes, (images,), generator=draw)
    normalizer = Normalizer(torch.full((1, dataset.channels, 1, 1), 0.13), torch.full((1, dataset.channels, 1, 1), 0.3))
    evaluate(network, Images(pixels[:EVALUATION_BATCH], labels[:EVALUATION_BATCH]), normalizer, placement)
    return lambda: evaluate(network, Images(pixels, labels), normalizer, placement)


def outside_steps(folder: Path) -> Iterator[Row]:
    """Data, validation, checkpoints and the test, in a run of ten epochs by `resbench run`."""
    file = folder / "outside.json"
    base = {"model": {"width": 16, "depth": 34}, "data": {"name": "mnist-5k"}, "recipe": {"epochs": 10}}
    file.write_text(json.dumps({"name": "outside", "base": base}))
    trained(file, folder)
    metrics = numbers(Store(folder / "r" / "outside").records()[0])
    share = 1 - metrics["train_seconds"] / metrics["run_seconds"]
    words = f"{100 * share:.1f} % of {metrics['run_seconds']:.0f} s"
    what = "time outside training steps in a run of 10 epochs with validation (width 16, depth 34, mnist-5k)"
    yield Row(what, share, words, most=0.03, goal="at most 3 %")
