"""Every value of every model axis does something: it builds, has finite gradients, and differs from the others."""

from itertools import combinations
from typing import Any

import pytest
import torch
from torch.nn import functional

from resbench.core.config import fields, names_of
from resbench.model import ModelConfig, build

SMALL = {"depth": 16, "width": 8}
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
    for (left, first), (right, second) in combinations(zip(values, traces, strict=True), 2):
        assert not same(first, second), f"{field}: {left} and {right} compute the same"


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
