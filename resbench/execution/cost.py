"""What runs will cost: predicted from records of machines like this one, else from a short calibration."""

from __future__ import annotations

import bisect
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from resbench.core.json_reader import Json
from resbench.data.datasets import DATASETS
from resbench.grid.grid import PlannedRun
from resbench.model import Size, measure
from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.training.device import apply_placement, cores, has_device, synchronise
from resbench.training.growth import at_depth, spans
from resbench.training.provenance import cpu_capability, device_name, precision_of
from resbench.training.run import RunConfig
from resbench.training.step import initial, placement_of, stepper

_SAMPLES = 3  # cells that are calibrated if no record helps
_BATCHES = 2
_IMAGES = 32  # part of a batch is enough for an estimate


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        flops: forward, per image.
        memory: bytes of weights, gradients, momentum, and the activations of a batch, in fp32.
        seconds: predicted, on this machine, from its first step to its record.
        evaluation: how many of these are not spent on training, but on validation and test images.
    """

    parameters: int
    flops: int
    memory: int
    seconds: float
    evaluation: float = 0.0


class _Earlier(NamedTuple):
    """What a run took: images per second, seconds of training and of all, and whether probes are among these."""

    rate: float
    training: float
    whole: float
    probed: bool


class Costs:
    """Predicts the cost of runs.

    Args:
        store: where earlier records lie.
        device, threads: of the runs. For a device that this machine lacks, any record of its type counts.

    Attributes:
        source: where the predictions come from, in words.
    """

    def __init__(self, store: Store, device: torch.device, threads: int) -> None:
        self.device, self.threads = device, threads
        self._here = device if has_device(device.type) else torch.device("cpu")
        self._count: Counter[str] = Counter()  # precision -> records
        # precision -> (log of FLOPs per image, log of images per second), in order
        self._rates: dict[str, list[tuple[float, float]]] = {}
        # by identity: equality costs as much as measuring
        self._sizes: dict[int, tuple[RunConfig, Size]] = {}
        self._earlier: dict[str, list[_Earlier]] = {}  # cell -> what runs of it took
        self.source = "a short calibration"
        rates: dict[str, dict[float, list[float]]] = {}
        for record in store.records():
            rate, flops = record.metrics.get("images_per_second") or 0, record.metrics.get("flops") or 0
            if min(rate, flops) > 0 and not _grew(record) and self._alike(record.provenance):
                precision = record.provenance.precision if self._here == device else ""
                rates.setdefault(precision, {}).setdefault(flops, []).append(rate)
                self._count[precision] += 1
            self._remember(record)
        for precision, of_flops in rates.items():
            medians = ((flops, statistics.median(seen)) for flops, seen in sorted(of_flops.items()))
            self._rates[precision] = [(math.log(flops), math.log(rate)) for flops, rate in medians]

    def _remember(self, record: Record) -> None:
        """Keep what a run of this cell took, for others of it."""
        names = ("images_per_second", "train_seconds", "run_seconds")
        rate, training, whole = (record.metrics.get(name) or 0.0 for name in names)
        if record.status == "ok" and rate > 0 and self._alike(record.provenance):
            # the whole is counted from the last start, if the run was interrupted
            earlier = _Earlier(rate, training, max(training, whole), bool(record.probes))
            self._earlier.setdefault(_cell_key(record.config), []).append(earlier)

    def _alike(self, provenance: Provenance) -> bool:
        """Whether a record comes from hardware and threads like those of the runs."""
        if (provenance.device, provenance.threads) != (self.device.type, self.threads):
            return False
        hardware = (provenance.text("device_name"), provenance.text("cpu_capability"))
        return self._here != self.device or hardware == (device_name(self.device), cpu_capability())

    def _precision(self, run: RunConfig) -> str:
        if self._here != self.device:
            return ""
        return precision_of(placement_of(run, self.device, self.threads))

    def of(self, run: RunConfig) -> Cost:
        """Cost of one run; `calibrate` must have been called with one of its precision."""
        size = self._size(run)
        memory = 4 * (3 * size["parameters"] + run.recipe.batch_size * size["activations"])
        seconds, evaluation = self._seconds(run, size)
        return Cost(size["parameters"], size["flops"], memory, seconds, evaluation)

    def _seconds(self, run: RunConfig, size: Size) -> tuple[float, float]:
        """Of the whole run, and of its evaluation: as runs of its cell took, else by FLOPs."""
        earlier = self._earlier.get(_cell_key(run.model_dump(mode="json")), []) if self._earlier else []
        rate = statistics.median(each.rate for each in earlier) if earlier else 0.0
        train, val = run.data.sizes
        evaluation, training = DATASETS[run.data.name].test / 3 / (rate or self._rate(run, size["flops"])), 0.0
        for epochs, depth in spans(run):
            speed = rate or self._rate(run, self._size(at_depth(run, depth))["flops"])
            evaluation += epochs * val / 3 / speed
            training += epochs * train / speed
        timed = [each for each in earlier if each.training]
        if not timed:
            return training + evaluation, evaluation
        whole = statistics.median(each.whole for each in timed)
        rest = statistics.median(each.whole - each.training for each in timed)
        return whole, min(rest, evaluation) if any(each.probed for each in timed) else rest

    def calibrate(self, runs: Sequence[PlannedRun]) -> None:
        """Time a few training steps of the cheapest, the middle and the most expensive network, unless records help."""
        cells: dict[str, list[RunConfig]] = {}
        for config in distinct_cells(runs):
            cells.setdefault(self._precision(config), []).append(config)
        known = sum(self._count[precision] for precision in cells)
        unknown = [precision for precision in cells if precision not in self._rates]
        for precision in unknown:
            by_flops = sorted({self._size(config)["flops"]: config for config in cells[precision]}.items())
            chosen = {round(i * (len(by_flops) - 1) / (_SAMPLES - 1)) for i in range(_SAMPLES)}
            threads = min(self.threads, cores())
            self._rates[precision] = [
                (math.log(flops), math.log(_images_per_second(config, self._here, threads)))
                for flops, config in (by_flops[index] for index in sorted(chosen))
            ]
        short = "a short calibration" + ("" if self._here == self.device else f" on this machine's {self._here.type}")
        parts = [f"{known} earlier record{'s' * (known > 1)}"] * bool(known) + [short] * bool(unknown)
        self.source = " and ".join(parts) or self.source

    def _size(self, run: RunConfig) -> Size:
        known = self._sizes.get(id(run))
        if not known:
            source = DATASETS[run.data.name]
            known = self._sizes[id(run)] = run, measure(run.model, source.channels, source.size, source.classes)
        return known[1]

    def _rate(self, run: RunConfig, flops: int) -> float:
        """Images per second, interpolated in logarithms; beyond the ends FLOP/s is taken as constant."""
        x, rates = math.log(flops), self._rates[self._precision(run)]
        at = bisect.bisect_left(rates, (x, -math.inf))
        if at == 0 or at == len(rates):
            near = rates[min(at, len(rates) - 1)]
            return math.exp(near[1] + near[0] - x)
        (x0, y0), (x1, y1) = rates[at - 1], rates[at]
        return math.exp(y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0))


def distinct_cells(runs: Sequence[PlannedRun]) -> list[RunConfig]:
    """The configuration of each cell, once."""
    return list({id(run.cell_config): run.cell_config for run in runs}.values())


def _cell_key(config: Mapping[str, Json]) -> str:
    """Equal for runs that differ in their seed alone."""
    return json.dumps({name: value for name, value in config.items() if name != "seed"}, sort_keys=True)


def _grew(record: Record) -> bool:
    """Whether its network grew: then its rate is a mixture of depths."""
    recipe = record.config.get("recipe")
    return isinstance(recipe, dict) and recipe.get("grow", "none") != "none"


def _images_per_second(run: RunConfig, device: torch.device, threads: int) -> float:
    """Of training on made-up images, the faster of two steps after one that warms up."""
    source = DATASETS[run.data.name]
    placement = placement_of(run, device, threads)
    apply_placement(placement)
    with torch.random.fork_rng(devices=[]):
        state = initial(run, placement)
        size = min(run.recipe.batch_size, _IMAGES)
        images = torch.randn(size, source.channels, source.size, source.size, device=device)
    state.network.train()
    labels = torch.zeros(len(images), dtype=torch.int64, device=device)
    step = stepper(state, run, placement)
    fastest = math.inf
    for number in range(1 + _BATCHES):
        began = time.perf_counter()
        step(images, labels)
        synchronise(device)
        if number:
            fastest = min(fastest, time.perf_counter() - began)
    return len(images) / fastest
