"""How many runs side by side, and with how many threads each: measured where that pays, then kept for the study.

Results on a CPU depend on the number of threads, so a study keeps the number that it began with, on each kind of
machine: `.work/share.json`, next to the records, holds it.
"""

from __future__ import annotations

import json
import statistics
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from resbench.core.files import replace
from resbench.core.locks import wait_for_lock
from resbench.data.datasets import DATASETS
from resbench.grid.grid import PlannedRun
from resbench.model import measure
from resbench.records.store import Store
from resbench.training.cuda import fitting
from resbench.training.device import apply_placement, choose, cores, synchronise
from resbench.training.provenance import device_name
from resbench.training.run import RunConfig
from resbench.training.server import in_processes
from resbench.training.step import BACKWARD, placement_of
from resbench.training.timing import WARM, Protocol, timed, training_step

FILE = "share.json"  # of versions before, too: old studies go on as they began
_WORTH = 3e13  # FLOPs for each core from which measuring pays: some ten minutes
_SECONDS = 3.0  # of training for each number of runs that is tried
_PATIENCE = 600.0  # seconds until all must have begun
_GAIN = 1.05  # what a number must gain over the largest one, with which runs wait the least


@dataclass(frozen=True)
class Concurrency:
    """Runs side by side, threads of each, and where the choice comes from."""

    jobs: int
    threads: int
    reason: str


def unmeasured(jobs: int | None, total: int, device: str) -> Concurrency:
    """The given number, else one run with one thread on each core, and one run on a GPU.

    The number depends on the whole grid, not on what is left of it, so that an interrupted grid goes on as it began.
    """
    reason = "as asked" if jobs else "not measured"
    if jobs is None:
        jobs = min(cores(), max(total, 1)) if device == "cpu" else 1
    return Concurrency(jobs, max(1, cores() // jobs), reason)


def choose_concurrency(jobs: int | None, runs: Sequence[PlannedRun], store: Store, device: str) -> Concurrency:
    """What the study began with on this kind of machine, else what is fastest here if the grid is worth measuring.

    Args:
        jobs: what the user gave, or None to choose.
        runs: all runs of the grid, done or not.
        store: of the study.
        device: name of the torch device.
    """
    default = unmeasured(jobs, len(runs), device)
    if jobs is not None or len(runs) < 2:
        return default
    earlier = load_choice(store, len(runs), device)
    if earlier:
        return earlier
    seeds = Counter(id(run.cell_config) for run in runs)
    cells = {id(run.cell_config): run.cell_config for run in runs}
    if sum(seeds[key] * _work(cell) for key, cell in cells.items()) < _WORTH * cores():
        return default
    store.open()
    # of commands that begin together one measures, and the others take its choice
    with wait_for_lock(store.work / "share.lock"):
        earlier = load_choice(store, len(runs), device)
        return earlier or _measured(list(cells.values()), len(runs), default, store, device)


def _measured(cells: list[RunConfig], total: int, default: Concurrency, store: Store, device: str) -> Concurrency:
    by_size = sorted(cells, key=_size)
    most = default.jobs
    if device == "cuda":
        largest = max(cells, key=_memory)
        most = fitting(*_reserved_memory(largest, device), total, cores())
    middle = by_size[len(by_size) // 2]
    rates = {jobs: combined_rate(middle, device, jobs, _SECONDS) for jobs in candidates(most)}
    best = fastest(rates)
    measured = ", ".join(f"{jobs} side by side {rate:,.0f} images/s" for jobs, rate in rates.items())
    choice = Concurrency(best, max(1, cores() // best), f"measured: {measured}")
    save_choice(store, choice, device)
    return choice


def candidates(most: int) -> list[int]:
    """1, 2, 4 ... up to, and with, the most."""
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def fastest(rates: dict[int, float]) -> int:
    """The number of runs with the best sum of rates; the largest number if the gain over it is small."""
    most = max(rates)
    best = max(rates, key=lambda jobs: rates[jobs])
    return best if rates[best] > _GAIN * rates[most] else most


def load_choice(store: Store, total: int, device: str) -> Concurrency | None:
    """What was chosen for this study on a machine of this kind; never more runs than the study has."""
    try:
        choice = json.loads((store.work / FILE).read_text(encoding="utf-8"))[machine(device)]
        threads, jobs = int(choice["threads"]), int(choice["jobs"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return Concurrency(max(1, min(jobs, total)), max(1, min(threads, cores())), "as this study was begun")


def save_choice(store: Store, choice: Concurrency, device: str) -> None:
    """Keep what was chosen, next to the choices for other machines."""
    store.open()
    path = store.work / FILE
    try:
        choices = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        choices = {}
    choices[machine(device)] = {"jobs": choice.jobs, "threads": choice.threads, "because": choice.reason}
    replace(path, (json.dumps(choices, indent=1) + "\n").encode(), store.work)


def machine(device: str) -> str:
    """The kind of machine that a choice holds for."""
    return f"{device}: {device_name(choose(device))}, {cores()} cores"


def _size(run: RunConfig) -> int:
    source = DATASETS[run.data.name]
    return measure(run.model, source.channels, source.size, source.classes)["flops"]


def _memory(run: RunConfig) -> int:
    """What grows with it: activations of a batch, and weights with their gradients and optimizer state."""
    source = DATASETS[run.data.name]
    size = measure(run.model, source.channels, source.size, source.classes)
    return size["activations"] * run.recipe.batch_size + 4 * size["parameters"]


def _work(run: RunConfig) -> float:
    """FLOPs of its training: a step costs three forward passes."""
    return float(BACKWARD) * _size(run) * run.data.sizes[0] * run.recipe.epochs


def combined_rate(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
    """Images per second of `jobs` processes that train side by side, summed; the cores are divided among them."""
    threads = max(1, cores() // jobs)
    return sum(in_processes(jobs, _PATIENCE, _rate, run, Protocol(device, threads, seconds)))


def _rate(run: RunConfig, protocol: Protocol, start: threading.Barrier) -> float:
    """Images per second of this process, measured from when all others are ready too."""
    placement = placement_of(run, choose(protocol.device), protocol.threads)
    apply_placement(placement)
    step = training_step(run, placement)
    step()
    start.wait(_PATIENCE)
    return run.recipe.batch_size / statistics.median(timed(step, placement, protocol))


def _reserved_memory(run: RunConfig, device: str) -> tuple[int, int]:
    """Bytes that are free on a CUDA device, and bytes that torch reserves there to train a run, in a fresh process."""
    free, each = in_processes(1, _PATIENCE, _reserve, run, device)[0]
    return free, each


def _reserve(run: RunConfig, device: str, start: threading.Barrier) -> tuple[int, int]:
    free, _ = torch.cuda.mem_get_info(device)
    placement = placement_of(run, choose(device), 1)
    apply_placement(placement)
    step = training_step(run, placement)
    for _ in range(WARM):
        step()
    synchronise(placement.device)
    return free, torch.cuda.max_memory_reserved(device)
