"""From the values of a grid to its cells: every combination is validated as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from resbench.core.cell import Cell, Value, contains
from resbench.core.config import Alike, defaults, explain, nest
from resbench.data.opened import looked_at_once
from resbench.training.run import RunConfig

DEFAULTS = defaults(RunConfig)


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


@dataclass(frozen=True)
class Merged:
    """Cells that are one network with one training, and why.

    Attributes:
        cells: in the order of the grid.
    """

    cells: Sequence[Cell]
    because: str


@dataclass
class Expansion:
    """The cells of a grid.

    Attributes:
        cells: what remains after the exclusions, with the configuration of each (seed 0); those that are one training
            share one.
        alike: for each of them, the fields of its values that could have another value for the same training.
        merged: those that share a configuration.
        excluded: what does not remain, with the reason.
        refused: what means nothing and is not excluded.
    """

    cells: list[tuple[Cell, RunConfig]] = field(default_factory=list)
    alike: list[dict[str, Alike]] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    excluded: list[tuple[Cell, str]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(self, cell: Cell, config: RunConfig, values: Cell) -> None:
        """Append a cell with its configuration, which follows from these values."""
        self.cells.append((cell, config.normalised()))
        self.alike.append({path: one for path, one in config.all_alike().items() if path in values})

    def share(self) -> None:
        """Give the cells that are one training one configuration: the simplest if the grid has it, else the first."""
        groups: dict[str, list[int]] = {}
        for position, (_, config) in enumerate(self.cells):
            groups.setdefault(config.simplest().id, []).append(position)
        for simplest, members in groups.items():
            if len(members) == 1:
                continue
            configs = [self.cells[position][1] for position in members]
            shared = next((config for config in configs if config.id == simplest), configs[0])
            cells = [self.cells[position][0] for position in members]
            for position, cell in zip(members, cells, strict=True):
                self.cells[position] = (cell, shared)
            self.merged.append(Merged(cells, _why(cells, [self.alike[position] for position in members])))

    def idle(self, path: str) -> str:
        """Why a field acts in no cell, as a clause; empty if it acts in one."""
        found = [alike.get(path) for alike in self.alike]
        if not found or not all(one and one.idle for one in found):
            return ""
        return next(one.why.format(path="it") for one in found if one)


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
    with looked_at_once():
        return _expand(cells, base, exclude)


def _expand(cells: Iterable[Cell], base: Cell, exclude: Sequence[Exclusion]) -> Expansion:
    out = Expansion()
    for cell in cells:
        values = {**base, **cell}
        rule = next((rule for rule in exclude if rule.matches(DEFAULTS | values)), None)
        if rule:
            out.excluded.append((cell, rule.because))
            continue
        try:
            config = RunConfig.model_validate(nest(values))
        except ValidationError as error:
            out.refused += [Refusal(path or blamed[0], text, blamed, cell) for path, text, blamed in explain(error)]
            continue
        out.add(cell, config, values)
    out.share()
    return out


def _why(cells: Sequence[Cell], alike: Sequence[dict[str, Alike]]) -> str:
    """Why the fields in which these cells differ make no difference there."""
    varying = [path for path in cells[0] if any(cell[path] != cells[0][path] for cell in cells)]
    clauses = dict.fromkeys(found[path].why.format(path=path) for found in alike for path in varying if path in found)
    if not clauses and all(path in DEFAULTS for path in varying):
        return f"these values of {' and '.join(varying)} mean the same"
    return "; ".join(clauses) or "their settings are the same"
