"""What a grid will do and cost, before it does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from resbench.core import fragments
from resbench.core.cell import Cell, label
from resbench.core.files import user_path
from resbench.core.text import duration, plural, printable
from resbench.execution.concurrency import Concurrency, load_choice, unmeasured
from resbench.execution.confirming import confirmation_plan
from resbench.execution.cost import Cost, Costs, distinct_cells
from resbench.execution.executors import check_executor, device_of
from resbench.execution.forecast import Fleet, Forecast, forecast, wall_seconds
from resbench.execution.selection import open_grid, select_runs, unprobed
from resbench.execution.stages import asked_by_now
from resbench.grid.expand import Merged
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.store import Store

_MAX_LINES = 200
_HEAD = ("cell", "done", "to do", "parameters", "MFLOPs", "time a run", "memory")


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan: its runs with and without a record, and what each of them costs."""

    label: str
    done: int
    missing: int
    cost: Cost


@dataclass(frozen=True)
class GridPlan:
    """What a grid will do and cost; as text it is what `resbench plan` prints.

    Attributes:
        cells: in the order of the grid; of those that are one training, the first.
        excluded: cells that are left out, each with the reason.
        merged: cells that are one training, and why.
        idle: lines about values of the base that act in no cell.
        unprobed: a line about finished runs that are trained again for their probes; empty if there are none.
        seconds: predicted, until all is done.
        source: where the prediction comes from, in words.
        jobs: runs side by side.
        device: their torch device.
        evaluation: fraction of the time of a run that is not spent on training, but on validation and test images.
        fleet, forecast: other machines that were planned for, and what to expect of them.
        looks, confirmation: lines on the looks and what they cost at most, and on fresh seeds; empty without them.
    """

    name: str
    cells: list[PlannedCell]
    excluded: list[tuple[Cell, str]]
    unprobed: str
    seconds: float
    source: str
    jobs: int
    device: str
    evaluation: float = 0.0
    fleet: Fleet | None = None
    forecast: Forecast | None = None
    merged: Sequence[Merged] = ()
    idle: Sequence[str] = ()
    looks: str = ""
    confirmation: str = ""

    @property
    def done(self) -> int:
        """Runs that have their records."""
        return sum(cell.done for cell in self.cells)

    @property
    def missing(self) -> int:
        """Runs to do."""
        return sum(cell.missing for cell in self.cells)

    def __str__(self) -> str:
        return "\n".join(map(printable, [*_table(self.cells), *self._notes()]))

    def _repr_html_(self) -> str:
        cells = fragments.table(_HEAD, _rows(self.cells), [False] + [True] * (len(_HEAD) - 1))
        return cells + fragments.bullets([*_more(self.cells), *self._notes()])

    def _notes(self) -> list[str]:
        """Lines on what is left out, on time, and on stages."""
        lines = [self.unprobed] if self.unprobed else []
        lines += [f"excluded: {label(cell)}: {because}" for cell, because in self.excluded[:_MAX_LINES]]
        lines += [_one_network(merged) for merged in self.merged[:_MAX_LINES]]
        lines += self.idle
        if self.fleet and self.forecast:
            lines.append(_expectation(self.fleet, self.forecast))
        lines.append(
            f"{self.name}: {self._count()}, {plural(self.done + self.missing, 'run')}: {self.done} done, "
            f"{self.missing} to do, {plural(len(self.excluded), 'cell')} excluded; {self.jobs} at a time on {self.device}: "
            f"about {duration(self.seconds)}, by {self.source}{self._evaluation()}"
        )
        return lines + list(filter(None, [self.looks, self.confirmation]))

    def _count(self) -> str:
        """`6 cells of 4 networks`, where some are the same."""
        same = sum(len(merged.cells) - 1 for merged in self.merged)
        cells = len(self.cells) + same
        return plural(cells, "cell") + (f" of {plural(len(self.cells), 'network')}" if same else "")

    def _evaluation(self) -> str:
        return f"; evaluation: {100 * self.evaluation:.0f} % of the time" if self.missing else ""


