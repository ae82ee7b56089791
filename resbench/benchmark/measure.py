"""measure(run) -> Record of kind `bench`: what a network costs on this machine, whatever it learns.

One cell at a time, each in a process of its own, on made-up images: training steps, inference, latency of one image,
memory, and how much of the machine's measured peak the training uses. Medians and quartiles, after steps that warm up.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from resbench.core.config import UserError
from resbench.data.loading import DATASETS
from resbench.grid.grid import Cell, Planned
from resbench.model import measure as sizes
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.training.device import (
    Placement,
    choose,
    measured_bandwidth,
    measured_peak,
    peak_memory,
    provenance,
    settle,
)
from resbench.training.run import RunConfig
from resbench.training.step import BACKWARD, EVALUATION_BATCH, inference, initial, placed
from resbench.training.timing import WARM, Protocol, made_batch, rates, timed, training_step
from resbench.training.train import empty

PLAIN = Path(__file__).parents[2] / "tests" / "benchmarks" / "plain_loop.py"
# Times that training moves an activation, at the least: written and read in the forward pass, read again in the
# backward pass, its gradient written and read.
_MOVED = 5


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
    metrics |= rates("train_images_per_second", run.recipe.batch_size, ours)
    metrics |= _inference(run, placement, protocol)
    metrics["peak_memory"] = peak_memory(placement.device)  # before the arrays that measure the machine
    metrics |= of_the_machine(size, metrics["train_images_per_second"], placement)
    if plain:
        metrics |= rates("plain_images_per_second", run.recipe.batch_size, plain)
        metrics["speedup"] = statistics.median(plain) / statistics.median(ours)
    where = provenance(placement, code)
    record = empty(run.with_seed(0), "ok", where, None)
    record |= {"kind": "bench", "run": record["id"], "id": bench_id(record["id"], where)}
    return record | {"metrics": {name: rounded(value) for name, value in metrics.items()}}


def of_the_machine(size: dict[str, int], rate: float, placement: Placement) -> dict[str, float]:
    """Where training stands under the roofline (Williams et al. 2009): FLOPs a second and for each byte moved."""
    peak = measured_peak(placement)
    used = BACKWARD * size["flops"] * rate
    moved = _MOVED * size["activations"] * (2 if placement.bf16 else 4)
    return {
        "flops_per_second": used,
        "peak_flops_per_second": peak,
        "share_of_peak": used / peak,
        "bytes_per_image": moved,
        "flops_per_byte": BACKWARD * size["flops"] / moved,
        "bandwidth": measured_bandwidth(placement),
    }


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
    with alone() as pool:
        for one in {one.of.with_seed(0).id: one for one in planned}.values():
            run = one.of.with_seed(0)
            where = provenance(placed(run, choose(protocol.device), protocol.threads), code)
            found = store.read(bench_id(run.id, where))
            if fresh or found is None or (protocol.plain and "speedup" not in found["metrics"]):
                found = pool.submit(measure, run, protocol, code).result()
                store.remove(found["id"])
                store.add(found)
            yield one.cell, found["metrics"]["train_images_per_second"]


def alone() -> ProcessPoolExecutor:
    """A pool in which each measurement has a fresh process, and the machine, to itself."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resbench.training.train", "torch._dynamo"])
    return ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1)


def _training(run: RunConfig, placement: Placement, protocol: Protocol) -> tuple[list[float], list[float]]:
    """Seconds of each step, ours and the plain loop's, in turn."""
    step = training_step(run, placement)
    ours, plain = timed(step, placement, protocol), []
    if protocol.plain:
        steps = WARM + len(ours)
        plain += _plain(run, steps, protocol.plain)
        ours += timed(step, placement, protocol)
        plain += _plain(run, steps, protocol.plain)
    return ours, plain


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
    return seconds[WARM:]


def _inference(run: RunConfig, placement: Placement, protocol: Protocol) -> dict[str, float]:
    classify = inference(initial(run, placement).network, placement)
    out: dict[str, float] = {}
    with torch.inference_mode():
        many, _ = made_batch(run, EVALUATION_BATCH, placement)
        seconds = timed(lambda: classify(many), placement, protocol)
        out |= rates("inference_images_per_second", EVALUATION_BATCH, seconds)
        one = many[:1]
        seconds = timed(lambda: classify(one), placement, protocol)
    low, middle, high = statistics.quantiles(seconds, n=4)
    return out | {"latency_ms": 1e3 * middle, "latency_ms_q1": 1e3 * low, "latency_ms_q3": 1e3 * high}


def rounded(value: float) -> float:
    """Five digits; whole numbers as they are."""
    return value if isinstance(value, int) else float(f"{value:.5g}")
