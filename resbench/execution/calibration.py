"""Training steps that are timed where no record says how fast a network trains."""

from __future__ import annotations

import gc
import math
import statistics
import threading
import time
from collections.abc import Sequence

import torch

from resbench.core.cards import Card, use_card
from resbench.core.own_code import blamed
from resbench.execution.findings import Calibration
from resbench.execution.packing import first_card
from resbench.training.device import apply_placement, choose, synchronise
from resbench.training.placement import BACKWARD, placement_of
from resbench.training.run import RunConfig
from resbench.training.server import Failed, in_processes
from resbench.training.step import initial, stepper
from resbench.training.timing import Protocol, made_batch, timed, training_step

_PATIENCE = 300.0  # seconds until all are timed
_SECONDS = 0.3  # of steps of each network on a GPU
_BATCHES = 2
_IMAGES = 32  # of a CPU's batch are enough for an estimate of a network that keeps it busy
_CHEAP = 5e8  # FLOPs forward of a batch that may well be whole
_GUESS = 5e12  # FLOP/s of training on a GPU of which nothing is known


def calibrate(configs: Sequence[RunConfig], device: torch.device, threads: int, jobs: int) -> Calibration:
    """Time steps of networks; on CUDA in processes of their own, so that this one never begins with it.

    Args:
        threads: of each run.
        jobs: runs side by side on the whole machine; on a CPU each has its cores.
    """
    if device.type != "cuda":
        rates = []
        for config in configs:
            with blamed(config):
                rates.append(_images_per_second(config, device, threads))
        return Calibration(rates)
    kind, card, count = first_card(str(device))
    on_card = -(-jobs // count)
    try:
        timings = in_processes(on_card, _PATIENCE, time_all, list(configs), Protocol(kind, threads, _SECONDS), card)
    except Failed as failed:
        if on_card > 1:
            return calibrate(configs, device, threads, 1)
        rates = [_GUESS / (BACKWARD * config.network_size["flops"]) for config in configs]
        return Calibration(rates, failure=str(failed))
    rates = [statistics.median(rates) for rates in zip(*(rates for rates, _ in timings), strict=True)]
    return Calibration(rates, statistics.median(start for _, start in timings))


def time_all(
    configs: Sequence[RunConfig], protocol: Protocol, card: Card | None, start: threading.Barrier
) -> tuple[list[float], float]:
    """Images per second for each network, and the seconds before the first step of a run in a fresh process.

    The first network is built twice: only the first time it is the device, too, that begins.
    """
    if card:
        use_card(card)
    rates, builds = [], []
    for config in [configs[0], *configs]:
        began = time.perf_counter()
        placement = placement_of(config, choose(protocol.device), protocol.threads)
        apply_placement(placement)
        step = training_step(config, placement)
        step()
        synchronise(placement.device)
        builds.append(time.perf_counter() - began)
        start.wait(_PATIENCE)
        rates.append(config.recipe.batch_size / statistics.median(timed(step, placement, protocol)))
        del step
        gc.collect()  # graphs are parts of cycles
        if placement.device.type == "cuda":
            torch.cuda.empty_cache()
    return rates[1:], max(0.0, builds[0] - builds[1]) + statistics.median(builds[1:])


def _images_per_second(run: RunConfig, device: torch.device, threads: int) -> float:
    """Of training on made-up images, the faster of two steps after one that warms up."""
    placement = placement_of(run, device, threads)
    apply_placement(placement)
    with torch.random.fork_rng(devices=[]):
        state = initial(run, placement)
    enough = max(_IMAGES, int(_CHEAP / run.network_size["flops"]))
    images, labels = made_batch(run, min(run.recipe.batch_size, enough), placement)
    state.network.train()
    step = stepper(state, run, placement)
    fastest = math.inf
    for number in range(1 + _BATCHES):
        began = time.perf_counter()
        step(images, labels)
        synchronise(device)
        if number:
            fastest = min(fastest, time.perf_counter() - began)
    return len(images) / fastest
