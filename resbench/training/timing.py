"""How times are taken: a warm-up, then medians and quartiles; on CUDA by events of the device."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from resbench.records.metrics import UNSTEADY
from resbench.training.device import Placement, synchronise
from resbench.training.run import RunConfig
from resbench.training.step import initial, stepper

WARM = 3  # calls that are not counted
_ATTEMPTS = 3  # at a measurement whose quartiles are that far from each other


@dataclass(frozen=True)
class Protocol:
    """How to measure.

    Attributes:
        device: name of the torch device.
        threads: of torch.
        seconds: for each quantity of a cell.
        least: repetitions, even if they take longer.
        plain: data root for the plain loop that is timed in turn with ours, or None to leave it out.
    """

    device: str
    threads: int
    seconds: float = 5.0
    least: int = 5
    plain: Path | None = None


def training_step(run: RunConfig, placement: Placement) -> Callable[[], object]:
    """A step of a run on made-up images, as a function to call again and again."""
    state = initial(run, placement)
    state.network.train()
    step = stepper(state, run, placement)
    inputs, labels = made_batch(run, run.recipe.batch_size, placement)
    return lambda: step(inputs, labels)


def made_batch(run: RunConfig, images: int, placement: Placement) -> tuple[Tensor, Tensor]:
    """Normal noise in the shape of a run's images, and labels, on the device; the same every time."""
    dataset = run.data.dataset
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(images, dataset.channels, dataset.size, dataset.size, generator=draw)
    labels = torch.randint(0, dataset.classes, (images,), generator=draw)
    return inputs.to(placement.device), labels.to(placement.device)


def timed(function: Callable[[], object], placement: Placement, protocol: Protocol) -> list[float]:
    """Seconds of each call after a warm-up; on CUDA by events, so that the host need not keep up."""
    for _ in range(WARM):
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


def steady(function: Callable[[], object], placement: Placement, protocol: Protocol) -> list[float]:
    """As `timed`, tried again while the quartiles are far from each other; the steadiest attempt."""
    attempts: list[list[float]] = []
    while len(attempts) < _ATTEMPTS:
        attempts.append(timed(function, placement, protocol))
        if _spread(attempts[-1]) <= UNSTEADY:
            break
    return min(attempts, key=_spread)


def _spread(seconds: list[float]) -> float:
    """Upper over lower quartile."""
    low, _, high = statistics.quantiles(seconds, n=4)
    return high / low


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


def rates(name: str, images: int, seconds: list[float]) -> dict[str, float]:
    """Images a second: the median under the name itself, the quartiles under `_q1` and `_q3`."""
    low, middle, high = statistics.quantiles(seconds, n=4)
    return {name: images / middle, f"{name}_q1": images / high, f"{name}_q3": images / low}
