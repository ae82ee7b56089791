"""Every value of every axis does something: it builds, learns with finite gradients, and differs from the others."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from resbench.core.config import names_of
from resbench.grid.grid import FIELDS
from resbench.model import ModelConfig, build
from resbench.training.recipe import SCHEDULES, RecipeConfig
from resbench.training.run import RunConfig
from resbench.training.train import train

SMALL = {"depth": 16, "width": 8}
# what a value needs besides itself, or what all values of an axis need to show their difference
CONTEXT: dict[str, dict[str, Any]] = {"dropout_at": {"dropout": 0.5}, "conv_bias": {"unit": "preact"}}
NEEDS: dict[tuple[str, object], dict[str, Any]] = {
    ("family", "cifar"): {"depth": 14},
    ("branch", "fixup"): {"norm": "none"},
}
# fields that only act beside another, with two values each
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
TABLES = {
    path.removeprefix("model."): names
    for path in FIELDS
    if path.startswith("model.")
    if (names := names_of(FIELDS[path]))
}


def trace(config: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits in training mode and the gradient of every parameter, from fixed images and streams."""
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate(SMALL | config))
    images = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    logits = network(images)
    functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    return logits.detach(), {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def same(a: tuple[torch.Tensor, dict[str, torch.Tensor]], b: tuple[torch.Tensor, dict[str, torch.Tensor]]) -> bool:
    return torch.equal(a[0], b[0]) and a[1].keys() == b[1].keys() and all(torch.equal(a[1][k], b[1][k]) for k in a[1])


def check(field: str, values: list[Any], configs: list[dict[str, Any]]) -> None:
    traces = [trace(config) for config in configs]
    for value, (logits, gradients) in zip(values, traces, strict=True):
        assert logits.isfinite().all(), value
        assert gradients and all(g.isfinite().all() for g in gradients.values()), value
    for (one, first), (other, second) in combinations(zip(values, traces, strict=True), 2):
        assert not same(first, second), f"{field}: {one} and {other} compute the same"


@pytest.mark.parametrize("field", TABLES)
def test_each_name_of_a_model_axis(field: str) -> None:
    values = TABLES[field]
    check(field, values, [{field: value} | CONTEXT.get(field, {}) | NEEDS.get((field, value), {}) for value in values])


@pytest.mark.parametrize("field", PAIRS)
def test_each_number_of_a_model_axis(field: str) -> None:
    values, context = PAIRS[field]
    check(field, values, [{field: value} | context | PAIRS_NEED.get((field, value), {}) for value in values])


def test_no_model_field_is_left_out() -> None:
    assert set(ModelConfig.model_fields) == set(TABLES) | set(PAIRS)


LEARN = {"model": {"depth": 10, "width": 8}, "data": {"train_size": 256}, "recipe": {"epochs": 1}}
EFFECTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "data.name": (["mnist-5k"], {}),  # the others need files: see test_data
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


@pytest.mark.parametrize("path", [path for path in EFFECTS if path != "data.name"])
def test_each_value_of_data_and_recipe_trains_to_other_weights(path: str, tmp_path: Path) -> None:
    from resbench.core.config import flatten, nest

    values, context = EFFECTS[path]
    seen: dict[str, Any] = {}
    for value in values:
        run = RunConfig.model_validate(nest(flatten(LEARN) | context | {path: value}))
        record = train(run, tmp_path, threads=1)
        assert record["status"] == "ok", record["error"]
        assert 0 <= record["metrics"]["test_accuracy"] <= 1
        weights = record["weights_sha256"]
        assert weights not in seen, f"{path}: {value} and {seen.get(weights)} train to the same weights"
        seen[weights] = value


def test_no_data_or_recipe_field_is_left_out() -> None:
    fields = {path for path in FIELDS if not path.startswith("model.")}
    assert fields == set(EFFECTS) | {"recipe.select"}


def test_precision_auto_is_one_of_the_others(tmp_path: Path) -> None:
    weights = {
        name: train(RunConfig.model_validate(LEARN | {"recipe": {"epochs": 1, "precision": name}}), tmp_path, threads=1)
        for name in ("auto", "fp32", "bf16")
    }
    precision = weights["auto"]["provenance"]["precision"]
    assert weights["auto"]["weights_sha256"] == weights[precision]["weights_sha256"]


def test_best_val_takes_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    recipe = {"epochs": 3, "lr": 2.0, "schedule": "constant", "select": "best_val"}
    record = train(RunConfig.model_validate(LEARN | {"recipe": recipe}), tmp_path, threads=1)
    accuracies = [epoch["val_accuracy"] for epoch in record["history"]]
    assert record["metrics"]["val_accuracy"] == max(accuracies)
    assert record["metrics"]["epoch"] == accuracies.index(max(accuracies)) + 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_stay_between_zero_and_the_rate(name: str) -> None:
    recipe = RecipeConfig.model_validate({"epochs": 4, "schedule": name, "lr": 0.5})
    rates = [recipe.lr_at(step, 25) for step in range(100)]
    assert all(0 <= rate <= 0.5 for rate in rates)
    assert max(rates) == pytest.approx(0.5, rel=0.01)


def test_onecycle_has_its_peak_at_30_percent_and_ends_near_zero() -> None:
    recipe = RecipeConfig(epochs=4, lr=1.0, schedule="onecycle")
    rates = [recipe.lr_at(step, 25) for step in range(100)]
    assert rates.index(max(rates)) == 30
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] < 0.002
