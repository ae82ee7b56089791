"""C9b: several runs as branches of one graph: the bits that each has alone, and what it gains."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from resbench.core.config import nest
from resbench.records.record import Record
from resbench.training.course import Job
from resbench.training.device import choose
from resbench.training.lockstep import Outcome
from resbench.training.run import RunConfig
from resbench.training.train import train, train_together

from ..rows import Row, not_checked
from ..setting import Setting


def check(setting: Setting) -> Iterator[Row]:
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")  # before anything begins with the card
    sizes, device = (1, 2) if setting.small else (1, 2, 4, 8), choose(setting.device)
    runs = _runs(setting, max(sizes))
    alone = [train(run, Path(), device, 1) for run in runs[:2]]
    rates = {}
    for size in sizes:
        began = time.monotonic()
        outcomes = train_together([Job(run) for run in runs[:size]], Path(), device, 1)
        seconds = time.monotonic() - began
        rates[size] = sum(run.data.sizes[0] * run.recipe.epochs for run in runs[:size]) / seconds
        yield _equal(size, alone, outcomes)
    told = ", ".join(f"{size} at once {rate:,.0f}" for size, rate in rates.items())
    gain = max(rates.values()) / rates[1]
    yield Row(f"images/s of whole runs together, {runs[0].model.depth} layers, width {runs[0].model.width}", told, gain)
    if not setting.on_card:
        yield not_checked("branches of a graph, which need a card: here the steps are done in turn")


def _runs(setting: Setting, count: int) -> list[RunConfig]:
    base: dict[str, Any] = {"model.depth": 34, "model.width": 16, "data.augment": "shift", "recipe.epochs": 10}
    if setting.small:
        base |= {"model.depth": 10, "model.width": 4, "recipe.epochs": 1, "data.train_size": 150, "data.val_size": 50}
    return [RunConfig.model_validate(nest(base | {"seed": seed})) for seed in range(count)]


def _equal(size: int, alone: Sequence[Record], outcomes: Sequence[Outcome]) -> Row:
    """Whether the first of them have the content that they have alone, and the rest are ok."""
    what = f"content of {size} at once and alone"
    for seed, other in enumerate(outcomes):
        if not isinstance(other, Record):
            return Row(what, f"seed {seed}: {type(other).__name__}: {other}", ok=False)
        if other.status != "ok":
            return Row(what, f"seed {seed}: {other.status} {other.error.message if other.error else ''}", ok=False)
        if seed < len(alone) and alone[seed].content() != other.content():
            return Row(what, f"seed {seed} differs", ok=False)
    return Row(what, "equal bit for bit", ok=True)
