"""Every value of every model axis does something: it builds, has finite gradients, and differs from the others."""

from itertools import combinations
from typing import Any

import pytest
import torch
from support.axes import CONTEXT, NEEDS, PAIRS, PAIRS_NEED, TABLES
from torch.nn import functional

from resbench.model import ModelConfig, build
from resbench.model.own import OwnFields

SMALL = {"depth": 16, "width": 8}


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
    assert set(ModelConfig.model_fields) - set(OwnFields.model_fields) == set(TABLES) | set(PAIRS)
