"""Lesions: a trained network with units removed or swapped (Veit et al. 2016, arXiv 1605.06431, section 4)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from resbench.model.resnet import ResNet
from resbench.model.shortcut import NoShortcut
from resbench.model.unit import Unit

DRAWS = 3  # random sets of each size, and random swaps


@dataclass(frozen=True)
class Lesion:
    """What is done to the units.

    Attributes:
        order: which unit is computed at each place; `range(units)` in the network as it was trained.
        removed: units that are taken out.
    """

    order: tuple[int, ...]
    removed: frozenset[int] = frozenset()

    @property
    def first(self) -> int:
        """The place from which on the network differs from the one that was trained; the number of units if nowhere."""
        places = enumerate(self.order)
        return next((at for at, unit in places if unit != at or unit in self.removed), len(self.order))


def without(unit: Unit, x: Tensor) -> Tensor:
    """The unit with its branch set to zero; a plain unit, which is nothing but its branch, is passed by."""
    if isinstance(unit.join, NoShortcut):
        return x
    y: Tensor = unit.after(unit.join(unit.before(x), x.new_zeros(())))
    return y


def shapes(network: ResNet, inputs: Tensor) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Shape of each unit's input and output for one image."""
    out = []
    with torch.no_grad():
        x = network.stem(inputs[:1])
        for unit in network.units:
            y = unit(x)
            out.append((tuple(x.shape), tuple(y.shape)))
            x = y
    return out


def removable(network: ResNet, sizes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[int]:
    """Units that can be removed: all with a shortcut, and the plain ones whose input has the shape of their output."""
    return [
        index
        for index, (unit, (before, after)) in enumerate(zip(network.units, sizes, strict=True))
        if before == after or not isinstance(unit.join, NoShortcut)
    ]


def sets(units: Sequence[int], draw: Generator) -> dict[int, list[frozenset[int]]]:
    """Number of units -> random sets of so many: 2, 4, 8, ... below all of them; smaller sets lie in the larger ones."""
    orders = [torch.randperm(len(units), generator=draw).tolist() for _ in range(DRAWS)]
    sizes = [2**power for power in range(1, 32) if 2**power < len(units)]
    return {size: [frozenset(units[at] for at in order[:size]) for order in orders] for size in sizes}


def swaps(sizes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], draw: Generator) -> list[tuple[int, int]]:
    """Random pairs of units that map the same shape to itself, and so can change places."""
    pairs = [
        (left, right)
        for left, right in itertools.combinations(range(len(sizes)), 2)
        if sizes[left] == sizes[right] and sizes[left][0] == sizes[left][1]
    ]
    chosen = torch.randperm(len(pairs), generator=draw)[:DRAWS].tolist()
    return sorted(pairs[index] for index in chosen)


def swapped(pair: tuple[int, int], units: int) -> Lesion:
    """The lesion that lets two units change places."""
    order = list(range(units))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    return Lesion(tuple(order))


def passes(units: int) -> float:
    """Forward passes of one image that all lesions of a network cost, at the most.

    The network as it is, every unit removed in turn (from that unit on, so half a pass on average), the random sets,
    the swaps.
    """
    sizes = max(units.bit_length() - 1, 0)
    return 1 + units / 2 + DRAWS * sizes + DRAWS


def wrong(network: ResNet, inputs: Tensor, labels: Tensor, lesions: Sequence[Lesion]) -> list[int]:
    """How many images each damaged network misclassifies.

    What lies before the first damaged unit is computed once for all.

    Args:
        network: in evaluation mode.
        inputs: normalised images `(n, channels, side, side)`.
        labels: `(n,)`.
    """
    units: list[nn.Module] = list(network.units)
    with torch.inference_mode():
        reached = [network.stem(inputs)]
        for unit in units:
            reached.append(unit(reached[-1]))
        return [_misses(network, units, reached[lesion.first], labels, lesion) for lesion in lesions]


def _misses(network: ResNet, units: list[nn.Module], x: Tensor, labels: Tensor, lesion: Lesion) -> int:
    for at in lesion.order[lesion.first :]:
        unit = units[at]
        assert isinstance(unit, Unit)
        x = without(unit, x) if at in lesion.removed else unit(x)
    logits = network.classify(torch.flatten(network.pool(network.final(x)), 1))
    return int((logits.argmax(1) != labels).sum())
