"""C8: images a second by cell and by way of computing, and against the plain loop on the same device, in turn with ours."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from resbench.benchmark.measure import measure
from resbench.core.config import flatten, nest
from resbench.training.device import Placement, apply_placement, choose, cores
from resbench.training.memory import release
from resbench.training.placement import GRAPHS, placement_of
from resbench.training.recipe import LOSSES
from resbench.training.run import RunConfig
from resbench.training.step import forward, initial
from resbench.training.timing import Protocol, made_batch, timed, training_step
from resbench.training.train import train

from ..rows import Row, not_checked
from ..setting import Setting

_WIDTHS = (4, 8, 16, 64)
_GOALS = {16: 5.0, 64: 3.0}  # width -> ours against the plain loop
_SECONDS = 0.3  # for each number
_GRAPH_GOAL = 4.0  # replayed against eager, at width 16 and 34 layers


def cell(depth: int, width: int, batch_size: int = 128) -> RunConfig:
    """A run of the seed family on mnist-5k."""
    model = {"depth": depth, "width": width}
    return RunConfig.model_validate({"model": model, "recipe": {"batch_size": batch_size}})


def check(setting: Setting) -> Iterator[Row]:
    yield from (_against_plain(setting, width) for width in ((4,) if setting.small else _GOALS))
    yield from (_by_graph(setting, width) for width in ((4,) if setting.small else _GOALS))
    depths, widths = ((10,), (4,)) if setting.small else ((34, 100), _WIDTHS)
    for width in widths:
        yield from _cell(setting, depths[0], width, variants=width in (4, 16, 64))
    for depth in depths[1:]:
        for width in widths:
            yield from _cell(setting, depth, width, variants=False)
    if not setting.on_card:
        yield not_checked("graphs, which need a card: here ours is eager too")


def _against_plain(setting: Setting, width: int) -> Row:
    run = cell(10, width, 16) if setting.small else cell(34, width)
    seconds, threads = (0.0, 1) if setting.small else (2 * _SECONDS, cores())
    metrics = {
        name: value or 0.0
        for name, value in measure(run, Protocol(setting.device, threads, seconds, plain=Path())).metrics.items()
    }
    told = (
        f"{metrics['speedup']:.2f} ({metrics['train_images_per_second']:,.0f} : {metrics['plain_images_per_second']:,.0f} "
        f"images/s; {100 * metrics['share_of_peak']:.1f} % of the peak of {metrics['peak_flops_per_second'] / 1e12:.1f} TFLOP/s, "
        f"memory {metrics['bandwidth'] / 1e9:,.0f} GB/s)"
    )
    what = f"one run against the plain loop on this device, {run.model.depth} layers, width {width}"
    return Row(what, told, metrics["speedup"], least=_GOALS.get(width) if setting.on_card else None)


def _by_graph(setting: Setting, width: int) -> Row:
    """Images a second in the steps of a whole run, as it is and with whole steps as graphs."""
    run = cell(10, width) if setting.small else cell(34, width)
    shorter = {"data.train_size": 256, "data.val_size": 50} if setting.small else {}
    run = RunConfig.model_validate(
        nest(flatten(run.model_dump()) | shorter | {"recipe.epochs": 2 if setting.small else 6})
    )
    rates = {}
    for graph in GRAPHS:
        record = train(run, Path(), choose(setting.device), 1, tested=False, graph=graph)
        rates[graph] = record.metrics.get("images_per_second") or 0.0
    told = ", ".join(f"{graph} {rate:,.0f}" for graph, rate in rates.items())
    gain = rates["step"] / rates["network"] if rates["network"] else 0.0
    return Row(f"images/s of a whole run by what is replayed, {run.model.depth} layers, width {width}", told, gain)


def _cell(setting: Setting, depth: int, width: int, variants: bool) -> Iterator[Row]:
    """One row with the rates of a cell, and where it has a goal, one for that."""
    run = cell(depth, width, 16 if setting.small else 128)
    ours = placement_of(run, choose(setting.device), 1)
    chosen = {"as it is": ours} | (_placements(ours) if variants else {})
    rates: dict[str, float] = {}
    for name, placement in chosen.items():
        rates[name] = _rate(setting, partial(training_step, run, placement), placement, run)
    rates["eager"] = _rate(setting, partial(_eager_step, run, ours), ours, run)
    if variants and setting.on_card:
        rates["not deterministic"] = _rate(setting, partial(training_step, run, ours), ours, run, deterministic=False)
    told = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    yield Row(f"images/s, {depth} layers, width {width}", told, rates["as it is"])
    if setting.on_card and (depth, width) == (34, 16):
        gain = rates["as it is"] / rates["eager"]
        yield Row("replayed against eager, 34 layers, width 16", f"{gain:.2f}", gain, least=_GRAPH_GOAL)


def _placements(ours: Placement) -> dict[str, Placement]:
    """Each precision in each memory format."""
    return {
        f"{'bf16' if bf16 else 'fp32'} {'NHWC' if last else 'NCHW'}": replace(ours, bf16=bf16, channels_last=last)
        for bf16 in (True, False)
        for last in (True, False)
    }


def _rate(
    setting: Setting,
    make: Callable[[], Callable[[], object]],
    placement: Placement,
    run: RunConfig,
    deterministic: bool = True,
) -> float:
    """Images a second of a step; 0 where it fails, which the log tells."""
    apply_placement(placement)
    if not deterministic:
        torch.backends.cudnn.deterministic = False
    try:
        protocol = Protocol(setting.device, placement.threads, 0.0 if setting.small else _SECONDS, least=3)
        return run.recipe.batch_size / statistics.median(timed(make(), placement, protocol))
    except RuntimeError as error:
        print(f"{placement}: {error}", flush=True)
        return 0.0
    finally:
        release(placement.device)  # what is measured next finds the card empty


def _eager_step(run: RunConfig, placement: Placement) -> Callable[[], object]:
    """A step without graphs."""
    state = initial(run, placement)
    state.network.train()
    inputs, labels = made_batch(run, run.recipe.batch_size, placement)

    def step() -> None:
        loss = LOSSES[run.recipe.loss](forward(state.network, inputs, placement), labels, 0.0)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()

    return step
