"""A grid: base, axes, zip, exclude, seeds -> the list of runs. `grid_file.py` reads one from YAML."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from resbench.core.config import UserError, fields, suggestion
from resbench.core.yaml_reader import parse
from resbench.records.claim import among
from resbench.training.run import RunConfig

Cell = dict[str, Any]
FIELDS = {path: adapter for path, adapter in fields(RunConfig).items() if path != "seed"}


@dataclass(frozen=True)
class Exclusion:
    """Cells that match every entry of `when` are left out, for a reason that plan and report print."""

    when: dict[str, list[Any]]
    because: str

    def matches(self, values: Cell) -> bool:
        return all(path in values and among(values[path], allowed) for path, allowed in self.when.items())


@dataclass(frozen=True)
class Planned:
    """A run of the grid: the cell, its configuration (with any seed), and the seed of this replicate."""

    of: RunConfig
    cell: Cell
    seed: int
    id: str

    @cached_property
    def config(self) -> RunConfig:
        return self.of.with_seed(self.seed)


@dataclass
class Grid:
    """A grid file after its overrides.

    Attributes:
        base: dotted path -> value, for all cells.
        axes: dotted path -> values, crossed.
        zips: groups of such axes that advance together, crossed with the rest.
        probes: what is measured beside training; no part of a run's identity, as training is the same without.
        cells: what remains after the exclusions, with the configuration of each (seed 0).
        excluded: what does not, with the reason.
    """

    name: str
    file: str
    about: str = ""
    base: Cell = field(default_factory=dict)
    axes: dict[str, list[Any]] = field(default_factory=dict)
    zips: list[dict[str, list[Any]]] = field(default_factory=list)
    exclude: list[Exclusion] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    baseline: Cell = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    target: dict[str, Any] = field(default_factory=dict)
    probes: tuple[str, ...] = ()
    overrides: list[str] = field(default_factory=list)
    cells: list[tuple[Cell, RunConfig]] = field(default_factory=list, repr=False)
    excluded: list[tuple[Cell, str]] = field(default_factory=list, repr=False)

    @classmethod
    def load(cls, file: str | Path, overrides: list[str] | None = None) -> Grid:
        """Read and check a grid file.

        Args:
            file: the YAML file.
            overrides: `path=value`; a list makes an axis, `seeds=` and `name=` are allowed too.

        Raises:
            UserError: one line for every mistake.
        """
        from resbench.grid.reader import Reader

        return Reader(str(file), overrides or []).read()

    @property
    def paths(self) -> list[str]:
        """Dotted paths of all axes, crossed ones first."""
        return [*self.axes, *(path for group in self.zips for path in group)]

    def points(self) -> Iterator[Cell]:
        """Every combination of axis values, excluded ones too; the first axis varies slowest."""
        crossed = [[{path: value} for value in values] for path, values in self.axes.items()]
        for group in self.zips:
            crossed.append([dict(zip(group, values, strict=True)) for values in zip(*group.values(), strict=True)])
        for parts in itertools.product(*crossed):
            yield {path: value for part in parts for path, value in part.items()}

    def runs(self) -> list[Planned]:
        """Cells x seeds without the excluded ones, each training once (deduplicated by id)."""
        return list(self._planned.values())

    @cached_property
    def _planned(self) -> dict[str, Planned]:
        seen: dict[str, Planned] = {}
        for cell, config in self.cells:
            for seed, run_id in zip(self.seeds, config.ids(self.seeds), strict=True):
                seen.setdefault(run_id, Planned(config, cell, seed, run_id))
        return seen

    def study(self) -> dict[str, Any]:
        """What the report needs to know of the grid, for `Store.write_study`."""
        return {
            "schema": 1,
            "name": self.name,
            "file": self.file,
            "about": self.about,
            "overrides": self.overrides,
            "axes": self.paths,
            "baseline": self.baseline,
            "published": self.published,
            "claims": self.claims,
            **({"target": self.target} if self.target else {}),
            **({"probes": list(self.probes)} if self.probes else {}),
            "runs": [{"id": run.id, "cell": run.cell, "seed": run.seed} for run in self.runs()],
            "excluded": [{"cell": cell, "because": because} for cell, because in self.excluded],
        }


def only(expressions: list[str], runs: list[Planned]) -> list[Planned]:
    """Runs that satisfy every expression (`--only`).

    Args:
        expressions: comparisons joined by `&`, such as `model.depth>=34 & model.shortcut==none & seed<2`.

    Raises:
        UserError: an expression that cannot be read, or an unknown path.
    """
    for expression in expressions:
        for part in expression.split("&"):
            match = re.fullmatch(r"\s*([a-z_.]+[a-z0-9_.]*)\s*(==|=|!=|<=|>=|<|>)\s*(.+?)\s*", part)
            if not match or match[1] not in {*FIELDS, "seed"}:
                known = match is None or suggestion(match[1], [*FIELDS, "seed"])
                hint = "write path==value, !=, <, <=, >, >=, joined by &" if match is None else f"unknown field{known}"
                raise UserError(f"--only: {part.strip()!r}: {hint}")
            value = parse(match[3]).value
            runs = [run for run in runs if _holds(_asked(run, match[1]), match[2], value)]
    return runs


def _asked(run: Planned, path: str) -> Any:
    if path == "seed":
        return run.seed
    section, _, name = path.partition(".")
    return getattr(getattr(run.of, section), name)


def _holds(left: Any, sign: str, right: Any) -> bool:
    if sign in ("==", "="):
        return bool(left == right)
    if sign == "!=":
        return bool(left != right)
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign]
