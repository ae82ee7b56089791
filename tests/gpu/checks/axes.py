"""C3: every value of every axis trains, in both precisions, and a run leaves no memory behind."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from resbench.core.config import fields, names_of, nest
from resbench.probes.observer import ProbeObserver
from resbench.records.metrics import PROBED
from resbench.training.device import choose
from resbench.training.placement import GRAPHS
from resbench.training.run import RunConfig
from resbench.training.train import train

from ..rows import Row, not_checked
from ..setting import Setting

_BASE: dict[str, Any] = {
    "model.depth": 10,
    "model.width": 8,
    "data.train_size": 112,  # two whole batches and a short one
    "data.val_size": 40,
    "recipe.batch_size": 48,
    "recipe.epochs": 2,
    "recipe.lr": 0.01,
}
_LEFT_OUT = ("data.name", "recipe.precision")
# what values need besides themselves
_NEEDS: dict[tuple[str, Any], dict[str, Any]] = {
    ("model.family", "cifar"): {"model.depth": 14},
    ("model.branch", "fixup"): {"model.norm": "none"},
    ("model.dropout_at", "unit"): {"model.dropout": 0.5},
}
_GROW: dict[str, Any] = {"model.depth": 16, "recipe.grow": [10, 16], "recipe.epochs": 2}
_MORE: tuple[dict[str, Any], ...] = (
    {"model.dropout": 0.5},
    {"model.drop_path": 0.5},
    {"model.convs_per_unit": 1},
    {"model.depth": 13, "model.convs_per_unit": 3},
    {"model.projection_norm": False, "model.shortcut": "projection"},
    {"recipe.label_smoothing": 0.1},
    {"recipe.grad_clip": 1.0},
    {"recipe.grad_clip": 1.0, "recipe.optimizer": "adamw"},
    {"recipe.batch_size": 4096},  # more than there are images
    *({**_GROW, "recipe.optimizer": name} for name in ("sgd", "nesterov", "adamw")),
)
_RUNS = 60
_EARLY = 5  # runs after which memory is full
_GROWTH = 50 * 2**20  # bytes that may be left behind


def check(setting: Setting) -> Iterator[Row]:
    changes = [*_values(), *_MORE]
    for index, precision in enumerate(("fp32", "bf16")):
        chosen = changes[index::2]  # half of the values in each precision
        bad = [f"{change}: {why}" for change in chosen if (why := _wrong(setting, change, precision))]
        yield Row(f"values of axes in {precision}", f"{len(chosen) - len(bad)} of {len(chosen)} train", ok=not bad)
        yield from (Row(f"value in {precision}", text[:300], ok=False) for text in bad)
    chosen = changes[:: 10 if setting.small else 2]
    bad = [str(change) for change in chosen if _differs(setting, change)]
    told = f"{len(chosen) - len(bad)} of {len(chosen)} equal bit for bit"
    yield Row("values of axes by whole steps, against the network alone", told, ok=not bad)
    yield from (Row("value by whole steps", text[:300], ok=False) for text in bad)
    why = _wrong(setting, {}, "auto", tuple(PROBED), tested=True)
    yield Row("all probes", why or ", ".join(PROBED), ok=not why)
    yield _memory(setting)
    if not setting.on_card:
        yield not_checked("graphs, the fused optimizers and memory of a card")


def _values() -> Iterator[dict[str, Any]]:
    """A change of the base for every name that a field can have."""
    for path, field in fields(RunConfig).items():
        names = names_of(field) if path not in _LEFT_OUT else []
        for value in [name for name in names if (path, name) != ("model.family", "python")]:  # it needs a file
            yield {path: value} | _NEEDS.get((path, value), {})


def _base(setting: Setting) -> dict[str, Any]:
    return _BASE | ({"model.width": 4, "recipe.epochs": 1} if setting.small else {})


def _wrong(
    setting: Setting, change: dict[str, Any], precision: str, probes: tuple[str, ...] = (), tested: bool = False
) -> str:
    """What is not as it should be of a run; empty if nothing is."""
    try:
        run = RunConfig.model_validate(nest(_base(setting) | {"recipe.precision": precision} | change))
    except ValidationError as error:
        return f"not a run: {error}"
    observer = ProbeObserver(probes)
    record = train(run, Path(), choose(setting.device), 1, observer=observer, tested=tested or not setting.small)
    if record.status != "ok":
        return f"{record.status} {record.error.kind}: {record.error.message}" if record.error else record.status
    losses = [row["train_loss"] for row in record.history]
    if not all(loss is not None and math.isfinite(loss) for loss in losses):
        return f"losses {losses}"
    lacking = [name for name in probes if not (record.probes or {}).get(name)]
    return f"without results of {', '.join(lacking)}" if lacking else ""


def _differs(setting: Setting, change: dict[str, Any]) -> bool:
    """Whether a run in bf16 is another one where whole steps are replayed."""
    run = RunConfig.model_validate(nest(_base(setting) | {"recipe.precision": "bf16"} | change))
    device = choose(setting.device)
    left, right = (train(run, Path(), device, 1, tested=False, graph=graph).content() for graph in GRAPHS)
    return left != right


def _memory(setting: Setting) -> Row:
    """What a run leaves behind, from the fifth to the last of many in one process."""
    runs = _RUNS // 4 if setting.small else _RUNS
    early = 0
    for number in range(1, runs + 1):
        _wrong(setting, {"recipe.epochs": 1}, "auto")
        early = _held(setting) if number == _EARLY else early
    grown = _held(setting) - early
    words = f"{grown / 2**20:.1f} MiB from run {_EARLY} to {runs}, of {early / 2**20:.0f} MiB"
    return Row("memory left behind", words, ok=grown <= _GROWTH)


def _held(setting: Setting) -> int:
    """Bytes of tensors on the card; on a CPU the most that the process ever had."""
    if setting.on_card:
        return torch.cuda.memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
