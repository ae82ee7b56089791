"""Commands that do runs: run, and plan, which says what it would do, and collect, for runs that were left to Slurm."""

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
    Graph,
    GridFile,
    Jobs,
    Json,
    Only,
    Overrides,
    Reports,
    Results,
    SaveWeights,
    Shard,
    TakeOver,
    Workers,
    exit_if_failed,
    parse_fleet,
    parse_jobs,
    parse_seconds,
    same_command,
    study_folder,
    warn,
    write_report,
)
from resbench.core.errors import UserError
from resbench.core.text import printable

if TYPE_CHECKING:
    from resbench.execution.forecast import Fleet
    from resbench.execution.session import RunOptions, Session
    from resbench.grid.grid import Grid


_UNUSED = typer.Option(hidden=True)


def run(
    grid: GridFile,
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = None,
    only: Only = None,
    shard: Shard = None,
    executor: Executor = "local",
    workers: Workers = "fresh",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", envvar="RAY_ADDRESS", help="Head of a Ray cluster; without it one is started here."
        ),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0.01, help="GPUs of each run on a cluster; with 0.25 four runs use one.")
    ] = 1.0,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of each run; by default the cores are divided among the runs."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(help="Of each run, e.g. 90s, 30m, 2h; one that takes longer is recorded as failed.")
    ] = None,
    graph: Graph = "network",
    save_weights: SaveWeights = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Option of sbatch, e.g. partition=gpu; may be repeated."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit to Slurm and return; see status, collect.")] = False,
    report: Annotated[bool, typer.Option(help="Print the table and write the page at the end.")] = True,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print the plan and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget these runs' records and start over.")] = False,
    take_over: TakeOver = False,
) -> None:
    """Train what is missing of a grid; the same command goes on.

    GRID is a file, or the name of one that comes with resbench (`resbench ls grids`).

    \b
    Examples:
      resbench run my-question.yaml
      resbench run quickstart
      resbench run my-question.yaml recipe.epochs=1 seeds=1 name=smoke
      resbench run my-question.yaml --only 'model.depth>=34 & seed<2'
    """
    from resbench.execution.executors import CLUSTERS, Cluster
    from resbench.execution.selection import open_grid
    from resbench.execution.session import RunOptions

    if detach and executor != "slurm":
        raise UserError("--slurm and --detach: only with --executor slurm")
    options = RunOptions(
        results=results,
        data_dir=data_dir,
        device=device,
        jobs=parse_jobs(jobs),
        threads=threads,
        timeout=parse_seconds(timeout),
        graph=graph,  # type: ignore[arg-type]  # RunOptions checks it
        executor=executor,
        cluster=Cluster(address, gpus, tuple(slurm or ())),
        workers=workers,
        save_weights=save_weights,  # type: ignore[arg-type]  # likewise
        fresh=fresh,
        take_over=take_over,
        command=same_command(),
    )
    opened = open_grid(grid, overrides or [], data_dir=data_dir)
    if dry_run:
        fleet = parse_fleet(None, None, threads or 1, None, device) if executor in CLUSTERS else None
        _print_plan(opened, only or [], shard, options, fleet, threads or 1)
        return
    failed, unsaved = _run_stages(opened, options, only or [], shard, detach)
    if failed is not None:
        if report:
            write_report(results, reports, opened.name)
        _exit(failed, unsaved)


def _exit(failed: int, unsaved: Sequence[str]) -> None:
    """Exit 1 if runs failed, or their weights are not saved, and say so."""
    for line in unsaved:
        print(printable(line), file=sys.stderr)
    exit_if_failed(failed)
    if unsaved:
        raise typer.Exit(1)


def _run_stages(
    grid: Grid, options: RunOptions, only: Sequence[str], shard: str | None, detach: bool
) -> tuple[int | None, list[str]]:
    """Do what is asked for, stage by stage.

    Returns:
        How many runs failed, or None if none was done here; and a line for each whose weights are not saved.
    """
    from resbench.execution.stage_sessions import say_on_stderr, sessions

    failed: int | None = None
    unsaved: list[str] = []
    for session in sessions(grid, options, only, shard, say_on_stderr):
        warn(session.store)
        for line in session.notices:
            print(line, file=sys.stderr)
        if not session.missing:
            _nothing_to_do(session)
        elif detach:
            _start(session)
            print(session.detach())
            if grid.looks:
                print(
                    f"{grid.name}: this is one look of {len(grid.looks.sizes)}: the same command goes on when it has ended"
                )
            break
        else:
            failed = (failed or 0) + _do(session)
            unsaved += session.unsaved()
    return failed, unsaved


def _print_plan(
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


def _nothing_to_do(session: Session) -> None:
    name = session.grid.name
    if session.keep_study():
        print(f"{name}: its grid file has changed: `resbench report {name}` brings the page up to date")
    print(f"{name}: nothing to do: all {len(session.runs)} runs have their records in {session.store.folder}")


def _start(session: Session) -> None:
    session.start()
    if session.options.fresh:
        print(f"forgot {session.forgotten} records", file=sys.stderr)


def _do(session: Session) -> int:
    """Do the missing runs; returns how many failed."""
    from resbench.execution.session import drive_with_progress

    _start(session)
    print(session.summary(), file=sys.stderr)
    return drive_with_progress(session).count("failed")


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

    Parameters and FLOPs of each cell too. Nothing is trained or written; all options of `run` are taken.

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
    _print_plan(opened, only or [], shard, options, fleet, threads, as_json)


def collect(
    study: Annotated[str, typer.Argument(help="Name of a study whose runs were left to Slurm.")],
    results: Results = Path("results"),
    reports: Reports = None,
) -> None:
    """Take in what runs that were left to Slurm have done.

    Those of `run --detach`; then table and page, as `run`.

    \b
    Examples:
      resbench collect my-question
    """
    from resbench.execution.slurm import collect as slurm
    from resbench.records.store import Store

    store = Store(study_folder(results, study))
    collected = slurm.collect(store)
    print(f"{study}: {collected}", file=sys.stderr)
    file = store.study()
    wanted = {run.id for run in file.runs} if file else store.ids()
    statuses = [record.status for record in store.records() if record.id in wanted]
    warn(store)
    if statuses:
        write_report(results, reports, study)
        _exit(statuses.count("failed"), collected.unsaved)
