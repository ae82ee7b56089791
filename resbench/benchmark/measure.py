"""measure(run) -> Record of kind `bench`: what a network costs on this machine, whatever it learns.

One cell at a time, each in a process of its own, on made-up images: training steps, inference, latency of one image,
memory, and how much of the machine's measured peak the training uses. Medians and quartiles, after steps that warm up.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from resbench.benchmark.machine import machine_metrics
from resbench.core.cell import Cell
from resbench.core.errors import UserError
from resbench.core.own_code import blamed
from resbench.core.processes import import_variables
from resbench.core.version import Revision
from resbench.grid.grid import PlannedRun
from resbench.records.record import Provenance, Record, Row
from resbench.records.store import Store
from resbench.training.device import Placement, apply_placement, choose, peak_memory
from resbench.training.placement import placement_of
from resbench.training.provenance import arithmetic, provenance
from resbench.training.run import RunConfig
from resbench.training.server import fresh_processes
from resbench.training.step import EVALUATION_BATCH, inference, initial
from resbench.training.timing import WARM, Protocol, made_batch, rates, steady, timed, training_step
from resbench.training.train import empty_record

PLAIN_LOOP = (sys.executable, "-m", "resbench.benchmark.plain_loop")
_PLAIN_STEPS = 100  # at most, of a slower loop
_MACHINE = ("device", "device_name", "threads", "precision", "channels_last")


def measure(run: RunConfig, protocol: Protocol, code: Revision | None = None) -> Record:
    """Measure one network; the seed, the data and the length of the run do not matter.

    Returns:
        A record of kind `bench`, whose `run` is the id of the run with seed 0, so that it joins with what that
        learned. Rates are images per second; `_q1` and `_q3` are quartiles over steps.
    """
    run.check_own_code()
    with blamed(run):
        return _measure(run, protocol, code)


def _measure(run: RunConfig, protocol: Protocol, code: Revision | None) -> Record:
    placement = placement_of(run, choose(protocol.device), protocol.threads)
    apply_placement(placement)
    size, batch_size = run.network_size, run.recipe.batch_size
    ours, plain = _training(run, placement, protocol)
    metrics: dict[str, float] = {"parameters": size["parameters"], "flops": size["flops"]}
    metrics |= rates("train_images_per_second", batch_size, ours)
    images, _ = made_batch(run, EVALUATION_BATCH, placement)
    metrics |= inference_metrics(initial(run, placement).network, images, placement, protocol)
    metrics["peak_memory"] = peak_memory(placement.device)  # before the arrays that measure the machine
    metrics |= machine_metrics(size, metrics["train_images_per_second"], placement)
    if plain:
        metrics |= rates("plain_images_per_second", batch_size, plain)
        metrics["speedup"] = statistics.median(plain) / statistics.median(ours)
    facts = dated(provenance(placement, code))
    if plain:
        facts = facts.with_facts(plain_device=placement.device.type)
    record = empty_record(run.with_seed(0), "ok", facts)
    return replace(record, kind="bench", run=record.id, id=bench_id(record.id, facts), metrics=rounded(metrics))


def inference_metrics(network: nn.Module, images: Tensor, placement: Placement, protocol: Protocol) -> dict[str, float]:
    """Throughput on a batch of normalised images, and latency of one of them."""
    classify = inference(network, placement)
    with torch.inference_mode():
        batch = steady(lambda: classify(images), placement, protocol)
        first = images[:1]
        latencies = steady(lambda: classify(first), placement, protocol)
    low, middle, high = statistics.quantiles(latencies, n=4)
    return rates("inference_images_per_second", len(images), batch) | {
        "latency_ms": 1e3 * middle,
        "latency_ms_q1": 1e3 * low,
        "latency_ms_q3": 1e3 * high,
    }


def bench_id(run_id: str, facts: Provenance) -> str:
    """16 hexadecimal digits of the run and of what its cost depends on: a study has a record for each machine."""
    parts = [run_id, *(str(facts.facts[key]) for key in _MACHINE)]
    return hashlib.blake2b(b"bench:" + ":".join(parts).encode(), digest_size=8).hexdigest()


def dated(facts: Provenance) -> Provenance:
    """The facts of a measurement: of which code it is, whatever its revision, and when it was made."""
    now = datetime.datetime.now(datetime.UTC).astimezone().isoformat(timespec="seconds")
    return facts.with_facts(source=arithmetic(facts)["source"], measured=now)


def is_current(record: Record, facts: Provenance) -> bool:
    """Whether a measurement holds for this code, torch and instruction set; records of earlier versions lack `source`."""
    now, before = arithmetic(facts), arithmetic(record.provenance)
    before["source"] = record.provenance.text("source") or now["source"]
    return before == now


def _is_against_plain(record: Record, facts: Provenance) -> bool:
    """Whether it compares with a plain loop of this device; earlier versions had that on the CPU, and no `plain_device`."""
    device = record.provenance.text("plain_device") or "cpu"
    return "speedup" in record.metrics and device == facts.device


def measure_runs(
    planned: Iterable[PlannedRun], store: Store, protocol: Protocol, code: Revision, fresh: bool = False
) -> Iterator[tuple[Cell, Record]]:
    """Measure what has no record of this machine, code and torch yet, and yield every cell with its record.

    Args:
        planned: runs; those that differ in their seed alone are measured once.
        store: of bench records.
        code: `version.revision()`.
        fresh: measure what has a record too, and replace it.
    """
    with fresh_processes() as pool:
        for cell_run in {run.cell_config.id: run for run in planned}.values():
            run = cell_run.cell_config
            facts = provenance(placement_of(run, choose(protocol.device), protocol.threads), code)
            record = None if fresh else store.read(bench_id(run.id, facts))
            lacking = record and protocol.plain and not _is_against_plain(record, facts)
            if record is None or record.run != run.id or lacking or not is_current(record, facts):
                record = pool.submit(measure, run, protocol, code).result()
                replace_record(store, record)
            yield cell_run.cell, record


def replace_record(store: Store, record: Record) -> None:
    """Publish a measurement in the place of an earlier one."""
    store.remove(record.id)
    store.add(record)


def _training(run: RunConfig, placement: Placement, protocol: Protocol) -> tuple[list[float], list[float]]:
    """Seconds of each step, ours and the plain loop's, in turn."""
    step = training_step(run, placement)
    if not protocol.plain:
        return steady(step, placement, protocol), []
    ours, plain = timed(step, placement, protocol), list[float]()
    steps = WARM + min(len(ours), _PLAIN_STEPS)
    plain += plain_steps(run, steps, protocol.plain, placement.device.type)
    ours += timed(step, placement, protocol)
    plain += plain_steps(run, steps, protocol.plain, placement.device.type)
    return ours, plain


