"""Published sizes, and the mathematics of units."""

import pytest
import torch
from pydantic import ValidationError

from resbench.model import ModelConfig, build, count

PROGRAM = {
    "width": 64,
    "unit": "seed",
    "head": "flatten_linear",
    "conv_bias": "always",
    "projection_norm": False,
}


@pytest.mark.parametrize(
    ("depth", "shortcut", "parameters"),
    [
        (34, "identity", 11_104_394),
        (100, "identity", 28_155_274),
        (34, "none", 10_931_466),
        (100, "none", 27_982_346),
    ],
)
def test_program_of_2016_has_its_parameters(depth: int, shortcut: str, parameters: int) -> None:
    config = ModelConfig.model_validate(PROGRAM | {"depth": depth, "shortcut": shortcut})
    assert count(config)["parameters"] == parameters


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.73)])
def test_cifar_family_has_the_sizes_of_he_2015_table_6(depth: int, millions: float) -> None:
    config = ModelConfig(family="cifar", depth=depth, shortcut="zero_pad")
    assert round(count(config, channels=3, size=32)["parameters"] / 1e6, 2) == millions


@pytest.mark.parametrize(
    "branch", [{"branch": "zero_gamma"}, {"branch": "rezero"}, {"branch": "fixup", "norm": "none"}]
)
def test_zero_started_branch_makes_the_unit_its_shortcut(branch: dict[str, str]) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate({"depth": 16, "width": 4, "unit": "preact"} | branch))
    x = torch.randn(2, 4, 28, 28)
    assert torch.equal(network.units[0](x), x)


def test_depth_outside_the_family_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="the nearest are 28 and 34"):
        ModelConfig(depth=33)


def test_thousand_layers_build_and_step() -> None:
    network = build(ModelConfig(depth=1000, width=1))
    network(torch.randn(2, 1, 28, 28)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
