"""What a training step consists of, by kind of operation."""

from __future__ import annotations

import torch
from benchmarks.goals.running import in_fresh_process
from benchmarks.goals.training import CPU, network

from resbench.training.device import Placement, apply_placement, cores
from resbench.training.placement import placement_of
from resbench.training.step import initial, stepper

WIDTHS = (8, 16, 64)
KINDS = {
    "convolution_backward": "convolution, backward",
    "convolution": "convolution, forward",
    "batch_norm": "batch norm",
    "clamp_min": "ReLU",
    "threshold": "ReLU",
    "add": "addition",
    "copy_": "copies between formats",
}


def profile(width: int, chosen: Placement) -> dict[str, float]:
    """Milliseconds of one step by kind of operation."""
    run = network(width)
    apply_placement(chosen)
    state = initial(run, chosen)
    state.network.train()
    step = stepper(state, run, chosen)
    inputs, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
    steps = 1 if width > 32 else 3
    for _ in range(2):
        step(inputs, labels)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            step(inputs, labels)
    out = dict.fromkeys([*KINDS.values(), "the rest"], 0.0)
    for event in profiled.key_averages():
        kind = next((KINDS[part] for part in KINDS if part in event.key and event.key.startswith("aten::")), "the rest")
        out[kind] += event.self_cpu_time_total / 1e3 / steps
    return out


def profiles(width: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a step by kind of operation, as the plain loop computes and as resbench does."""
    placements = {
        "plain: fp32, default layout": Placement(CPU, cores(), False, False),
        "resbench": placement_of(network(width), CPU, cores()),
        "resbench, 1 thread": placement_of(network(width), CPU, 1),
    }
    columns = {name: in_fresh_process(profile, width, placement) for name, placement in placements.items()}
    return {name: {kind: round(value, 1) for kind, value in column.items()} for name, column in columns.items()}
