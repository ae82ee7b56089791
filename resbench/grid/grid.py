"""A grid: base, axes, zip, exclude, seeds -> the list of runs. `reader.py` reads one from YAML."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, Self

from resbench.core.cell import Cell, CellKey, Value, cell_key, label
from resbench.core.errors import UserError
from resbench.core.places import Home
from resbench.grid.entries import claim_entry, exclusion_entry, metrics_entry, plain, seeds_entry
from resbench.grid.expand import Exclusion, Expansion, Merged, points
from resbench.grid.own_files import home_of
from resbench.grid.parts import read_parts
from resbench.grid.planned import PlannedRun as PlannedRun
from resbench.grid.source import Source
from resbench.records.claim import Claim, Published, Target
from resbench.records.metrics import PROBED, Metric, added_metrics
from resbench.records.study_file import (
    Confirmation,
    ExcludedCell,
    Family,
    IdleFields,
    Looks,
    MergedCells,
    Story,
    StudyFile,
    StudyRun,
    Words,
)
from resbench.records.theory import Prediction
from resbench.training.run import RunConfig

_READ = (
    "base", "axes", "zips", "exclude", "seeds", "looks", "baseline", "published", "theory", "claims", "family", "target",
    "probes", "labels", "story", "plugins", "metrics",
)  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """The question: which cells, how many seeds, and what is claimed of them.

    Example:
        >>> grid = Grid("shortcut", axes={"model.shortcut": ["identity", "none"]}, seeds=3)
        >>> len(grid.runs())
        6

    Attributes:
        name: of the study; its records are kept in `results/<name>`.
        base: dotted path -> value, for all cells.
        axes: dotted path -> values, crossed.
        zips: groups of such axes that advance together, crossed with the rest.
        exclude: which cells are left out.
        seeds: their number, a list of them, or a plan such as {"looks": [5, 10, 20]}; once it is made, a list of all.
        baseline: axis -> value of the cells with which the others are compared.
        published: numbers of papers.
        theory: numbers that theories predict.
        claims: what is expected.
        family: what is judged together at one level: the comparisons of each "claim", or those of all claims of the "study".
        target: an accuracy whose cheapest cell is looked for.
        probes: what is measured during training; no part of a run's identity, as training is the same without.
        labels: what fields and values are called on pages: a field's name, a form such as "{} layers", or a label for
            each value.
        story: where the study stands among the others, as {"chapter": "Does depth hurt?", "place": 10}; with "page" it
            shares that page with studies that put the same question to other data.
        plugins: Python files whose tables, such as `SHORTCUTS = {"doubled": doubled}`, extend those of resbench.
        metrics: those of a user's training code that claims may be made on, as {"auc": {"better": "higher"}}.
        about: the question in words.
        file, overrides: where it was read from.
        looks: the plan, where `seeds` is one.
        given: only when it is made: the cells, where they do not follow from the rest; then nothing is checked again.

    Raises:
        UserError: one line for every mistake.
    """

    name: str
    base: Mapping[str, Value] = field(default_factory=dict)
    axes: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    zips: Sequence[Mapping[str, Sequence[Value]]] = ()
    exclude: Sequence[Exclusion] = ()
    seeds: int | Sequence[int] | Mapping[str, Any] = 1
    baseline: Mapping[str, Value] = field(default_factory=dict)
    published: Sequence[Published] = ()
    theory: Sequence[Prediction] = ()
    claims: Sequence[Claim] = ()
    family: Family = "claim"
    target: Target | None = None
    probes: Sequence[str] = ()
    labels: Mapping[str, Words] = field(default_factory=dict)
    story: Story | Mapping[str, Any] | None = None
    plugins: Sequence[str] = ()
    metrics: Mapping[str, Any] | Sequence[Metric] = ()
    about: str = ""
    file: str = ""
    overrides: Sequence[str] = ()
    looks: Looks | None = None
    given: InitVar[Expansion | None] = None
    _expansion: Expansion = field(init=False, repr=False, compare=False)
    _home: Home = field(init=False, repr=False, compare=False)
    _seeds_by_cell: Mapping[CellKey, Sequence[int]] | None = field(default=None, init=False, repr=False, compare=False)
    _confirmation: Confirmation | None = field(default=None, init=False, repr=False, compare=False)
    _fresh: Sequence[PlannedRun] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self, given: Expansion | None) -> None:
        # before anyone changes the working folder
        object.__setattr__(self, "_home", home_of(self.file, [*map(str, self.plugins)]))
        if given is not None:
            object.__setattr__(self, "_expansion", given)
            return
        parts = read_parts(Source(title=f"grid {self.name}"), self._root())
        for name in _READ:
            object.__setattr__(self, name, getattr(parts, name))
        object.__setattr__(self, "_expansion", parts.expansion)

    def _root(self) -> dict[str, Any]:
        """The same as the root of a grid file."""
        root: dict[str, Any] = {
            "name": self.name,
            "base": self.base,
            "axes": self.axes,
            "zip": self.zips,
            "exclude": list(map(exclusion_entry, self.exclude)),
            "seeds": seeds_entry(self.name, self.seeds, self.looks),
            "probes": self.probes,
            "baseline": self.baseline,
            "published": self.published,
            "theory": self.theory,
            "claims": list(map(claim_entry, self.claims)),
            "family": self.family,
            "target": self.target,
            "labels": self.labels,
            "story": self.story,
            "plugins": [*map(str, self.plugins)],
            "metrics": metrics_entry(self.metrics),
        }
        return {key: plain(value) for key, value in root.items()}

    @property
    def home(self) -> Home:
        """Where the files are that it names."""
        return self._home

    @property
    def paths(self) -> list[str]:
        """Dotted paths of all axes, crossed ones first."""
        return [*self.axes, *(path for group in self.zips for path in group)]

    @property
    def seed_list(self) -> list[int]:
        """The seed of each replicate, at most."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else [*map(int, self.seeds)]

    def with_seeds(self, seeds: Mapping[CellKey, Sequence[int]]) -> Self:
        """The same question, of these seeds of each cell instead: what is asked for by now.

        Args:
            seeds: of each cell, by its values as text.
        """
        return self._with(seeds)

    def whole(self) -> Self:
        """The grid with all its seeds of each cell."""
        return self if self._seeds_by_cell is None else self._with(None)

    def _with(self, seeds: Mapping[CellKey, Sequence[int]] | None) -> Self:
        other = copy.copy(self)
        other.__dict__.pop("_runs", None)
        object.__setattr__(other, "_seeds_by_cell", seeds)
        return other

    def with_confirmation(self, chosen: Confirmation | None, fresh: Sequence[PlannedRun] = ()) -> Self:
        """The same with the cell that its results have chosen, and the runs on fresh seeds that confirm it."""
        other = copy.copy(self)
        other.__dict__.update(_confirmation=chosen, _fresh=fresh)
        return other

    def key(self, cell: Cell) -> CellKey:
        """The values of a cell as text."""
        return cell_key(cell, self.paths)

    def seeds_by_cell(self) -> dict[CellKey, list[int]]:
        """The seeds of each cell, by its values as text."""
        return {self.key(cell): list(self._seeds_of(cell)) for cell, _ in self.cells}

    def _seeds_of(self, cell: Cell) -> Sequence[int]:
        return self.seed_list if self._seeds_by_cell is None else self._seeds_by_cell[self.key(cell)]

    def points(self) -> Iterator[dict[str, Value]]:
        """Every combination of axis values, excluded ones too; the first axis varies slowest."""
        return points(self.axes, self.zips)

    @cached_property
    def expansion(self) -> Expansion:
        """The cells, each with its configuration.

        Raises:
            UserError: a combination of values that means nothing; one line for each.
        """
        expansion = self._expansion
        if expansion.refused:
            lines = {(refusal.path, refusal.text): refusal.cell for refusal in expansion.refused}
            raise UserError(
                f"grid {self.name}: {path}: {text}{f' (first at {label(cell)})' if cell else ''}"
                for (path, text), cell in lines.items()
            )
        return expansion

    @property
    def cells(self) -> list[tuple[Cell, RunConfig]]:
        """What remains after the exclusions, with the configuration of each (seed 0)."""
        return self.expansion.cells

    @property
    def excluded(self) -> list[tuple[Cell, str]]:
        """What does not remain, with the reason."""
        return self.expansion.excluded

    @property
    def merged(self) -> list[Merged]:
        """Those of the cells that are one training."""
        return self.expansion.merged

    def runs(self) -> list[PlannedRun]:
        """Cells x seeds without the excluded ones, each training once, by the first cell; then those that confirm a cell."""
        return [*self._runs.values(), *(run for run in self._fresh if run.id not in self._runs)]

    @cached_property
    def _runs(self) -> dict[str, PlannedRun]:
        seen: dict[str, PlannedRun] = {}
        others = {repr(merged.cells[0]): merged.cells[1:] for merged in self.merged}
        for cell, config in self.cells:
            more = others.get(repr(cell), ())
            seeds = self._seeds_of(cell)
            for seed, run_id in zip(seeds, config.ids(seeds), strict=True):
                seen.setdefault(run_id, PlannedRun(config, cell, seed, run_id, more))
        return seen

    def study(self) -> StudyFile:
        """What the report needs to know of the grid, for `Store.write_study`."""
        optional: dict[str, Any] = {"schema": 1}
        optional |= {"target": self.target} if self.target else {}
        optional |= {"theory": list(self.theory)} if self.theory else {}
        optional |= {"probes": list(self.probes)} if self.probes else {}
        stages = {"looks": self.looks, "confirmation": self._confirmation}
        optional |= {key: value for key, value in stages.items() if value}
        optional |= {"family": self.family} if self.family != "claim" else {}
        optional |= {"labels": dict(self.labels)} if self.labels else {}
        optional |= {"story": self.story} if self.story else {}
        optional |= {"plugins": list(self.plugins)} if self.plugins else {}
        optional |= {"metrics": metrics} if (metrics := self._own_metrics()) else {}
        optional |= self._alike()
        return StudyFile(
            name=self.name,
            file=self.file,
            about=self.about,
            overrides=list(self.overrides),
            axes=self.paths,
            baseline=dict(self.baseline),
            published=list(self.published),
            claims=list(self.claims),
            **optional,
            runs=self._study_runs(),
            excluded=[ExcludedCell(cell=dict(cell), because=because) for cell, because in self.excluded],
        )

    def _own_metrics(self) -> list[Metric]:
        """The metrics that resbench does not have by itself; another grid of this process may have others of the same names."""
        ours = {row.name: row for row in self.metrics if isinstance(row, Metric)}
        probed = (name for probe in self.probes for name in PROBED[probe])
        return [
            ours.get(row.name, row) for row in added_metrics([*ours, *probed, *(claim.on for claim in self.claims)])
        ]

    def _alike(self) -> dict[str, list[Any]]:
        """What the report needs to know of fields that make no difference, if there are any."""
        merged = [MergedCells(cells=[*map(dict, one.cells)], because=one.because) for one in self.merged]
        idle = [
            IdleFields(cell=dict(cell), fields=fields)
            for (cell, _), alike in zip(self.cells, self.expansion.alike, strict=True)
            if (fields := [path for path in self.paths if path in alike and alike[path].idle])
        ]
        return ({"merged": merged} if merged else {}) | ({"idle": idle} if idle else {})

    def _study_runs(self) -> list[StudyRun]:
        """Every cell with all its seeds; those that are one training have the same ids."""
        # there may be 100,000, of values that were checked
        return [
            StudyRun.model_construct(id=run_id, cell=dict(cell), seed=seed)
            for cell, config in self.cells
            for seeds in [self._seeds_of(cell)]
            for seed, run_id in zip(seeds, config.ids(seeds), strict=True)
        ]
