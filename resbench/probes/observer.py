"""The observer that lets probes look at a run at their moments, without moving it, and keeps their results."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch

from resbench.probes.subject import Subject, moments, training_work
from resbench.probes.table import PROBES
from resbench.records.metrics import PROBED, probe_code
from resbench.records.record import ProbeResult, Record
from resbench.training.device import resolve_placement
from resbench.training.observer import Moment, Observer, View


class ProbeObserver(Observer):
    """Measures with the chosen probes.

    Args:
        probes: names from `PROBES`.
        step: called after every step with the epochs done, as a fraction; may raise Stopped.
    """

    def __init__(self, probes: Sequence[str], step: Callable[[float], None] | None = None) -> None:
        self.probes = probes
        self._step = step

    def step(self, epochs: float) -> None:
        if self._step:
            self._step(epochs)

    def missing(self, results: Mapping[str, ProbeResult | None]) -> list[str]:
        """Probes that should have looked from the first step on and did not."""
        return [name for name in self.probes if PROBES[name].when == "trained" and name not in results]

    def look(self, when: Moment, view: View) -> None:
        """Let the probes of this moment measure a copy of the network.

        Random state, the network and its gradients are left as they were.
        """
        run, epoch = view.run, view.epoch
        fp32 = resolve_placement(view.placement.device, view.placement.threads, "fp32", run.model.first_width)
        for name in self.probes:
            probe = PROBES[name]
            if probe.when != when or (when == "trained" and epoch not in moments(run)):
                continue
            layout = torch.channels_last if fp32.channels_last else torch.contiguous_format
            twin = copy.deepcopy(view.network).to(memory_format=layout)
            twin.zero_grad(set_to_none=True)
            budget = probe.share * training_work(run)
            subject = Subject(run, twin, view.images, view.normalizer, fp32, epoch, budget)
            with torch.random.fork_rng(devices=[fp32.device] if fp32.device.type == "cuda" else []):
                torch.manual_seed(run.stream(f"probe {name}", epoch))
                view.results[name] = probe.measure(subject, view.results.get(name, {}))

    def write(self, record: Record, results: Mapping[str, ProbeResult]) -> None:
        """Put scalars into the record's metrics, and the rest by probe; None where a probe did not look.

        `probes.gradients`: `images`, `layers` (n names), `epochs` (m), `relative` (m x n; None where the network has not
        grown to a layer, or its weights are zero), `correlation` (by unit, at initialisation). `probes.responses`:
        `images`, `layers`, `deviation` (n). `probes.curvature`: `images`, `estimates` (by iteration). `probes.lesions`:
        `images`, `intact` (test error of the whole network on them), `removed` (error by unit; None where it cannot be
        removed), `random` (number of units -> error of each draw), `swapped` (pairs of units), `swapped_error`.
        """
        if not self.probes:
            return
        record.probes = {}
        if own := probe_code(self.probes):
            record.provenance = record.provenance.with_facts(probe_code=own)
        for name in self.probes:
            metrics = {metric.removeprefix("probe."): metric for metric in PROBED[name]}
            result = results.get(name, {})
            record.probes[name] = {key: value for key, value in result.items() if key not in metrics} or None
            for key, metric in metrics.items():
                number = result.get(key)
                if isinstance(number, int | float):
                    record.metrics[metric] = number
