"""Published sizes, and counts at any depth from two shallow networks."""

import pytest

from resbench.model import ModelConfig, count, measure
from resbench.model.family import FAMILIES
from resbench.model.shortcut import SHORTCUTS

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
