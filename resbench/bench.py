"""measure(run) -> Record of kind `bench`: what a network costs on this machine, whatever it learns.

One cell at a time, each in a process of its own, on made-up images: training steps, inference, latency of one image,
memory, and how much of the machine's measured peak the training uses. Medians and quartiles, after steps that warm up.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resbench.config import UserError
from resbench.data import DATASETS
from resbench.device import Placement, choose, cores, measured_peak, peak_memory, provenance, settle, synchronise
from resbench.grid import Cell, Planned
from resbench.model import measure as sizes
from resbench.record import Record
from resbench.run_config import RunConfig
from resbench.store import Store
from resbench.train import EVALUATION_BATCH, empty, inference, initial, placed, update

PLAIN = Path(__file__).parent.parent / "tests" / "benchmarks" / "plain_loop.py"
BACKWARD = 3  # a training step costs three forward passes: one forward, two products backward
_WARM = 3


@dataclass(frozen=True)
class Protocol:
    """How to measure.

    Attributes:
        device: name of the torch device.
        threads: of torch.
        seconds: for each quantity of a cell, at the least `least` repetitions.
        plain: data root for the plain loop that is timed in turn with ours, or None to leave it out.
    """

    device: str
    threads: int
    seconds: float = 5.0
    least: int = 5
    plain: Path | None = None


def measure(run: RunConfig, protocol: Protocol, code: tuple[str | None, bool] | None = None) -> Record:
    """Measure one network; the seed, the data and the length of the run do not matter.

    Returns:
        A record of kind `bench`, whose `run` is the id of the run with seed 0, so that it joins with what that
        learned. Rates are images per second; `_q1` and `_q3` are quartiles over steps.
    """
    placement = placed(run, choose(protocol.device), protocol.threads)
    settle(placement)
    source = DATASETS[run.data.name]
    size = sizes(run.model, source.channels, source.size, source.classes)
    metrics: dict[str, float] = {"parameters": size["parameters"], "flops": size["flops"]}
    ours, plain = _training(run, placement, protocol)
    metrics |= _rates("train_images_per_second", run.recipe.batch_size, ours)
    metrics |= _inference(run, placement, protocol)
    peak = measured_peak(placement)
    used = BACKWARD * size["flops"] * metrics["train_images_per_second"]
    metrics |= {"flops_per_second": used, "peak_flops_per_second": peak, "share_of_peak": used / peak}
    metrics["peak_memory"] = peak_memory(placement.device)
    if plain:
        metrics |= _rates("plain_images_per_second", run.recipe.batch_size, plain)
        metrics["speedup"] = statistics.median(plain) / statistics.median(ours)
    where = provenance(placement, code)
    record = empty(run.with_seed(0), "ok", where, None)
    record |= {"kind": "bench", "run": record["id"], "id": bench_id(record["id"], where)}
    return record | {"metrics": {name: _rounded(value) for name, value in metrics.items()}}


def bench_id(run_id: str, where: dict[str, Any]) -> str:
    """16 hexadecimal digits of the run and of what its cost depends on: machines stand side by side in one study."""
    parts = [run_id, *(str(where[key]) for key in ("device", "device_name", "threads", "precision", "channels_last"))]
    return hashlib.blake2b(b"bench:" + ":".join(parts).encode(), digest_size=8).hexdigest()


def measured(
    planned: Iterable[Planned],
    store: Store,
    protocol: Protocol,
    code: tuple[str | None, bool],
    fresh: bool = False,
) -> Iterator[tuple[Cell, float]]:
    """Measure what has no record of this machine yet, and yield every cell with its training throughput.

    Args:
        planned: runs; those that differ in their seed alone are measured once.
        store: of bench records.
        code: `device.revision()`.
        fresh: measure what has a record too, and replace it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resbench.train"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for one in {one.of.with_seed(0).id: one for one in planned}.values():
            run = one.of.with_seed(0)
            where = provenance(placed(run, choose(protocol.device), protocol.threads), code)
            found = store.read(bench_id(run.id, where))
            if fresh or found is None or (protocol.plain and "speedup" not in found["metrics"]):
                found = pool.submit(measure, run, protocol, code).result()
                store.remove(found["id"])
                store.add(found)
            yield one.cell, found["metrics"]["train_images_per_second"]


