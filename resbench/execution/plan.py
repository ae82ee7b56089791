"""What a grid will do and cost, before it does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from resbench.core.cell import label
from resbench.core.files import user_path
from resbench.core.text import duration, plural
from resbench.execution.concurrency import Concurrency, load_choice, unmeasured
from resbench.execution.cost import Costs, distinct_cells
from resbench.execution.executors import check_executor, device_of
from resbench.execution.forecast import Fleet, forecast, wall_seconds
from resbench.execution.grid_plan import GridPlan, PlannedCell
from resbench.execution.selection import open_grid, select_runs, unprobed
from resbench.execution.stages import asked_by_now
from resbench.grid.expand import Merged
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.store import Store
from resbench.training.device import Device


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
    data_dir: str | Path | None = None,
) -> GridPlan:
    """Say what a grid will do and cost, without doing it.

    Example:
        >>> plan = resbench.plan(resbench.Grid("depth", axes={"model.depth": [10, 16]}, seeds=2))
        >>> plan.missing, [cell.cost.parameters for cell in plan.cells]
        (4, [303866, 401082])

    Args:
        grid: a Grid, the path of a grid file, or the name of one that comes with resbench.
        results: folder of all studies.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        jobs: runs side by side; None chooses.
        overrides, only, shard, executor: as for `run`.
        fleet: other machines to plan for, with `threads` for each run.
        data_dir: torchvision data root.

    Raises:
        UserError: a mistake in the grid or in an argument.
    """
    check_executor(executor)
    opened = open_grid(grid, overrides, data_dir=data_dir)
    store, kind = Store(user_path(results) / opened.name), device_of(device, executor)
    return describe(opened, store, kind, jobs, only=only, shard=shard, fleet=fleet, threads=threads)


def describe(
    whole: Grid,
    store: Store,
    device: Device,
    jobs: int | None,
    *,
    only: Sequence[str] = (),
    shard: str | None = None,
    fleet: Fleet | None = None,
    threads: int = 1,
    data_dir: str | Path | None = None,
) -> GridPlan:
    """The plan of a grid, of those of its runs that are asked for by now.

    Args:
        store: of what is done already.
        jobs: runs side by side; None chooses.
        only, shard: as for `run`.
        fleet: other machines to plan for, with `threads` for each run.
        data_dir: torchvision data root.
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
    planned = GridPlan(
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
        confirmation=_confirmation(whole, store.folder.parent),
    )
    costs.keep()
    return planned


def _confirmation(grid: Grid, results: Path) -> str:
    """The line on fresh seeds of a target; empty without one."""
    if grid.target is None:
        return ""
    from resbench.execution.confirming import confirmation_plan

    return confirmation_plan(grid, results)


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
