"""C9b: several runs as branches of one graph: the bits that each has alone, and what it gains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from resbench.core.config import nest
from resbench.records.record import Record
from resbench.training.device import choose
from resbench.training.run import RunConfig
from resbench.training.train import train

from ..rows import Row, not_checked
from ..setting import Setting

_Together = Callable[[Sequence[RunConfig]], list[Any]]


def check(setting: Setting) -> Iterator[Row]:
    together = _function(setting)
    if together is None:
        yield not_checked("runs as branches of one graph, which this revision does not have")
        return
    sizes = (1, 2) if setting.small else (1, 2, 4, 8)
    runs = _runs(setting, max(sizes))
    alone = [train(run, Path(), choose(setting.device), 1) for run in runs[: sizes[-1] if setting.small else 2]]
    rates = {}
    for size in sizes:
        began = time.monotonic()
        outcomes = together(runs[:size])
        seconds = time.monotonic() - began
        rates[size] = sum(run.data.sizes[0] * run.recipe.epochs for run in runs[:size]) / seconds
        yield _equal(size, alone, outcomes)
    told = ", ".join(f"{size} at once {rate:,.0f}" for size, rate in rates.items())
    gain = max(rates.values()) / rates[1]
    yield Row(f"images/s of whole runs together, {runs[0].model.depth} layers, width {runs[0].model.width}", told, gain)
    if not setting.on_card:
        yield not_checked("branches of a graph, which need a card: here the steps are done in turn")


def _function(setting: Setting) -> _Together | None:
    """`train_together` of runs, where this revision has it."""
    function = getattr(import_module("resbench.training.train"), "train_together", None)
    if function is None:
        return None
    job = import_module("resbench.training.course").Job
    return lambda runs: function([job(run) for run in runs], Path(), choose(setting.device), 1)


def _runs(setting: Setting, count: int) -> list[RunConfig]:
    base: dict[str, Any] = {"model.depth": 34, "model.width": 16, "data.augment": "shift", "recipe.epochs": 10}
    if setting.small:
        base |= {"model.depth": 10, "model.width": 4, "recipe.epochs": 1, "data.train_size": 150, "data.val_size": 50}
    return [RunConfig.model_validate(nest(base | {"seed": seed})) for seed in range(count)]


def _equal(size: int, alone: Sequence[Record], outcomes: Sequence[Any]) -> Row:
    """Whether those that were trained alone too have the same content."""
    what = f"content of {size} at once and alone"
    for one, other in zip(alone, outcomes, strict=False):
        if not isinstance(other, Record):
            return Row(what, f"{type(other).__name__}: {other}", ok=False)
        if one.content() != other.content():
            return Row(what, f"seed {one.settings['seed']} differs: {other.status}", ok=False)
    return Row(what, "equal bit for bit", ok=True)
