"""The probe `lesions`: what a damaged network computes."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from resbench.model import ModelConfig, build
from resbench.model.fold import folded
from resbench.probes.lesions import (
    Lesion,
    count_wrong,
    passes,
    random_sets,
    removable,
    swappable,
    swapped,
    unit_shapes,
)


def varied(network: Any, x: Tensor) -> Any:
    """The network in evaluation mode with logits of mean zero over the images, so that it tells them apart."""
    network.eval()
    with torch.no_grad():
        network.classify[-1].bias -= network(x).mean(0)
    return network


@pytest.mark.parametrize("unit", ["original", "preact"])
def test_a_lesion_of_a_unit_whose_branch_is_zero_changes_nothing(unit: str) -> None:
    torch.manual_seed(0)
    network: Any = build(ModelConfig(depth=16, width=4, unit=unit))
    for index in (0, 2):
        last = [m for m in network.units[index].branch if isinstance(m, nn.BatchNorm2d | nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
    x = torch.randn(64, 1, 28, 28)
    twin: Any = folded(varied(network, x))
    labels = twin(x).argmax(1)
    whole = tuple(range(len(network.units)))
    lesions = [Lesion(whole, frozenset(removed)) for removed in ([], [0], [2], [0, 2], [1])]
    counts = count_wrong(twin, x, labels, lesions)
    assert counts[:4] == [0, 0, 0, 0] and counts[4] > 0


def test_a_lesion_computes_the_network_without_the_unit() -> None:
    torch.manual_seed(0)
    x = torch.randn(32, 1, 28, 28)
    network = varied(build(ModelConfig(depth=34, width=4)), x)
    labels = network(x).argmax(1)
    whole = tuple(range(len(network.units)))
    lesions = [swapped((1, 3), len(whole)), Lesion(whole, frozenset({2}))]
    [of_swap, of_removal] = count_wrong(network, x, labels, lesions)
    units = list(network.units)
    units[1], units[3] = units[3], units[1]
    network.units = nn.Sequential(*units)
    assert 0 < of_swap == int((network(x).argmax(1) != labels).sum())
    units[1], units[3] = units[3], units[1]
    network.units = nn.Sequential(*units[:2], *units[3:])  # after a ReLU the unit without its branch is the identity
    assert 0 < of_removal == int((network(x).argmax(1) != labels).sum())


def test_plain_units_that_change_the_shape_cannot_be_removed() -> None:
    plain = build(ModelConfig(depth=16, width=4, shortcut="none")).eval()
    shapes = unit_shapes(plain, torch.randn(2, 1, 28, 28))
    assert removable(plain, shapes) == [0, 2, 4]
    assert swappable(shapes, Generator().manual_seed(0)) == []
    assert removable(build(ModelConfig(depth=16, width=4)).eval(), shapes) == [0, 1, 2, 3, 4, 5]


def test_random_sets_lie_in_one_another() -> None:
    sets = random_sets(range(9), Generator().manual_seed(0))
    assert list(sets) == [2, 4, 8] and all(len(units) == 4 for units in sets[4])
    assert all(small <= large for small, large in zip(sets[2], sets[4], strict=True))


def test_half_a_pass_for_each_unit() -> None:
    assert passes(16) == 1 + 8 + 3 * 4 + 3
