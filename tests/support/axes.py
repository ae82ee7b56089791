"""Every value of every axis, with what it needs to show what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resbench.core.config import fields, names_of
from resbench.grid.source import FIELDS
from resbench.model import ModelConfig

# what a value needs besides itself, or what all values of an axis need to show their difference
CONTEXT: dict[str, dict[str, Any]] = {"dropout_at": {"dropout": 0.5}, "conv_bias": {"unit": "preact"}}
NEEDS: dict[tuple[str, object], dict[str, Any]] = {
    ("family", "cifar"): {"depth": 14},
    ("branch", "fixup"): {"norm": "none"},
}
# fields of numbers, with values that differ where the rest allows them to act
PAIRS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "depth": ([10, 16], {}),
    "width": ([8, 16], {}),
    "convs_per_unit": ([1, 2, 3], {}),
    "shortcut_scale": ([0.0, 0.5], {"shortcut": "scaled"}),
    "shortcut_dropout": ([0.2, 0.5], {"shortcut": "dropout"}),
    "gate_bias": ([-6.0, 0.0], {"shortcut": "exclusive_gate"}),
    "projection_norm": ([True, False], {}),
    "branch_scale": ([0.5, "auto"], {"shortcut": "scaled"}),
    "dropout": ([0.0, 0.5], {}),
    "drop_path": ([0.0, 0.5], {}),
}
PAIRS_NEED = {("convs_per_unit", 1): {"depth": 10}, ("convs_per_unit", 2): {"depth": 10}}
PAIRS_NEED |= {("convs_per_unit", 3): {"depth": 13}}
TABLES = {name: names for name, field in fields(ModelConfig).items() if (names := names_of(field))}
TABLES["family"].remove("python")  # its networks are in files of the user's
# path of a data or recipe field -> values that train to other weights, and what they need for it
EFFECTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "data.name": (["mnist-5k"], {}),  # the others need files: see tests/data
    "data.augment": (names_of(FIELDS["data.augment"]), {}),
    "data.train_size": ([256, 300], {}),
    "data.val_size": ([400, 0], {}),
    "data.order": (names_of(FIELDS["data.order"]), {}),
    "data.pixels": (names_of(FIELDS["data.pixels"]), {}),
    "recipe.epochs": ([1, 2], {}),
    "recipe.batch_size": ([64, 128], {}),
    "recipe.optimizer": (names_of(FIELDS["recipe.optimizer"]), {}),
    "recipe.lr": ([0.05, 0.1], {}),
    "recipe.schedule": (names_of(FIELDS["recipe.schedule"]), {"recipe.lr_decay": 0.1, "recipe.epochs": 2}),
    "recipe.lr_decay": ([0.0, 0.1], {"recipe.schedule": "inverse_time"}),
    "recipe.warmup": ([0.0, 1.0], {"recipe.schedule": "constant"}),
    "recipe.momentum": ([0.5, 0.9], {}),
    "recipe.weight_decay": ([0.0, 0.1], {}),
    "recipe.label_smoothing": ([0.0, 0.1], {}),
    "recipe.grad_clip": (["none", 0.01], {}),
    "recipe.loss": (names_of(FIELDS["recipe.loss"]), {}),
    "recipe.precision": (["fp32", "bf16"], {}),
    "recipe.grow": (["none", [10, 16]], {"model.depth": 16, "recipe.epochs": 2}),
}


def settings() -> Iterator[dict[str, Any]]:
    """Each value of each axis as settings by dotted path."""
    for field, values in TABLES.items():
        for value in values:
            yield _of_model({field: value} | CONTEXT.get(field, {}) | NEEDS.get((field, value), {}))
    for field, (numbers, context) in PAIRS.items():
        for number in numbers:
            yield _of_model({field: number} | context | PAIRS_NEED.get((field, number), {}))
    for path, (values, context) in EFFECTS.items():
        for value in values:
            yield context | {path: value}


def _of_model(fields: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{name}": value for name, value in fields.items()}