def together(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
    """Images per second of `jobs` processes that train side by side, summed; each has its share of the cores."""
    threads = max(1, cores() // jobs)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resbench.train"])
    with context.Manager() as manager, ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        meet = manager.Barrier(jobs)
        parts = [pool.submit(_alongside, run, Protocol(device, threads, seconds), meet) for _ in range(jobs)]
        return sum(part.result() for part in parts)


def _alongside(run: RunConfig, protocol: Protocol, meet: threading.Barrier) -> float:
    placement = placed(run, choose(protocol.device), protocol.threads)
    settle(placement)
    step = _stepper(run, placement)
    step()
    meet.wait()
    return run.recipe.batch_size / statistics.median(_timed(step, placement, protocol))


def _training(run: RunConfig, placement: Placement, protocol: Protocol) -> tuple[list[float], list[float]]:
    """Seconds of each step, ours and the plain loop's, in turn."""
    step = _stepper(run, placement)
    ours, plain = _timed(step, placement, protocol), []
    if protocol.plain:
        steps = _WARM + len(ours)
        plain += _plain(run, steps, protocol.plain)
        ours += _timed(step, placement, protocol)
        plain += _plain(run, steps, protocol.plain)
    return ours, plain


def _stepper(run: RunConfig, placement: Placement) -> Callable[[], object]:
    state = initial(run, placement)
    state.network.train()
    inputs, labels = _batch(run, run.recipe.batch_size, placement)
    return lambda: update(state, run.recipe, inputs, labels, placement)


def _plain(run: RunConfig, steps: int, directory: Path) -> list[float]:
    if not PLAIN.is_file():
        raise UserError(f"--against plain: {PLAIN} is not there: it comes with the repository, not with the package")
    once = run.recipe.model_copy(update={"epochs": 1, "warmup": 0.0})
    config = run.model_copy(update={"recipe": once}).model_dump_json()
    command = [sys.executable, str(PLAIN), config, "--steps", str(steps), "--no-test", "--data-dir", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"--against plain: the plain loop failed: {done.stderr.strip().splitlines()[-1]}")
    seconds: list[float] = json.loads(done.stdout)["step_seconds"]
    return seconds[_WARM:]


def _inference(run: RunConfig, placement: Placement, protocol: Protocol) -> dict[str, float]:
    classify = inference(initial(run, placement).network, placement)
    out: dict[str, float] = {}
    with torch.inference_mode():
        many, _ = _batch(run, EVALUATION_BATCH, placement)
        seconds = _timed(lambda: classify(many), placement, protocol)
        out |= _rates("inference_images_per_second", EVALUATION_BATCH, seconds)
        one = many[:1]
        seconds = _timed(lambda: classify(one), placement, protocol)
    low, middle, high = statistics.quantiles(seconds, n=4)
    return out | {"latency_ms": 1e3 * middle, "latency_ms_q1": 1e3 * low, "latency_ms_q3": 1e3 * high}


def _batch(run: RunConfig, images: int, placement: Placement) -> tuple[Tensor, Tensor]:
    source = DATASETS[run.data.name]
    made = torch.Generator().manual_seed(0)
    inputs = torch.randn(images, source.channels, source.size, source.size, generator=made)
    labels = torch.randint(0, source.classes, (images,), generator=made)
    return inputs.to(placement.device), labels.to(placement.device)


def _timed(function: Callable[[], object], placement: Placement, protocol: Protocol) -> list[float]:
    """Seconds of each call after some that warm up; on CUDA by events, so that the host need not keep up."""
    for _ in range(_WARM):
        function()
    synchronise(placement.device)
    if placement.device.type == "cuda":
        return _timed_by_events(function, placement, protocol)
    out: list[float] = []
    until = time.perf_counter() + protocol.seconds
    while len(out) < protocol.least or time.perf_counter() < until:
        began = time.perf_counter()
        function()
        synchronise(placement.device)
        out.append(time.perf_counter() - began)
    return out


def _timed_by_events(function: Callable[[], object], placement: Placement, protocol: Protocol) -> list[float]:
    events: list[torch.cuda.Event] = []

    def mark() -> None:
        events.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
        events[-1].record()

    mark()
    until = time.perf_counter() + protocol.seconds
    while len(events) <= protocol.least or time.perf_counter() < until:
        function()
        mark()
    synchronise(placement.device)
    return [1e-3 * left.elapsed_time(right) for left, right in itertools.pairwise(events)]


def _rates(name: str, images: int, seconds: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(seconds, n=4)
    return {name: images / middle, f"{name}_q1": images / high, f"{name}_q3": images / low}


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.5g}")
