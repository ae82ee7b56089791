"""What the machine can do, measured, and how much of it a training uses."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from resbench.model import Size
from resbench.training.device import Placement, synchronise
from resbench.training.placement import BACKWARD

# Times that training moves an activation at least: written and read in the forward pass, read again in the backward
# pass, its gradient written and read.
_MOVED = 5


def machine_metrics(size: Size, rate: float, placement: Placement) -> dict[str, float]:
    """Where training stands under the roofline (Williams et al. 2009): FLOPs a second and for each byte moved.

    Args:
        rate: images a second.
    """
    peak = measured_peak(placement)
    used = BACKWARD * size["flops"] * rate
    moved = _MOVED * size["activations"] * (2 if placement.bf16 else 4)
    return {
        "flops_per_second": used,
        "peak_flops_per_second": peak,
        "share_of_peak": used / peak,
        "bytes_per_image": moved,
        "flops_per_byte": BACKWARD * size["flops"] / moved,
        "bandwidth": measured_bandwidth(placement),
    }


def measured_peak(placement: Placement, seconds: float = 0.5) -> float:
    """FLOP/s of the best of many square matrix products, in the precision and with the threads of the placement."""
    kind = torch.bfloat16 if placement.bf16 else torch.float32
    side = 8192 if placement.device.type == "cuda" else 1536
    left, right = (torch.randn(side, side, device=placement.device).to(kind) for _ in range(2))
    return 2 * side**3 / _least_seconds(lambda: left @ right, placement.device, seconds)


def measured_bandwidth(placement: Placement, seconds: float = 0.5) -> float:
    """Bytes a second of the best of many sums of two arrays far larger than a cache, both read and the third written."""
    elements = 2**28 if placement.device.type == "cuda" else 2**25
    left, right, out = (torch.ones(elements, device=placement.device) for _ in range(3))
    return 3 * 4 * elements / _least_seconds(lambda: torch.add(left, right, out=out), placement.device, seconds)


def _least_seconds(function: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of the fastest of the calls that fit into a time; at least one."""
    least, until = float("inf"), time.perf_counter() + seconds
    while least == float("inf") or time.perf_counter() < until:
        synchronise(device)
        began = time.perf_counter()
        function()
        synchronise(device)
        least = min(least, time.perf_counter() - began)
    return least
