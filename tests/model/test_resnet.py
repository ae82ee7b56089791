"""Published sizes, and the mathematics of units."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from resbench.model import ModelConfig, build, count, measure
from resbench.model.branch import BRANCHES
from resbench.model.config import FAMILIES
from resbench.model.fold import folded
from resbench.model.shortcut import SHORTCUTS
from resbench.model.unit import UNITS

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
    "branch",
    [{"branch": "zero_gamma", "unit": "relu_only_preact"}, {"branch": "rezero"}, {"branch": "fixup", "norm": "none"}],
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


@pytest.mark.parametrize(
    "config",
    [
        {"branch": "rezero", "shortcut": "none"},
        {"drop_path": 0.1, "shortcut": "none"},
        {"branch": "fixup"},
        {"branch": "fixup", "norm": "none", "convs_per_unit": 1, "depth": 10},
        {"branch": "zero_gamma", "norm": "none"},
        {"branch": "zero_gamma", "unit": "preact"},
        {"branch": "zero_gamma", "unit": "relu_before_add"},
        {"branch": "fixup", "norm": "none", "unit": "seed"},
        {"unit": "relu_only_preact", "norm": "none"},
        {"branch": "zero_gamma", "unit": "bn_after_add", "convs_per_unit": 1, "depth": 10},
        {"unit": "bn_after_add", "norm": "none"},
        {"shortcut": "conv", "projection_norm": False},
        {"shortcut": "scaled", "branch": "skipinit", "branch_scale": 0.5},
    ],
)
def test_combinations_that_mean_nothing_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelConfig.model_validate(config)


@pytest.mark.parametrize("family", ["seed", "cifar"])
@pytest.mark.parametrize(
    "fields",
    [
        *({"shortcut": name} for name in SHORTCUTS),
        {"unit": "preact", "head": "flatten_linear"},
        {"norm": "none", "branch": "fixup"},
        {"norm": "group", "branch": "layerscale", "convs_per_unit": 3},
    ],
    ids=str,
)
def test_sizes_from_two_shallow_networks_are_those_of_the_whole_one(family: str, fields: dict[str, object]) -> None:
    depth = FAMILIES[family].depth(4, int(str(fields.get("convs_per_unit", 2))))
    config = ModelConfig.model_validate({"family": family, "depth": depth, "width": 8} | fields)
    assert measure(config, size=32, classes=7) == count(config, size=32, classes=7)


@pytest.mark.parametrize("fields", [{}, {"unit": "preact"}, {"norm": "group"}, {"shortcut": "projection"}], ids=str)
def test_folding_batch_norm_changes_no_function(fields: dict[str, str]) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate({"depth": 16, "width": 8} | fields))
    images = torch.randn(64, 1, 28, 28)
    for _ in range(3):
        network(images)  # moves the running statistics away from 0 and 1
    network.eval()
    twin = folded(network)
    torch.testing.assert_close(twin(images), network(images), rtol=1e-4, atol=1e-4)
    left = sum(isinstance(module, nn.BatchNorm2d) for module in twin.modules())
    assert (left > 0) == (fields.get("unit") == "preact")


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