def plan(
    grid: Grid | str | Path,
    results: str | Path = "results",
    device: str = "auto",
    jobs: int | None = None,
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    shard: str | None = None,
    executor: str = "local",
    fleet: Fleet | None = None,
    threads: int = 1,
) -> GridPlan:
    """Say what a grid will do and cost, without doing it.

    Example:
        >>> plan = resbench.plan(resbench.Grid("depth", axes={"model.depth": [10, 16]}, seeds=2))
        >>> plan.missing, [cell.cost.parameters for cell in plan.cells]
        (4, [303866, 401082])

    Args:
        grid: a Grid, or the path of a grid file.
        results: folder of all studies.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        jobs: runs side by side; None chooses.
        overrides, only, shard, executor: as for `run`.
        fleet: other machines to plan for, with `threads` for each run.

    Raises:
        UserError: a mistake in the grid or in an argument.
    """
    check_executor(executor)
    opened = open_grid(grid, overrides)
    store, kind = Store(user_path(results) / opened.name), device_of(device, executor)
    return describe(opened, store, kind, jobs, only=only, shard=shard, fleet=fleet, threads=threads)


def describe(
    whole: Grid,
    store: Store,
    device: torch.device,
    jobs: int | None,
    *,
    only: Sequence[str] = (),
    shard: str | None = None,
    fleet: Fleet | None = None,
    threads: int = 1,
) -> GridPlan:
    """The plan of a grid, of those of its runs that are asked for by now.

    Args:
        store: of what is done already.
        jobs: runs side by side; None chooses.
        only, shard: as for `run`.
        fleet: other machines to plan for, with `threads` for each run.
    """
    grid = asked_by_now(whole, store.folder.parent).grid
    runs = select_runs(whole, only, shard, grid)
    done = store.done(grid.probes)
    missing = [run for run in runs if run.id not in done]
    concurrency = _concurrency(jobs, len(grid.runs()), store, device.type, fleet, threads)
    costs = Costs(store, device, concurrency.threads, 1 if fleet else concurrency.jobs)
    costs.calibrate(runs)
    each = {id(config): costs.of(config) for config in distinct_cells(missing)}
    seconds = [each[id(run.cell_config)].seconds for run in missing]
    evaluation = sum(each[id(run.cell_config)].evaluation for run in missing)
    expected = forecast(seconds, _epochs(missing), fleet) if fleet else None
    return GridPlan(
        name=grid.name,
        cells=_cells(runs, done, costs),
        excluded=grid.excluded,
        unprobed=unprobed(store, grid, missing),
        seconds=expected.wall if expected else wall_seconds(seconds, concurrency.jobs),
        source=costs.source,
        jobs=concurrency.jobs,
        device=device.type,
        evaluation=evaluation / sum(seconds) if sum(seconds) else 0.0,
        fleet=fleet,
        forecast=expected,
        merged=_merged(grid, runs),
        idle=_idle(grid),
        looks=_looks(whole, select_runs(whole, only, shard), done, costs, partial(_wall, fleet, concurrency.jobs)),
        confirmation=confirmation_plan(whole, store.folder.parent),
    )


def _epochs(runs: Sequence[PlannedRun]) -> list[int]:
    return [run.cell_config.recipe.epochs for run in runs]


def _wall(fleet: Fleet | None, jobs: int, seconds: Sequence[float], epochs: Sequence[int]) -> float:
    return forecast(seconds, epochs, fleet).wall if fleet else wall_seconds(seconds, jobs)


