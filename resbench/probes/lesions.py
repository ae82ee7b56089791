"""The probe `lesions`: a trained network with units removed or swapped (Veit et al. 2016, 1605.06431, section 4)."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import torch
from torch import Generator, Tensor, nn

from resbench.core.json_reader import Json
from resbench.model.fold import folded
from resbench.model.layers import NoShortcut, Unit
from resbench.model.resnet import ResNet
from resbench.probes.layers import unit_inputs
from resbench.probes.subject import Probe, Subject, rounded
from resbench.records.record import ProbeResult

DRAWS = 3  # random sets of each size, and random swaps
MIN_TESTED = 32  # images; fewer would say nothing
_CHUNK = 64  # images whose activations are kept for every unit at once
# shapes of the input and of the output of a unit, for one image
Shapes: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


def lesions(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Test error with each unit removed, with random sets of them removed, and with two units swapped, not retrained.

    A unit of a network of the user's own is removed by passing on what enters it, where the shape allows.

    Costs `passes` an image: half a pass for each unit and one for each random lesion. Test images are drawn by the
    seed's stream, as many as the budget allows: the same for all cells of a seed that have as many.
    """
    network: Any = folded(subject.network)
    draw = subject.generator("lesions")
    count = len(network.units)
    size = min(
        len(subject.images), max(MIN_TESTED, int(subject.budget / passes(count, shared=isinstance(network, ResNet))))
    )
    inputs, labels = subject.chosen(draw, size)
    shapes = unit_shapes(network, inputs)
    units = removable(network, shapes)
    whole = tuple(range(count))
    several, pairs = random_sets(units, draw), swappable(shapes, draw)
    damages = [Lesion(whole), *(Lesion(whole, frozenset({unit})) for unit in units)]
    damages += [Lesion(whole, removed) for sets in several.values() for removed in sets]
    damages += [swapped(pair, count) for pair in pairs]
    errors = iter(rounded(_errors(network, inputs, labels, damages)))
    intact = next(errors)
    single = {unit: next(errors) for unit in units}
    random: dict[str, Json] = {str(number): [next(errors) for _ in sets] for number, sets in several.items()}
    mean = statistics.fmean(cast("dict[int, float]", single).values()) - cast("float", intact) if single else None
    return {
        "images": size,
        "intact": intact,
        "removed": [single.get(unit) for unit in whole],
        "random": random,
        "swapped": [list(pair) for pair in pairs],
        "swapped_error": list(errors),
        "lesion_mean": rounded(mean),
    }


PROBE = Probe(lesions, "tested", 0.02)


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


def unit_shapes(network: nn.Module, inputs: Tensor) -> list[Shapes]:
    """Shapes of each unit's input and output for one image."""
    with torch.no_grad(), unit_inputs(network) as seen:
        network(inputs[:1])
    return [(tuple(x.shape), tuple(y.shape)) for x, y in itertools.pairwise(seen)]


def removable(network: Any, shapes: Sequence[Shapes]) -> list[int]:
    """Units that can be removed: all with a shortcut, and the plain ones whose input has the shape of their output."""
    return [
        index
        for index, (unit, (before, after)) in enumerate(zip(network.units, shapes, strict=True))
        if before == after or (isinstance(unit, Unit) and not isinstance(unit.join, NoShortcut))
    ]


def random_sets(units: Sequence[int], draw: Generator) -> dict[int, list[frozenset[int]]]:
    """Number of units -> random sets of so many: 2, 4, 8, ... below all of them; smaller sets lie in the larger ones."""
    orders = [torch.randperm(len(units), generator=draw).tolist() for _ in range(DRAWS)]
    sizes = [2**power for power in range(1, 32) if 2**power < len(units)]
    return {size: [frozenset(units[at] for at in order[:size]) for order in orders] for size in sizes}


def swappable(shapes: Sequence[Shapes], draw: Generator) -> list[tuple[int, int]]:
    """Random pairs of units that map the same shape to itself, and so can change places."""
    pairs = [
        (left, right)
        for left, right in itertools.combinations(range(len(shapes)), 2)
        if shapes[left] == shapes[right] and shapes[left][0] == shapes[left][1]
    ]
    chosen = torch.randperm(len(pairs), generator=draw)[:DRAWS].tolist()
    return sorted(pairs[index] for index in chosen)


def swapped(pair: tuple[int, int], units: int) -> Lesion:
    """The lesion that lets two units change places."""
    order = list(range(units))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    return Lesion(tuple(order))


def passes(units: int, shared: bool = True) -> float:
    """Forward passes of one image that all lesions of a network cost at most.

    The network as it is, every unit removed in turn (from that unit on, so half a pass on average), the random sets,
    the swaps.

    Args:
        shared: whether what lies before a damaged unit is computed once for all.
    """
    sizes = max(units.bit_length() - 1, 0)
    return 1 + units / (2 if shared else 1) + DRAWS * sizes + DRAWS


def _errors(network: Any, inputs: Tensor, labels: Tensor, damages: Sequence[Lesion]) -> list[float]:
    """Error of each damaged network on all images."""
    totals = [0] * len(damages)
    for part, truth in zip(torch.split(inputs, _CHUNK), torch.split(labels, _CHUNK), strict=True):
        counts = count_wrong(network, part, truth, damages)
        totals = [total + more for total, more in zip(totals, counts, strict=True)]
    return [total / len(labels) for total in totals]


def count_wrong(network: Any, inputs: Tensor, labels: Tensor, damages: Sequence[Lesion]) -> list[int]:
    """How many images each damaged network misclassifies.

    What lies before the first damaged unit is computed once for all, but in a network of the user's own.

    Args:
        network: in evaluation mode.
        inputs: normalised images `(n, channels, side, side)`.
        labels: `(n,)`.
    """
    units: list[nn.Module] = list(network.units)
    with torch.inference_mode():
        if not isinstance(network, ResNet):
            return [_own_misses(network, units, inputs, labels, lesion) for lesion in damages]
        reached = [network.stem(inputs)]
        for unit in units:
            reached.append(unit(reached[-1]))
        return [_misses(network, units, reached[lesion.first], labels, lesion) for lesion in damages]


def _misses(network: ResNet, units: list[nn.Module], x: Tensor, labels: Tensor, lesion: Lesion) -> int:
    for at in lesion.order[lesion.first :]:
        unit = units[at]
        assert isinstance(unit, Unit)
        x = without(unit, x) if at in lesion.removed else unit(x)
    logits = network.classify(torch.flatten(network.pool(network.final(x)), 1))
    return int((logits.argmax(1) != labels).sum())


def _own_misses(network: Any, units: list[nn.Module], inputs: Tensor, labels: Tensor, lesion: Lesion) -> int:
    whole = network.units
    network.units = nn.Sequential(*(units[at] for at in lesion.order if at not in lesion.removed))
    try:
        logits = network(inputs)
    finally:
        network.units = whole
    return int((logits.argmax(1) != labels).sum())
