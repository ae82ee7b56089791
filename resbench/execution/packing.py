"""How many runs a device takes at a time, measured in processes of their own: what fits, and what pays.

The process that asks never begins with CUDA. With several cards the first is measured, and stands for the others.
"""

from __future__ import annotations

import dataclasses
import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from resbench.core.cards import Card, use_card
from resbench.probes.observer import ProbeObserver
from resbench.records.metrics import PROBED
from resbench.records.record import ProbeResult, Record
from resbench.training.cards import cards
from resbench.training.cuda import fitting
from resbench.training.device import apply_placement, choose, cores, peak_memory
from resbench.training.observer import Moment, View
from resbench.training.placement import placement_of
from resbench.training.run import RunConfig
from resbench.training.server import Failed, in_processes
from resbench.training.step import EVALUATION_BATCH
from resbench.training.timing import Protocol, timed, training_step
from resbench.training.train import train

_PATIENCE = 600.0  # seconds until all must have begun
_GAIN = 1.05  # what a number must gain over another to be taken for faster
_BATCHES = 4  # full ones, of the epoch in which memory is measured


@dataclasses.dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        images: number of runs side by side -> images per second of all; 0 for a number that failed.
        failures: why, for each of those.
    """

    images: Mapping[int, float]
    failures: Mapping[int, str]

    def __str__(self) -> str:
        return ", ".join(
            f"{jobs} side by side {self.failures.get(jobs, f'{rate:,.0f} images/s')}"
            for jobs, rate in self.images.items()
        )


def candidates(most: int) -> list[int]:
    """1, 2, 4 ... up to, and with, the most."""
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def measure_rates(rate: Callable[[int], float], numbers: Sequence[int], while_growing: bool) -> Rates:
    """The rate of each of these numbers of runs, up to the first that fails: more need more memory.

    Args:
        rate: measures one; may raise Failed.
        numbers: in order.
        while_growing: whether the first that gains nothing over fewer is the last, too.
    """
    images: dict[int, float] = {}
    failures: dict[int, str] = {}
    for jobs in numbers:
        before = max(images.values(), default=0.0)
        try:
            images[jobs] = rate(jobs)
        except Failed as failed:
            images[jobs], failures[jobs] = 0.0, f"failed ({failed})"
        if failures or (while_growing and images[jobs] <= _GAIN * before):
            break
    return Rates(images, failures)


def fastest(rates: Mapping[int, float], fewest: bool = False) -> int:
    """The number of runs with the best sum of rates, and 1 if all failed.

    Args:
        fewest: where the gain over others is small, take the smallest of them, which needs the least memory; by default
            the largest number is taken, with which runs wait the least.
    """
    working = {jobs: rate for jobs, rate in rates.items() if rate > 0}
    if not working:
        return 1
    best = max(working, key=lambda jobs: working[jobs])
    if fewest:
        return min(jobs for jobs, rate in working.items() if working[best] <= _GAIN * rate)
    most = max(working)
    return best if working[best] > _GAIN * working[most] else most


def combined_rate(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
    """Images per second of `jobs` processes that train side by side, summed; the cores are divided among them.

    Raises:
        Failed: one of them failed.
    """
    kind, card, count = first_card(device)
    protocol = Protocol(kind, max(1, cores() // (jobs * count)), seconds)
    return sum(in_processes(jobs, _PATIENCE + seconds, _rate, run, protocol, card))


def first_card(device: str) -> tuple[str, Card | None, int]:
    """The device as a process that is given a card calls it, that card, and how many cards there are."""
    found = cards(device)
    return (device.partition(":")[0], found[0], len(found)) if found else (device, None, 1)


def _rate(run: RunConfig, protocol: Protocol, card: Card | None, start: threading.Barrier) -> float:
    """Images per second of this process, measured from when all others are ready too."""
    if card:
        use_card(card)
    placement = placement_of(run, choose(protocol.device), protocol.threads)
    apply_placement(placement)
    step = training_step(run, placement)
    step()
    start.wait(_PATIENCE)
    return run.recipe.batch_size / statistics.median(timed(step, placement, protocol))


def fit(run: RunConfig, device: str, directory: Path, probes: Sequence[str], total: int) -> int:
    """How many runs like this one have room on a CUDA card, by what one takes there.

    Args:
        directory: torchvision data root.
        probes: that the grid asks for.
        total: runs of the grid.

    Raises:
        Failed: not even one has.
    """
    kind, card, count = first_card(device)
    ((free, each),) = in_processes(1, _PATIENCE, _memory, run, kind, card, directory, probes)
    return fitting(free, each, -(-total // count), max(1, cores() // count))


def _memory(
    run: RunConfig, device: str, card: Card | None, directory: Path, probes: Sequence[str], start: threading.Barrier
) -> tuple[int, int]:
    """Bytes that are free on a card, and bytes that torch reserves there for a run."""
    if card:
        use_card(card)
    free, _ = torch.cuda.mem_get_info(choose(device))
    return free, exercise(run, directory, choose(device), probes).peak + _absent(run)


class Exercise(ProbeObserver):
    """Watches how much memory a short run takes, with the probes of the whole run, which look at more images.

    Attributes:
        peak: bytes, up to now.
        results: of the probes.
    """

    def __init__(self, run: RunConfig, device: torch.device, probes: Sequence[str]) -> None:
        super().__init__([name for name in PROBED if name in probes])
        self.run, self.device = _not_growing(run), device
        self.peak = 0
        self.results: Mapping[str, ProbeResult] = {}

    def look(self, when: Moment, view: View) -> None:
        super().look(when, dataclasses.replace(view, run=self.run))
        self.results = view.results
        self._sample()

    def write(self, record: Record, results: Mapping[str, ProbeResult]) -> None:
        self._sample()

    def _sample(self) -> None:
        cuda = self.device.type == "cuda"
        self.peak = max(self.peak, torch.cuda.max_memory_reserved(self.device) if cuda else peak_memory(self.device))


def exercise(run: RunConfig, directory: Path, device: torch.device, probes: Sequence[str]) -> Exercise:
    """Do in short what a run does: full batches and the last one, validation, and all probes but those of test images.

    Test images are left alone. They take no more than validation, in batches of the same size and without a backward pass.

    Raises:
        RuntimeError: it failed.
    """
    watched = Exercise(run, device, probes)
    record = train(shortened(run), directory, device, 1, observer=watched, tested=False)
    if record.status == "failed" and record.error:
        raise RuntimeError(f"{record.error.kind}: {record.error.message}")
    return watched


def shortened(run: RunConfig) -> RunConfig:
    """One epoch of the whole network, with some full batches and the last one of the run's own size."""
    batch, (train_size, val_size) = run.recipe.batch_size, run.data.sizes
    short = min(train_size, _BATCHES * batch + train_size % batch)
    room = run.data.dataset.train - short
    data = run.data.model_copy(update={"train_size": short, "val_size": min(room, max(EVALUATION_BATCH, val_size))})
    recipe = run.recipe.model_copy(update={"epochs": 1, "warmup": 0.0})
    return _not_growing(run.model_copy(update={"data": data, "recipe": recipe}))


def _not_growing(run: RunConfig) -> RunConfig:
    """The run with the network that it ends with from the start."""
    return run.model_copy(update={"recipe": run.recipe.model_copy(update={"grow": "none"})})


def _absent(run: RunConfig) -> int:
    """Bytes of the images that the short run leaves out and the run has on its device."""
    data = run.data.dataset
    short = sum(shortened(run).data.sizes)
    return (sum(run.data.sizes) + data.test - short) * (data.channels * data.size**2 + 8)