def plain_steps(run: RunConfig, steps: int, directory: Path, device: str, *options: str) -> list[float]:
    """Seconds of at least so many steps of the plain loop on a device, its warm-up left out.

    Args:
        options: of the plain loop, besides.

    Raises:
        UserError: it failed.
    """
    data = run.data.dataset
    if (data.channels, data.size, data.classes) != (1, 28, 10):
        raise UserError(
            f"--against plain: the plain loop trains on images like MNIST's, not on those of {run.data.name}"
        )
    epochs = -(-steps // -(-run.data.sizes[0] // run.recipe.batch_size))
    recipe = run.recipe.model_copy(update={"epochs": epochs, "warmup": 0.0})
    config = run.model_copy(update={"recipe": recipe}).model_dump_json()
    command = [*PLAIN_LOOP, config, "--steps", str(steps), "--no-test", "--data-dir", str(directory)]
    command += ["--device", device, *options]
    command += ["--home", json.dumps(run.home.to_json())] if run.home else []
    environment = os.environ | import_variables()
    environment.pop("CUBLAS_WORKSPACE_CONFIG", None)  # which ours has set: a plain script leaves cuBLAS as it is
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"--against plain: the plain loop failed: {done.stderr.strip().splitlines()[-1]}")
    seconds: list[float] = json.loads(done.stdout)["step_seconds"]
    return seconds[WARM:]


def rounded(metrics: dict[str, float]) -> Row:
    """Five digits; whole numbers as they are."""
    return {name: value if isinstance(value, int) else float(f"{value:.5g}") for name, value in metrics.items()}
