"""The mathematics of units, and of whole networks."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from resbench.model import ModelConfig, build
from resbench.model.branch import BRANCHES
from resbench.model.unit import UNITS


@pytest.mark.parametrize(
    "branch",
    [{"branch": "zero_gamma", "unit": "relu_only_preact"}, {"branch": "rezero"}, {"branch": "fixup", "norm": "none"}],
)
def test_zero_started_branch_makes_the_unit_its_shortcut(branch: dict[str, str]) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate({"depth": 16, "width": 4, "unit": "preact"} | branch))
    x = torch.randn(2, 4, 28, 28)
    assert torch.equal(network.units[0](x), x)


def test_thousand_layers_build_and_step() -> None:
    network = build(ModelConfig(depth=1000, width=1))
    network(torch.randn(2, 1, 28, 28)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def branch_parameters(shortcut: str) -> int:
    with torch.device("meta"):
        network = build(ModelConfig(depth=34, shortcut=shortcut))
    return sum(p.numel() for unit in network.units for p in unit.branch.parameters())


def test_plain_and_residual_networks_share_their_main_path() -> None:
    assert branch_parameters("none") == branch_parameters("identity") == branch_parameters("projection")


def stem_gradient(shortcut: str, depth: int) -> float:
    """Norm of the loss gradient at the first convolution, no norm layers, branches started small."""
    torch.manual_seed(0)
    network = build(ModelConfig(depth=depth, width=8, shortcut=shortcut, norm="none", init="torch_default"))
    torch.nn.functional.cross_entropy(network(torch.randn(8, 1, 28, 28)), torch.arange(8)).backward()
    gradient = network.stem[0].weight.grad
    assert gradient is not None
    return float(gradient.norm())


def test_identity_carries_the_gradient_to_the_stem() -> None:
    assert stem_gradient("identity", 100) > 0.1 * stem_gradient("identity", 10)
    assert stem_gradient("none", 100) < 1e-6 * stem_gradient("none", 10)


@pytest.mark.parametrize("shortcut", ["exclusive_gate", "shortcut_gate"])
def test_closed_gate_passes_the_shortcut(shortcut: str) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(depth=16, width=4, shortcut=shortcut, gate_bias=-50.0, unit="preact"))
    join = network.units[0].join
    x, branch = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    expected = x if shortcut == "exclusive_gate" else x + branch
    assert torch.allclose(join(x, branch), expected, atol=1e-5)


def test_zero_padding_has_no_parameters_and_keeps_every_second_pixel() -> None:
    network = build(ModelConfig(depth=10, width=4, shortcut="zero_pad"))
    join = network.units[0].join
    x = torch.randn(2, 4, 8, 8)
    y = join(x, torch.zeros(2, 8, 4, 4))
    assert not list(join.parameters())
    assert torch.equal(y[:, :4], x[:, :, ::2, ::2]) and not y[:, 4:].any()


def test_delta_orthogonal_keeps_norms() -> None:
    from resbench.model.init import delta_orthogonal

    conv = torch.nn.Conv2d(8, 8, 3, padding=1, bias=False)
    delta_orthogonal(conv)
    x = torch.randn(3, 8, 5, 5)
    assert torch.allclose(conv(x).norm(), 2**0.5 * x.norm(), rtol=1e-5)


def test_drop_path_keeps_the_mean_and_drops_deeper_units_more() -> None:
    network = build(ModelConfig(depth=34, width=4, drop_path=0.5))
    survival = [unit.branch[-1].survival for unit in network.units]
    assert survival == sorted(survival, reverse=True) and survival[-1] == 0.5
    x = torch.ones(20_000, 1, 1, 1)
    assert network.units[-1].branch[-1](x).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("branch", BRANCHES)
def test_every_branch_that_is_allowed_comes_to_life(unit: str, branch: str) -> None:
    fields = {"depth": 10, "width": 8, "unit": unit, "branch": branch, "norm": "none" if branch == "fixup" else "batch"}
    try:
        config = ModelConfig.model_validate(fields)
    except ValidationError:
        pytest.skip("refused")
    torch.manual_seed(0)
    network = build(config)
    before = [parameter.detach().clone() for parameter in network.units.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    images, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    for _ in range(4):  # zero-started branches pass their first gradient on in the second step
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, network.units.parameters(), strict=True)]
    assert all(moved)


def test_every_channel_lives_after_a_dirac_start() -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(depth=10, width=8, init="dirac"))
    features = network.units(network.stem(torch.randn(16, 1, 28, 28)))
    assert (features.abs().amax((0, 2, 3)) > 0).float().mean() > 0.9
