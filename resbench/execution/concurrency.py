"""How many runs side by side, and with how many threads each: measured where that pays, then kept for the study.

Results on a CPU depend on the number of threads, so a study keeps the number that it began with, on each kind of
machine: `.work/share.json`, next to the records, holds it.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resbench.core.files import replace
from resbench.core.locks import wait_for_lock
from resbench.data.directory import default_directory
from resbench.data.loading import prepare
from resbench.grid.grid import PlannedRun
from resbench.model import measure
from resbench.records.store import Store
from resbench.training.cards import cards
from resbench.training.device import choose_name, cores
from resbench.training.placement import BACKWARD
from resbench.training.provenance import device_name
from resbench.training.run import RunConfig

FILE = "share.json"  # of versions before, too: old studies go on as they began
_WORTH = 3e13  # FLOPs for each core from which measuring pays: some ten minutes
_SECONDS = 3.0  # of training for each number of runs that is tried


@dataclass(frozen=True)
class Concurrency:
    """Runs side by side, threads of each, and where the choice comes from."""

    jobs: int
    threads: int
    reason: str


def unmeasured(jobs: int | None, total: int, device: str) -> Concurrency:
    """The given number, else one run with one thread on each core, and one run on each GPU.

    How many small runs pay on a card was not measured on one, so that only what is measured there is more than one.

    The number depends on the whole grid, not on what is left of it, so that an interrupted grid goes on as it began.
    """
    reason = "as asked" if jobs else "not measured"
    if jobs is None:
        places = cores() if device == "cpu" else max(1, len(cards(device)))
        jobs = min(places, max(total, 1))
    return Concurrency(jobs, max(1, cores() // jobs), reason)


@dataclass(frozen=True)
class RunInputs:
    """What runs read and measure besides their configuration: the torchvision data root, and the grid's probes."""

    directory: Path
    probes: Sequence[str] = ()


def choose_concurrency(
    jobs: int | None, runs: Sequence[PlannedRun], store: Store, device: str, inputs: RunInputs | None = None
) -> Concurrency:
    """What the study began with on this kind of machine, else what is fastest here if the grid is worth measuring.

    Args:
        jobs: what the user gave, or None to choose.
        runs: all runs of the grid, done or not.
        store: of the study.
        device: name of the torch device.
        inputs: of the runs; by default the usual data root, and no probes.

    Raises:
        UserError: data that cannot be used.
    """
    default = unmeasured(jobs, len(runs), device)
    if jobs is not None or len(runs) < 2:
        return default
    earlier = load_choice(store, len(runs), device)
    if earlier:
        return earlier
    seeds = Counter(id(run.cell_config) for run in runs)
    cells = {id(run.cell_config): run.cell_config for run in runs}
    if any(cell.trainer.given for cell in cells.values()):  # nothing is known of its work
        return default
    if sum(seeds[key] * _work(cell) for key, cell in cells.items()) < _WORTH * cores():
        return default
    store.open()
    # of commands that begin together one measures, and the others take its choice
    with wait_for_lock(store.work / "share.lock"):
        earlier = load_choice(store, len(runs), device)
        inputs = inputs or RunInputs(default_directory())
        return earlier or _measured(list(cells.values()), len(runs), default, store, device, inputs)


def _measured(
    cells: list[RunConfig], total: int, default: Concurrency, store: Store, device: str, inputs: RunInputs
) -> Concurrency:
    from resbench.execution.packing import candidates, combined_rate, fastest, fit, measure_rates
    from resbench.training.server import Failed

    on_cuda, found = device.startswith("cuda"), cards(device)
    if any(card.one_process for card in found):
        return dataclasses.replace(default, reason="a card takes one process in its mode Exclusive_Process")
    by_size = sorted(cells, key=_size)
    middle, most = by_size[len(by_size) // 2], default.jobs
    try:
        if on_cuda:
            largest = max(cells, key=_memory)
            prepare(largest.data, inputs.directory)
            most = fit(largest, device, inputs.directory, inputs.probes, total)
        rates = measure_rates(lambda jobs: combined_rate(middle, device, jobs, _SECONDS), candidates(most), on_cuda)
        best, words, worked = fastest(rates.images, fewest=on_cuda), str(rates), any(rates.images.values())
    except Failed as failed:
        best, words, worked = 1, f"the largest run failed ({failed})", False
    jobs = min(total, best * max(1, len(found)))
    where = f"measured{' on one card' if len(found) > 1 else ''}: "
    choice = Concurrency(jobs, max(1, cores() // jobs), where + words)
    if worked or not on_cuda:  # others may have filled the card for now; on a CPU results depend on the threads
        save_choice(store, choice, device)
    return choice


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
    counts = Counter(card.name for card in cards(device))
    names = " and ".join(f"{f'{count} x ' if count > 1 else ''}{name}" for name, count in counts.items())
    return f"{device.partition(':')[0]}: {names or device_name(choose_name(device))}, {cores()} cores"


def _size(run: RunConfig) -> int:
    source = run.data.dataset
    return measure(run.model, source.channels, source.size, source.classes)["flops"]


def _memory(run: RunConfig) -> int:
    """What grows with it: activations of a batch, and weights with their gradients and optimizer state."""
    source = run.data.dataset
    size = measure(run.model, source.channels, source.size, source.classes)
    return size["activations"] * run.recipe.batch_size + 4 * size["parameters"]


def _work(run: RunConfig) -> float:
    """FLOPs of its training: a step costs three forward passes."""
    return float(BACKWARD) * _size(run) * run.data.sizes[0] * run.recipe.epochs
