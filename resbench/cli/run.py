"""Commands that do runs: run, and collect, for runs that were left to Slurm."""

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
from resbench.cli.plan import print_plan
from resbench.core.errors import UserError
from resbench.core.text import plural, printable

if TYPE_CHECKING:
    from resbench.execution.session import RunOptions, Session
    from resbench.grid.grid import Grid


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
        print_plan(opened, only or [], shard, options, fleet, threads or 1)
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


def _nothing_to_do(session: Session) -> None:
    name = session.grid.name
    if session.keep_study():
        print(f"{name}: its grid file has changed: `resbench report {name}` brings the page up to date")
    print(f"{name}: nothing to do: all {len(session.runs)} runs have their records in {session.store.folder}")


def _start(session: Session) -> None:
    session.start()
    if session.options.fresh:
        print(f"forgot {plural(session.forgotten, 'record')}", file=sys.stderr)


def _do(session: Session) -> int:
    """Do the missing runs; returns how many failed."""
    from resbench.execution.session import drive_with_progress

    _start(session)
    print(session.summary(), file=sys.stderr)
    return drive_with_progress(session).count("failed")


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
