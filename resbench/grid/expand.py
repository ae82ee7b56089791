"""From the values of a grid to its cells: every combination is validated as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from resbench.core.cell import Cell, Value, contains
from resbench.core.config import explain, flatten, nest
from resbench.training.run import RunConfig

DEFAULTS = flatten(RunConfig().model_dump())


@dataclass(frozen=True)
class Exclusion:
    """Cells that match every entry of `when` are left out, for a reason that plan and report print."""

    when: Mapping[str, Sequence[Value]]
    because: str

    def matches(self, values: Cell) -> bool:
        return all(path in values and contains(allowed, values[path]) for path, allowed in self.when.items())


@dataclass(frozen=True)
class Refusal:
    """A combination of values that means nothing.

    Attributes:
        path: the field to point at first.
        text: why, and what to write instead.
        fields: all fields to blame.
        cell: the first cell that was refused for this reason.
    """

    path: str
    text: str
    fields: Sequence[str]
    cell: Cell


@dataclass
class Expansion:
    """The cells of a grid.

    Attributes:
        cells: what remains after the exclusions, with the configuration of each (seed 0).
        excluded: what does not, with the reason.
        refused: what means nothing and is not excluded.
    """

    cells: list[tuple[Cell, RunConfig]] = field(default_factory=list)
    excluded: list[tuple[Cell, str]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def points(
    axes: Mapping[str, Sequence[Value]], zips: Iterable[Mapping[str, Sequence[Value]]] = ()
) -> Iterator[dict[str, Value]]:
    """Every combination of axis values; the first axis varies slowest, paired axes advance together."""
    crossed = [[{path: value} for value in values] for path, values in axes.items()]
    crossed += [[dict(zip(group, pair, strict=True)) for pair in zip(*group.values(), strict=True)] for group in zips]
    for parts in itertools.product(*crossed):
        yield {path: value for part in parts for path, value in part.items()}


def expand(cells: Iterable[Cell], base: Cell, exclude: Sequence[Exclusion] = ()) -> Expansion:
    """Build the configuration of every cell.

    Args:
        cells: as `points` yields them.
        base: values of all cells.
        exclude: rules; the first that matches leaves a cell out.
    """
    out = Expansion()
    for cell in cells:
        values = {**base, **cell}
        rule = next((rule for rule in exclude if rule.matches(DEFAULTS | values)), None)
        if rule:
            out.excluded.append((cell, rule.because))
            continue
        try:
            out.cells.append((cell, RunConfig.model_validate(nest(values)).normalised()))
        except ValidationError as error:
            out.refused += [Refusal(path or blamed[0], text, blamed, cell) for path, text, blamed in explain(error)]
    return out
