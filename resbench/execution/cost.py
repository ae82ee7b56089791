"""What runs will cost: predicted from records of machines like this one, else from a short calibration."""

from __future__ import annotations

import bisect
import functools
import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import ValidationError

from resbench.core.json_reader import Json
from resbench.data.loading import DataConfig
from resbench.execution.findings import TIMED_SECONDS, Calibration, Findings, capability
from resbench.execution.foreign_cost import ForeignCosts
from resbench.grid.grid import PlannedRun
from resbench.model import Size, measure
from resbench.records.record import Provenance, Record
from resbench.records.store import Store
from resbench.training.cards import cards
from resbench.training.depths import at_depth, spans
from resbench.training.device import Device, NamedDevice, cores, has_device, uses_bf16
from resbench.training.placement import BACKWARD
from resbench.training.provenance import device_name
from resbench.training.run import RunConfig

_SAMPLES = 3  # cells that are calibrated if no record helps
_NEAR = 1.5  # how many times the FLOPs a record on a GPU stands for


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        parameters, flops, memory: None where a user's own code trains.
        flops: forward, per image.
        memory: bytes of weights, gradients, momentum, and the activations of a batch, in fp32.
        seconds: predicted, on this machine, from its first step to its record.
        evaluation: how many of these are not spent on training, but on validation and test images.
    """

    parameters: int | None
    flops: int | None
    memory: int | None
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
        jobs: runs side by side on this machine.

    Attributes:
        source: where the predictions come from, in words.
    """

    def __init__(self, store: Store, device: Device, threads: int, jobs: int = 1) -> None:
        self.device, self.threads, self.jobs = device, threads, jobs
        self._here = device if has_device(device.type) else NamedDevice("cpu")
        self._names = {card.name for card in cards(str(device))} or {device_name(self._here)}
        self._fixed: list[float] = []  # seconds of runs that were neither training nor evaluation
        self._count: Counter[str] = Counter()  # precision -> records
        # precision -> (log of FLOPs per image, log of images per second), in order
        self._rates: dict[str, list[tuple[float, float]]] = {}
        # by identity: equality costs as much as measuring
        self._sizes: dict[int, tuple[RunConfig, Size]] = {}
        self._earlier: dict[str, list[_Earlier]] = {}  # cell -> what runs of it took
        self._foreign = ForeignCosts(_cell_key)
        self.source = "a short calibration"
        self._findings = Findings()
        rates: dict[str, dict[float, list[float]]] = {}
        for record in store.records():
            rate, flops = record.metrics.get("images_per_second") or 0, record.metrics.get("flops") or 0
            if min(rate, flops) > 0 and not _grew(record) and self._alike(record.provenance):
                precision = record.provenance.precision if self._here is device else ""
                rates.setdefault(precision, {}).setdefault(flops, []).append(rate)
                self._count[precision] += 1
            self._remember(record)
        for precision, of_flops in rates.items():
            medians = ((flops, statistics.median(seen)) for flops, seen in sorted(of_flops.items()))
            self._rates[precision] = [(math.log(flops), math.log(rate)) for flops, rate in medians]

    def _remember(self, record: Record) -> None:
        """Keep what a run of this cell took, for others of it."""
        self._foreign.remember(record)
        names = ("images_per_second", "train_seconds", "run_seconds")
        rate, training, whole = (record.metrics.get(name) or 0.0 for name in names)
        if record.status == "ok" and rate > 0 and self._alike(record.provenance):
            # the whole is counted from the last start, if the run was interrupted
            earlier = _Earlier(rate, training, max(training, whole), bool(record.probes))
            self._earlier.setdefault(_cell_key(record.config), []).append(earlier)
            evaluated = _evaluated(record.config)
            if evaluated is not None and 0 < training < whole:  # not interrupted
                self._fixed.append(max(0.0, whole - training - evaluated / BACKWARD / rate))

    def _alike(self, provenance: Provenance) -> bool:
        """Whether a record comes from hardware and threads like those of the runs."""
        if (provenance.device, provenance.threads) != (self.device.type, self.threads):
            return False
        alike = provenance.text("device_name") in self._names and provenance.text("cpu_capability") == capability(
            self._findings
        )
        return self._here is not self.device or alike

    def _precision(self, run: RunConfig) -> str:
        if self._here is not self.device:
            return ""
        return "bf16" if uses_bf16(self.device, run.recipe.precision) else "fp32"

    def of(self, run: RunConfig) -> Cost:
        """Cost of one run; `calibrate` must have been called with one of its precision."""
        if run.trainer.given:
            return Cost(None, None, None, self._foreign.seconds(run))
        size = self._size(run)
        memory = 4 * (3 * size["parameters"] + run.recipe.batch_size * size["activations"])
        seconds, evaluation = self._seconds(run, size)
        return Cost(size["parameters"], size["flops"], memory, seconds, evaluation)

    def _seconds(self, run: RunConfig, size: Size) -> tuple[float, float]:
        """Of the whole run, and of its evaluation: as runs of its cell took, else by FLOPs."""
        earlier = self._earlier.get(_cell_key(run.model_dump(mode="json")), []) if self._earlier else []
        rate = statistics.median(each.rate for each in earlier) if earlier else 0.0
        train, val = run.data.sizes
        evaluation, training = run.data.dataset.test / BACKWARD / (rate or self._rate(run, size["flops"])), 0.0
        for epochs, depth in spans(run):
            speed = rate or self._rate(run, self._size(at_depth(run, depth))["flops"])
            evaluation += epochs * val / BACKWARD / speed
            training += epochs * train / speed
        timed = [each for each in earlier if each.training]
        if not timed:
            fixed = statistics.median(self._fixed) if self._fixed else 0.0
            return training + evaluation + fixed, evaluation
        whole = statistics.median(each.whole for each in timed)
        rest = statistics.median(each.whole - each.training for each in timed)
        return whole, min(rest, evaluation) if any(each.probed for each in timed) else rest

    def calibrate(self, runs: Sequence[PlannedRun]) -> None:
        """Time a few training steps of the cheapest, the middle and the most expensive network, unless records help."""
        cells: dict[str, list[RunConfig]] = {}
        every = distinct_cells(runs)
        for config in every:
            if config.trainer.given:
                continue
            cells.setdefault(self._precision(config), []).append(config)
        known = sum(self._count[precision] for precision in cells)
        unknown = {precision: some for precision in cells if (some := self._unknown(precision, cells[precision]))}
        starts: list[float] = []
        failure = ""
        for precision, some in unknown.items():
            timed = self._timed(list(some.values()))
            rates = zip(map(math.log, some), map(math.log, timed.rates), strict=True)
            self._rates[precision] = sorted([*self._rates.get(precision, []), *rates])
            starts.append(timed.start)
            failure = timed.failure or failure
        self._fixed = self._fixed or starts
        short = "a short calibration" + ("" if self._here is self.device else f" on this machine's {self._here.type}")
        short = f"a guess (a calibration failed: {failure})" if failure else short
        parts = [f"{known} earlier record{'s' * (known > 1)}"] * bool(known) + [short] * bool(unknown)
        parts += self._foreign.source([config for config in every if config.trainer.given])
        self.source = " and ".join(parts) or self.source

    def keep(self, timed: bool = True) -> None:
        """Keep what was found out for the next command, timings only if this machine was left alone meanwhile."""
        self._findings.save(() if timed else ("rates",))

    def _timed(self, configs: list[RunConfig]) -> Calibration:
        """The rates of networks: as they were timed before on this CPU, else timed now."""
        threads = min(self.threads, cores())
        text = json.dumps([threads, *(config.model_dump(mode="json") for config in configs)])
        kept = self._here.type == "cpu" and not any(config.computes_own_code for config in configs)
        if kept and (rates := self._findings.get("rates", text, len(configs), TIMED_SECONDS)):
            return Calibration(rates)
        import torch

        from resbench.execution.calibration import calibrate

        timed = calibrate(configs, torch.device(str(self._here)), threads, self.jobs)
        if kept:
            self._findings.put("rates", text, timed.rates)
        return timed

    def _unknown(self, precision: str, cells: Sequence[RunConfig]) -> dict[int, RunConfig]:
        """FLOPs -> network of those that are to be timed; few networks, and none if records help.

        On a CPU any record does. A GPU computes small networks no faster than somewhat larger ones, so that there records
        say nothing of what is far smaller or larger.
        """
        known = [math.exp(flops) for flops, _ in self._rates.get(precision, [])]
        if known and self._here.type == "cpu":
            return {}
        low, high = (min(known) / _NEAR, max(known) * _NEAR) if known else (math.inf, 0.0)
        by_flops = {self._size(config)["flops"]: config for config in cells}
        outside = sorted(flops for flops in by_flops if not low <= flops <= high)
        chosen = {round(i * (len(outside) - 1) / (_SAMPLES - 1)) for i in range(_SAMPLES)} if outside else set()
        return {outside[index]: by_flops[outside[index]] for index in sorted(chosen)}

    def _size(self, run: RunConfig) -> Size:
        known = self._sizes.get(id(run))
        if not known:
            known = self._sizes[id(run)] = run, self._measured(run)
        return known[1]

    def _measured(self, run: RunConfig) -> Size:
        """As it was measured before, else measured now."""
        source = run.data.dataset
        image = (source.channels, source.size, source.classes)
        if run.computes_own_code:  # of which more may change than its digest
            return measure(run.model, *image)
        of = f"{image} {run.model.model_dump_json()}"
        numbers = self._findings.numbers("size", of, 3, lambda: [*measure(run.model, *image).values()])  # type: ignore[list-item]
        parameters, flops, activations = map(int, numbers)
        return {"parameters": parameters, "flops": flops, "activations": activations}

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


def _evaluated(config: Mapping[str, Json]) -> int | None:
    """Validation and test images that a run looked at; None if its configuration does not say."""
    recipe = config.get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    sizes = _evaluation_sizes(json.dumps(config.get("data"), sort_keys=True))
    return epochs * sizes[0] + sizes[1] if sizes and isinstance(epochs, int) else None


@functools.lru_cache(maxsize=256)
def _evaluation_sizes(data: str) -> tuple[int, int] | None:
    """Validation and test images of a data set as a record has it."""
    try:
        config = DataConfig.model_validate_json(data)
    except ValidationError:
        return None
    return config.sizes[1], config.dataset.test


def _grew(record: Record) -> bool:
    """Whether its network grew: then its rate is a mixture of depths."""
    recipe = record.config.get("recipe")
    return isinstance(recipe, dict) and recipe.get("grow", "none") != "none"
