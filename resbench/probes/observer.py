"""Let probes look at a run at their moments, without moving it, and keep what they found."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from resbench.data.loading import Images, Pixels
from resbench.probes.table import PROBES, Found, Look, moments, work
from resbench.records.claim import PROBED
from resbench.records.record import Record
from resbench.training.device import Placement, place
from resbench.training.run import RunConfig


def look(
    when: str,
    names: Sequence[str],
    run: RunConfig,
    network: nn.Module,
    images: Images,
    pixels: Pixels,
    placement: Placement,
    epoch: int,
    found: dict[str, Found],
) -> None:
    """Let the chosen probes of this moment look at a copy of the network; `found` gets what they found.

    Random state, the network and its gradients are left as they were.
    """
    fp32 = place(placement.device, placement.threads, "fp32", run.model.width)
    for name in names:
        if PROBES[name].when != when or (when == "trained" and epoch not in moments(run)):
            continue
        layout = torch.channels_last if fp32.channels_last else torch.contiguous_format
        twin = copy.deepcopy(network).to(memory_format=layout)
        twin.zero_grad(set_to_none=True)
        seen = Look(run, twin, images, pixels, fp32, epoch, PROBES[name].share * work(run))
        with torch.random.fork_rng(devices=[fp32.device] if fp32.device.type == "cuda" else []):
            torch.manual_seed(run.stream(f"probe {name}", epoch))
            found[name] = PROBES[name].measure(seen, found.get(name, {}))


def lacking(names: Sequence[str], found: dict[str, Found]) -> list[str]:
    """Probes that should have looked on from the first step and did not: such a run has to start over."""
    return [name for name in names if PROBES[name].when == "trained" and name not in found]


def write(record: Record, names: Sequence[str], found: dict[str, Found]) -> None:
    """Put into a record what the probes found: scalars into its metrics, the rest by probe, None where it did not look.

    `probes.gradients`: `images`, `layers` (n names), `epochs` (m), `relative` (m x n; None where the network has not
    grown to a layer, or its weights are zero), `correlation` (by unit, at initialisation). `probes.responses`: `images`,
    `layers`, `deviation` (n). `probes.curvature`: `images`, `estimates` (by iteration). `probes.lesions`: `images`,
    `intact` (test error of the whole network on them), `removed` (error by unit; None where it cannot be removed),
    `random` (number of units -> error of each draw), `swapped` (pairs of units), `swapped_error`.
    """
    if not names:
        return
    record["probes"] = {}
    for name in names:
        scalars = {key.removeprefix("probe."): key for key in PROBED[name]}
        kept = found.get(name, {})
        record["probes"][name] = {key: value for key, value in kept.items() if key not in scalars} or None
        record["metrics"] |= {to: kept[key] for key, to in scalars.items() if kept.get(key) is not None}
