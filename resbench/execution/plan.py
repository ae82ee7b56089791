"""What a grid will do and cost, before it does it."""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from resbench.core.text import printable
from resbench.data.loading import DATASETS
from resbench.execution.concurrency import Share, remembered, unmeasured
from resbench.execution.simulate import Fleet, Forecast, predict
from resbench.grid.grid import Cell, Grid, Planned
from resbench.model import measure
from resbench.records.store import Store
from resbench.training.device import (
    choose,
    cores,
    cpu_capability,
    device_name,
    precision_of,
    settle,
    synchronise,
    there,
)
from resbench.training.growth import at_depth, spans
from resbench.training.run import RunConfig
from resbench.training.step import initial, placed, stepper

_SAMPLES = 3  # cells that are calibrated where no record tells
_BATCHES = 2
_IMAGES = 32  # part of a batch is enough for an estimate
_MOST_LINES = 200


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        flops: forward, per image.
        memory: bytes of weights, gradients, momentum, and the activations of a batch, in fp32.
        seconds: predicted, on this machine.
    """

    parameters: int
    flops: int
    memory: int
    seconds: float


class Costs:
    """Predicts the cost of runs from records of the same machine and precision, else from a short calibration.

    Args:
        store: where earlier records lie.
        device, threads: that the runs will have. Of a device that is not here (a cluster's) any record of its type counts.
    """

    def __init__(self, store: Store, device: torch.device, threads: int) -> None:
        self.device, self.threads = device, threads
        self._here = device if there(device.type) else torch.device("cpu")
        # precision -> (log of FLOPs per image, log of images per second), in order
        self._rates: dict[str, list[tuple[float, float]]] = {}
        self._sizes: dict[
            int, tuple[RunConfig, dict[str, int]]
        ] = {}  # by identity: equality costs as much as measuring
        self.source = "a short calibration"
        for record in store.records():
            rate, flops = record["metrics"].get("images_per_second") or 0, record["metrics"].get("flops") or 0
            grown = record["config"].get("recipe", {}).get("grow", "none") != "none"  # its rate is a mixture of depths
            if min(rate, flops) > 0 and not grown and self._alike(record["provenance"]):
                precision = record["provenance"].get("precision", "") if self._here == device else ""
                self._rates.setdefault(precision, []).append((math.log(flops), math.log(rate)))
        for rates in self._rates.values():
            rates.sort()

    def _alike(self, where: Mapping[str, Any]) -> bool:
        """Whether a record comes from hardware and threads like those of the runs."""
        expected: dict[str, Any] = {"device": self.device.type, "threads": self.threads}
        if self._here == self.device:
            expected |= {"device_name": device_name(self.device), "cpu_capability": cpu_capability()}
        return all(where.get(name) == value for name, value in expected.items())

    def _precision(self, run: RunConfig) -> str:
        if self._here != self.device:
            return ""
        return precision_of(placed(run, self.device, self.threads))

    def of(self, run: RunConfig) -> Cost:
        """Cost of one run; `calibrate` must have been called with one of its precision."""
        size = self._size(run)
        train, val = run.data.sizes
        memory = 4 * (3 * size["parameters"] + run.recipe.batch_size * size["activations"])
        seconds = DATASETS[run.data.name].test / 3 / self._rate(run, size["flops"])
        for epochs, depth in spans(run):
            seconds += epochs * (train + val / 3) / self._rate(run, self._size(at_depth(run, depth))["flops"])
        return Cost(size["parameters"], size["flops"], memory, seconds)

    def calibrate(self, runs: list[Planned]) -> None:
        """Time a few training steps of the cheapest, the middle and the dearest network, unless records tell."""
        cells: dict[str, list[RunConfig]] = {}
        for config in _cells(runs):
            cells.setdefault(self._precision(config), []).append(config)
        known = sum(len(self._rates.get(precision, [])) for precision in cells)
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
        self.source = (
            " and ".join([f"{known} earlier record{'s' * (known > 1)}"] * bool(known) + [short] * bool(unknown))
            or self.source
        )

    def _size(self, run: RunConfig) -> dict[str, int]:
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


def _cells(runs: list[Planned]) -> list[RunConfig]:
    """The configuration of each cell, once."""
    return list({id(run.of): run.of for run in runs}.values())


def _images_per_second(run: RunConfig, device: torch.device, threads: int) -> float:
    """Of training on made-up images, the faster of two steps after one that warms up."""
    source = DATASETS[run.data.name]
    placement = placed(run, device, threads)
    settle(placement)
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


def describe(
    grid: Grid,
    runs: list[Planned],
    store: Store,
    device: str,
    jobs: int | None,
    fleet: Fleet | None = None,
    threads: int = 1,
) -> str:
    """The plan as text: a line per cell, what is excluded and why, and the whole.

    Args:
        grid: where the exclusions come from.
        runs: those to plan for, a part of the grid's.
        store: what is done already.
        device: as `--device`.
        jobs: runs side by side; None chooses.
        fleet: other machines to plan for, with `threads` for each run.
    """
    done = store.done(grid.probes)
    kind = torch.device(device) if fleet and device == "cuda" else choose(device)
    total = len(grid.runs())
    way = (None if jobs else remembered(store, total, kind.type)) or unmeasured(jobs, total, kind.type)
    if fleet:
        way = Share(fleet.nodes * fleet.slots, threads, "")
    missing = [run for run in runs if run.id not in done]
    costs = Costs(store, kind, way.threads)
    costs.calibrate(runs)
    cells: dict[str, list[Planned]] = {}
    for run in runs:
        cells.setdefault(label(run.cell) or "(one cell)", []).append(run)
    wide = max(map(len, cells), default=4)
    lines = [f"{'cell':{wide}}  done  to do  parameters    MFLOPs  time a run     memory"]
    for name, members in list(cells.items())[:_MOST_LINES]:
        cost = costs.of(members[0].of)
        ready = sum(run.id in done for run in members)
        lines.append(
            f"{name:{wide}}  {ready:4}  {len(members) - ready:5}  {cost.parameters:10,}  {cost.flops / 1e6:8.1f}  "
            f"{span(cost.seconds):>10}  {cost.memory / 2**20:5,.0f} MiB"
        )
    if len(cells) > _MOST_LINES:
        lines.append(f"... and {len(cells) - _MOST_LINES} more cells")
    again = unprobed(store, grid, missing)
    lines += [again] if again else []
    lines += [f"excluded: {label(cell)}: {because}" for cell, because in grid.excluded[:_MOST_LINES]]
    each = {id(config): costs.of(config).seconds for config in _cells(missing)}
    seconds = [each[id(run.of)] for run in missing]
    wall = max(sum(seconds) / way.jobs, max(seconds, default=0.0))
    if fleet:
        dearest = sorted(missing, key=lambda run: -each[id(run.of)])  # as they will be begun
        forecast = predict(dearest, lambda run: each[id(run.of)], fleet)
        wall = forecast.wall
        lines.append(_told(fleet, forecast))
    lines.append(
        f"{grid.name}: {len(cells)} cells, {len(runs)} runs: {len(runs) - len(missing)} done, {len(missing)} to do, "
        f"{len(grid.excluded)} cells excluded; {way.jobs} at a time on {kind.type}: about {span(wall)}, by {costs.source}"
    )
    return "\n".join(map(printable, lines))


def _told(fleet: Fleet, forecast: Forecast) -> str:
    """What the simulation says beside the time."""
    lost = (
        f"; {forecast.losses} runs lost with their nodes and resumed, {span(forecast.wasted)} of their work done twice, "
        f"{forecast.failed} given up"
    )
    return (
        f"{fleet.nodes} nodes with {fleet.slots} runs side by side, simulated with the driver of `resbench run`: "
        f"{span(forecast.wall)} where the work shared out evenly, or the longest run, takes {span(forecast.bound)}; the "
        f"driver is busy for {span(forecast.busy)}{lost if fleet.between else ''}"
    )


def unprobed(store: Store, grid: Grid, missing: list[Planned]) -> str:
    """How many of the missing runs are finished and only lack probes, as a line; empty if none."""
    finished = store.done() if grid.probes else set()
    count = sum(run.id in finished for run in missing)
    if not count:
        return ""
    return (
        f"{grid.name}: {count} finished runs lack some of the probes {', '.join(grid.probes)}: they are trained again, "
        "the same bit for bit, and their records replaced"
    )


def label(cell: Cell) -> str:
    """`model.depth=34 model.shortcut=none`."""
    return " ".join(f"{path}={value}" for path, value in cell.items())


def span(seconds: float) -> str:
    """`95 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
