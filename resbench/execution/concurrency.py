"""How many runs side by side, and with how many threads each: measured where that pays, then kept for the study.

Results on a CPU depend on the number of threads, so a study keeps the number that it began with, on each kind of
machine: it stands in `.work/share.json` beside the records.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch

from resbench.core.files import replace
from resbench.core.locks import wait_for
from resbench.data.loading import DATASETS
from resbench.grid.grid import Planned
from resbench.model import measure
from resbench.records.store import Store
from resbench.training.cuda import fitting
from resbench.training.device import choose, cores, device_name, settle, synchronise
from resbench.training.run import RunConfig
from resbench.training.step import BACKWARD, placed
from resbench.training.timing import WARM, Protocol, timed, training_step

_WORTH = 3e13  # FLOPs for each core from which measuring pays: some ten minutes
_SECONDS = 3.0  # of training for each way that is tried
_PATIENCE = 600.0  # seconds until all must have begun
_GAIN = 1.05  # what a way must gain over that with the most runs side by side, which waits the least


@dataclass(frozen=True)
class Share:
    """Runs side by side, threads of each, and where the choice comes from."""

    jobs: int
    threads: int
    because: str


def unmeasured(jobs: int | None, total: int, device: str) -> Share:
    """The number asked for, else one run with one thread on each core, and one run on a GPU.

    The number depends on the whole grid, not on what is left of it, so that an interrupted grid goes on as it began.
    """
    because = "as asked" if jobs else "not measured"
    if jobs is None:
        jobs = min(cores(), max(total, 1)) if device == "cpu" else 1
    return Share(jobs, max(1, cores() // jobs), because)


def share(jobs: int | None, runs: Sequence[Planned], store: Store, device: str) -> Share:
    """What the study was begun with on this kind of machine, else what is fastest here if the grid is worth the question.

    Args:
        jobs: what the user asked for, or None to choose.
        runs: all runs of the grid, done or not.
        store: of the study.
        device: name of the torch device.
    """
    default = unmeasured(jobs, len(runs), device)
    if jobs is not None or len(runs) < 2:
        return default
    kept = remembered(store, len(runs), device)
    if kept:
        return kept
    seeds = Counter(id(run.of) for run in runs)
    cells = {id(run.of): run.of for run in runs}
    if sum(seeds[key] * _work(cell) for key, cell in cells.items()) < _WORTH * cores():
        return default
    store.open()
    # of commands that begin together one measures, and the others do as it says
    with wait_for(store.work / "share.lock"):
        kept = remembered(store, len(runs), device)
        return kept or _measured(list(cells.values()), len(runs), default, store, device)


def _measured(cells: list[RunConfig], total: int, default: Share, store: Store, device: str) -> Share:
    ranked = sorted(cells, key=_size)
    most = default.jobs
    if device == "cuda":
        largest = max(cells, key=_memory)
        most = fitting(*reserved(largest, device), total, cores())
    rates = {ways: together(ranked[len(ranked) // 2], device, ways, _SECONDS) for ways in candidates(most)}
    best = faster(rates)
    told = ", ".join(f"{ways} side by side {rate:,.0f} images/s" for ways, rate in rates.items())
    chosen = Share(best, max(1, cores() // best), f"measured: {told}")
    _keep(store, chosen, device)
    return chosen


def candidates(most: int) -> list[int]:
    """1, 2, 4 ... up to, and with, the most."""
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def faster(rates: dict[int, float]) -> int:
    """The number of runs with the best sum of rates; the largest number where the gain over it is small."""
    most = max(rates)
    best = max(rates, key=lambda ways: rates[ways])
    return best if rates[best] > _GAIN * rates[most] else most


def remembered(store: Store, total: int, device: str) -> Share | None:
    """What was chosen for this study on a machine of this kind; never more runs than there are."""
    try:
        found = json.loads((store.work / "share.json").read_text(encoding="utf-8"))[_machine(device)]
        threads, jobs = int(found["threads"]), int(found["jobs"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return Share(max(1, min(jobs, total)), max(1, min(threads, cores())), "as this study was begun")


def _keep(store: Store, chosen: Share, device: str) -> None:
    store.open()
    path = store.work / "share.json"
    try:
        kept = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        kept = {}
    kept[_machine(device)] = {"jobs": chosen.jobs, "threads": chosen.threads, "because": chosen.because}
    replace(path, (json.dumps(kept, indent=1) + "\n").encode(), store.work)


def _machine(device: str) -> str:
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


def together(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
    """Images per second of `jobs` processes that train side by side, summed; each has its share of the cores."""
    threads = max(1, cores() // jobs)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resbench.training.train", "torch._dynamo"])
    with context.Manager() as manager, ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        meet = manager.Barrier(jobs)
        parts = [pool.submit(_alongside, run, Protocol(device, threads, seconds), meet) for _ in range(jobs)]
        return sum(part.result() for part in parts)


def reserved(run: RunConfig, device: str) -> tuple[int, int]:
    """Bytes that are free on a CUDA device, and bytes that torch reserves there to train a run, measured in a process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_reserved, run, device).result()


def _reserved(run: RunConfig, device: str) -> tuple[int, int]:
    free, _ = torch.cuda.mem_get_info(device)
    placement = placed(run, choose(device), 1)
    settle(placement)
    step = training_step(run, placement)
    for _ in range(WARM):
        step()
    synchronise(placement.device)
    return free, torch.cuda.max_memory_reserved(device)


def _alongside(run: RunConfig, protocol: Protocol, meet: threading.Barrier) -> float:
    placement = placed(run, choose(protocol.device), protocol.threads)
    settle(placement)
    try:
        step = training_step(run, placement)
        step()
    except BaseException:
        meet.abort()  # the others would wait for ever
        raise
    meet.wait(_PATIENCE)
    return run.recipe.batch_size / statistics.median(timed(step, placement, protocol))
