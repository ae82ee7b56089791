"""The command plan, which says what run would do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.cli.options import (
    DataDir,
    Device,
    Executor,
    GridFile,
    Jobs,
    Json,
    Only,
    Overrides,
    Results,
    Shard,
    TakeOver,
    parse_fleet,
    parse_jobs,
    warn,
)
from resbench.core.errors import UserError
from resbench.core.text import printable

if TYPE_CHECKING:
    from resbench.execution.forecast import Fleet
    from resbench.execution.session import RunOptions
    from resbench.grid.grid import Grid


_UNUSED = typer.Option(hidden=True)


def plan(
    grid: GridFile,
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    data_dir: DataDir = None,
    results: Results = Path("results"),
    only: Only = None,
    shard: Shard = None,
    executor: Executor = "local",
    nodes: Annotated[
        int | None, typer.Option(min=1, help="Machines to plan for, with --executor ray or slurm.")
    ] = None,
    cpus_per_node: Annotated[int | None, typer.Option(min=1, help="Cores of each; by default as many as here.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each run on them.")] = 1,
    mtbf: Annotated[
        str | None, typer.Option(help="Mean time between failures of a node, e.g. 12h; by default none fails.")
    ] = None,
    # what `run` takes and a plan does not need, so that one command line serves both
    reports: Annotated[Path | None, _UNUSED] = None,
    workers: Annotated[str, _UNUSED] = "fresh",
    address: Annotated[str | None, _UNUSED] = None,
    gpus: Annotated[float, _UNUSED] = 1.0,
    timeout: Annotated[str | None, _UNUSED] = None,
    graph: Annotated[str, _UNUSED] = "network",
    save_weights: Annotated[str | None, _UNUSED] = None,
    slurm: Annotated[list[str] | None, _UNUSED] = None,
    detach: Annotated[bool, typer.Option("--detach", hidden=True)] = False,
    report: Annotated[bool, _UNUSED] = True,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", hidden=True)] = False,
    fresh: Annotated[bool, typer.Option("--fresh", hidden=True)] = False,
    take_over: TakeOver = False,
    as_json: Json = False,
) -> None:
    """Cells, runs to do, what is left out and why, time, memory.

    Parameters and FLOPs of each cell too. No run is trained and no result written; a few steps are timed where nothing is
    known. All options of `run` are taken.

    \b
    Examples:
      resbench plan my-question.yaml
      resbench plan my-question.yaml 'model.depth=[10,100]'
      resbench plan my-question.yaml --executor slurm --nodes 8
    """
    from resbench.execution.executors import CLUSTERS
    from resbench.execution.selection import open_grid
    from resbench.execution.session import RunOptions

    options = RunOptions(
        results=results, data_dir=data_dir, device=device, jobs=parse_jobs(jobs), executor=executor, take_over=take_over
    )
    fleet = parse_fleet(nodes, cpus_per_node, threads, mtbf, device) if executor in CLUSTERS else None
    for name, given in (("--nodes", nodes), ("--cpus-per-node", cpus_per_node), ("--mtbf", mtbf)):
        if given and not fleet:
            raise UserError(f"{name} {given}: only with --executor {' or '.join(CLUSTERS)}")
    opened = open_grid(grid, overrides or [], data_dir=data_dir)
    print_plan(opened, only or [], shard, options, fleet, threads, as_json)


def print_plan(
    grid: Grid,
    only: Sequence[str],
    shard: str | None,
    options: RunOptions,
    fleet: Fleet | None = None,
    threads: int = 1,
    as_json: bool = False,
) -> None:
    """Print what the options make of the chosen runs, on a fleet of other machines where one is given."""
    from resbench.execution.executors import device_of
    from resbench.execution.plan import describe
    from resbench.records.store import Store
    from resbench.records.takeover import taken_over

    store, device = Store(options.results / grid.name), device_of(options.device, options.executor)
    planned = describe(grid, store, device, options.width, only=only, shard=shard, fleet=fleet, threads=threads)
    if as_json:
        from resbench.execution.plan_output import plan_output

        print(plan_output(planned).text())
    else:
        print(planned)
    if not options.take_over and (line := taken_over(store, grid.study())):
        print(printable(line), file=sys.stderr)
    warn(store)