def _looks(
    grid: Grid,
    runs: Sequence[PlannedRun],
    done: set[str],
    costs: Costs,
    wall: Callable[[Sequence[float], Sequence[int]], float],
) -> str:
    """The plan of looks in a line, with what it costs at most."""
    if grid.looks is None:
        return ""
    sizes = grid.looks.sizes
    cells = plural(len({id(run.cell_config) for run in runs}), "cell")
    first = sum(run.seed < sizes[0] for run in runs)
    missing = [run for run in runs if run.id not in done]
    each = {id(config): costs.of(config).seconds for config in distinct_cells(missing)}
    seconds = [each[id(run.cell_config)] for run in missing]
    return (
        f"{grid.name}: {cells} x {sizes[0]} to {sizes[-1]} seeds in looks at {', '.join(map(str, sizes))}: {first:,} to "
        f"{len(runs):,} runs; above is what is asked for by now; at most: about {duration(wall(seconds, _epochs(missing)))}"
    )


def _merged(grid: Grid, runs: Sequence[PlannedRun]) -> list[Merged]:
    """The cells that are one training, of the runs that were chosen."""
    chosen = {repr(run.cell) for run in runs}
    return [merged for merged in grid.merged if repr(merged.cells[0]) in chosen]


def _idle(grid: Grid) -> list[str]:
    """A line for each value of the base that has no effect."""
    whys = {path: grid.expansion.idle(path) for path in grid.base}
    return [f"without effect: {path}={grid.base[path]}: {why}" for path, why in whys.items() if why]


def _one_network(merged: Merged) -> str:
    some = [label(cell) for cell in merged.cells[:4]]
    more = f" and {len(merged.cells) - 4} more" if len(merged.cells) > 4 else ""
    return f"one network, trained once: {'; '.join(some)}{more}: {merged.because}"


def _concurrency(
    jobs: int | None, total: int, store: Store, device: str, fleet: Fleet | None, threads: int
) -> Concurrency:
    if fleet:
        return Concurrency(fleet.nodes * fleet.slots, threads, "")
    return (None if jobs else load_choice(store, total, device)) or unmeasured(jobs, total, device)


def _cells(runs: Sequence[PlannedRun], done: set[str], costs: Costs) -> list[PlannedCell]:
    cells: dict[str, list[PlannedRun]] = {}
    for run in runs:
        cells.setdefault(label(run.cell) or "(one cell)", []).append(run)
    out = []
    for name, members in cells.items():
        ready = sum(run.id in done for run in members)
        out.append(PlannedCell(name, ready, len(members) - ready, costs.of(members[0].cell_config)))
    return out


def _rows(cells: Sequence[PlannedCell]) -> list[tuple[str, ...]]:
    """What a plan says of each cell."""
    return [
        (
            cell.label,
            str(cell.done),
            str(cell.missing),
            f"{cell.cost.parameters:,}",
            f"{cell.cost.flops / 1e6:.1f}",
            duration(cell.cost.seconds),
            f"{cell.cost.memory / 2**20:,.0f} MiB",
        )
        for cell in cells[:_MAX_LINES]
    ]


def _table(cells: Sequence[PlannedCell]) -> list[str]:
    wide = max((len(cell.label) for cell in cells), default=4)
    form = f"{{:{wide}}}  {{:>4}}  {{:>5}}  {{:>10}}  {{:>8}}  {{:>10}}  {{:>9}}"
    return [form.format(*row) for row in (_HEAD, *_rows(cells))] + _more(cells)


def _more(cells: Sequence[PlannedCell]) -> list[str]:
    return [f"... and {len(cells) - _MAX_LINES} more cells"] if len(cells) > _MAX_LINES else []


def _expectation(fleet: Fleet, expected: Forecast) -> str:
    """What the forecast says besides the time."""
    text = (
        f"{fleet.nodes} nodes with {fleet.slots} runs side by side: about {duration(expected.wall)}, and not below "
        f"{duration(expected.bound)} (the work divided evenly, or the longest run)"
    )
    if fleet.mtbf is None:
        return text
    return (
        f"{text}; a node fails every {duration(fleet.mtbf)}: about {expected.lost:.0f} runs lost with their nodes and "
        f"resumed, {duration(expected.repeated)} of their work done twice"
    )
