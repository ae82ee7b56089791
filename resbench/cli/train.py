"""Commands that train: run, tune, bench; and plan, which tells what they would do."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.cli.app import app
from resbench.cli.options import (
    Address,
    DataDir,
    Device,
    Executor,
    Gpus,
    GridFile,
    Jobs,
    Only,
    Overrides,
    Reports,
    Results,
    Shard,
    fleet_in,
    jobs_in,
    known,
    load,
    seconds_in,
    warn,
)
from resbench.core.errors import UserError

if TYPE_CHECKING:
    from resbench.execution.concurrency import Share
    from resbench.records.store import Store


@app.command()
def run(
    grid: GridFile,
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
    only: Only = None,
    shard: Shard = None,
    executor: Executor = "local",
    address: Address = None,
    gpus: Gpus = 1.0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of each run; its share of the cores.")] = None,
    timeout: Annotated[
        str | None, typer.Option(help="Of each run, e.g. 90s, 30m, 2h; one that takes longer is recorded as failed.")
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Option of sbatch, e.g. partition=gpu; may be repeated."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit to Slurm and return; see status, collect.")] = False,
    report: Annotated[bool, typer.Option(help="Print the table and write the page at the end.")] = True,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print the plan and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget these runs' records and start over.")] = False,
) -> None:
    """Do what is missing of a grid. The same command continues where it was interrupted."""
    if timeout and executor == "serial":
        raise UserError("--timeout: not with --executor serial, whose one process cannot end itself: use local -j 1")
    if (slurm or detach) and executor != "slurm":
        raise UserError("--slurm and --detach: only with --executor slurm")
    from resbench.data.loading import default_directory
    from resbench.execution.plan import Costs, describe, span, unprobed
    from resbench.execution.progress import Live
    from resbench.execution.session import CLUSTERS, Cluster, define, drive, engine, placed_on, start
    from resbench.records.store import Store
    from resbench.training.device import nearest

    loaded, chosen = load(grid, overrides, only, shard)
    width, limit = 1 if executor == "serial" else jobs_in(jobs), seconds_in(timeout)
    placed_on(device, executor)
    if dry_run:
        print(describe(loaded, chosen, Store(results / loaded.name), nearest(device).type, width))
        return
    cluster = Cluster(address, gpus, tuple(slurm or ()))
    where = engine(executor, cluster)
    store = Store(results / loaded.name)
    done = set() if fresh else store.done(loaded.probes)
    missing = [one for one in chosen if one.id not in done]
    warn(store)
    if not loaded.overrides and (count := store.leaving(loaded.study())):
        print(
            f"{loaded.name}: {count} runs that are done are no longer in its grid; their records stay", file=sys.stderr
        )
    if not missing:
        if define(store, loaded):
            print(
                f"{loaded.name}: its grid file has changed: `resbench report {loaded.name}` brings the page up to date"
            )
        print(f"{loaded.name}: nothing to do: all {len(chosen)} runs have their records in {store.folder}")
        return
    again = unprobed(store, loaded, missing)
    if again:
        print(again, file=sys.stderr)
    setting, way = start(loaded, results, data_dir or default_directory(), device, width, threads, limit, executor)
    if fresh:  # only now that nothing is in the way of doing them again
        print(f"forgot {sum(store.remove(one.id) for one in chosen)} records", file=sys.stderr)
    if detach:
        from resbench.execution.slurm import collect

        print(collect.detach(missing, way.jobs, cluster.slurm, setting))
        return
    costs = Costs(store, nearest(setting.device), setting.threads)
    costs.calibrate(missing)
    work = {one.id: costs.of(one.of).seconds for one in missing}
    if executor in CLUSTERS:  # the dearest first, so that none is left to end alone
        missing.sort(key=lambda one: -work[one.id])
    left = span(sum(work.values()) / way.jobs) if way.jobs else f"{span(sum(work.values()))} of work"
    begun = sum(store.checkpoint(one.id).exists() for one in missing)
    _announce(loaded.name, len(missing), begun, len(chosen), way, f"on {setting.device}", f"{left} by {costs.source}")
    with Live(missing, work) as live:
        drive(missing, where(way.jobs, missing), setting, live)
    if report:
        _report(store, reports)
    _tell(live.statuses)


def _announce(name: str, missing: int, begun: int, chosen: int, way: Share, where: str, left: str) -> None:
    """What is about to be done, how, and how long it will take."""
    told = f"{way.jobs} at a time" if way.jobs else "as many at a time as there is room for"
    print(
        f"{name}: {missing} runs to do{f' ({begun} of them begun)' if begun else ''}, {chosen - missing} done; "
        f"{told} {where} ({way.because}), about {left}",
        file=sys.stderr,
    )


def _report(store: Store, reports: Path) -> None:
    """Print the table, write the page."""
    from resbench.report import summary, write, write_index

    results, name = store.folder.parent, store.folder.name
    print(summary(results, name))
    print(f"page: {write(results, reports, name)}")
    write_index(results, reports)


def _tell(statuses: list[str]) -> None:
    """Exit 1 if a run failed."""
    failed = statuses.count("failed")
    if failed:
        again = "the same command without --fresh" if "--fresh" in sys.argv else "the same command"
        print(f"{failed} runs failed: {again} tries them again", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def collect(
    study: Annotated[str, typer.Argument(help="Name of a study whose runs were left to Slurm.")],
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Take in what has ended of the runs that `run --detach` left to Slurm; then table and page, as `run`."""
    from resbench.execution.slurm.collect import collect as collected
    from resbench.records.store import Store

    store = Store(known(results, study))
    taken = collected(store)
    print(f"{study}: {taken}", file=sys.stderr)
    asked = store.study()
    wanted = {one["id"] for one in asked["runs"]} if asked else store.ids()
    statuses = [record["status"] for record in store.records() if record["id"] in wanted]
    warn(store)
    if statuses:
        _report(store, reports)
        _tell(statuses)


@app.command()
def plan(
    grid: GridFile,
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    results: Results = Path("results"),
    only: Only = None,
    shard: Shard = None,
    executor: Executor = "local",
    nodes: Annotated[int | None, typer.Option(min=1, help="Machines to plan for, with --executor ray.")] = None,
    cpus_per_node: Annotated[int | None, typer.Option(min=1, help="Of each; those of this machine.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each run on them.")] = 1,
    mtbf: Annotated[str | None, typer.Option(help="Mean time between failures of a node, e.g. 12h; never.")] = None,
) -> None:
    """Cells, runs done and to do, what is excluded and why, parameters, FLOPs, predicted time and memory."""
    from resbench.execution.plan import describe
    from resbench.execution.session import CLUSTERS
    from resbench.records.store import Store

    loaded, chosen = load(grid, overrides, only, shard)
    store = Store(results / loaded.name)
    fleet = fleet_in(nodes, cpus_per_node, threads, mtbf, device) if executor in CLUSTERS else None
    if nodes and not fleet:
        raise UserError(f"--nodes {nodes}: only with --executor {' or '.join(CLUSTERS)}")
    print(describe(loaded, chosen, store, device, jobs_in(jobs), fleet, threads))
    warn(store)


@app.command()
def tune(
    search: Annotated[
        str, typer.Argument(metavar="SEARCH", help="The search file, e.g. ablations/tune-shortcut.yaml.")
    ],
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    storage: Annotated[
        str | None, typer.Option(help="Where Optuna keeps the trials: a URL, or a journal file; beside the study.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Of each arm; more than before continues.")] = None,
    export: Annotated[Path | None, typer.Option(metavar="GRID", help="Write the winners as a grid file.")] = None,
    device: Device = "auto",
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print what would be done and stop.")] = False,
) -> None:
    """Tune every arm of a search with the same trials, then run the winners on fresh seeds."""
    from resbench.data.loading import default_directory
    from resbench.records.store import Store
    from resbench.tuning.search import Search
    from resbench.tuning.session import Asked, describe, tuned

    loaded = Search.load(search, [*(overrides or []), *([f"trials={trials}"] if trials else [])])
    asked = Asked(results, data_dir or default_directory(), storage, device, jobs_in(jobs), export)
    if dry_run:
        print(describe(loaded, asked))
        return
    found = tuned(loaded, asked)
    if not found:
        raise typer.Exit(1)
    _report(Store(results / loaded.name), reports)
    _tell(found[1])


@app.command()
def bench(
    grid: GridFile,
    overrides: Overrides = None,
    device: Device = "auto",
    threads: Annotated[int, typer.Option(min=0, help="Of torch; 0 for one on each core.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.0, help="For each quantity of each cell.")] = 5.0,
    against: Annotated[str, typer.Option(help="plain: time the plain training loop in turn with ours.")] = "none",
    known: Annotated[bool, typer.Option("--known", help="Measure ResNet-18 of torchvision and timm beside.")] = False,
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
    only: Only = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what has been measured here.")] = False,
) -> None:
    """Measure every cell: training and inference throughput, latency, memory, share of the machine's peak."""
    from resbench.benchmark.measure import measured
    from resbench.benchmark.reference import measured_known
    from resbench.data.loading import default_directory
    from resbench.execution.plan import label
    from resbench.execution.session import define
    from resbench.records.store import Store
    from resbench.report import costs, write, write_index
    from resbench.training.device import choose, cores, revision
    from resbench.training.timing import Protocol

    if against not in ("none", "plain"):
        raise UserError(f"--against {against}: use plain, or leave it out")
    loaded, chosen = load(grid, overrides, only)
    plain = (data_dir or default_directory()) if against == "plain" else None
    protocol = Protocol(choose(device).type, threads or cores(), seconds, plain=plain)
    define(Store(results / loaded.name), loaded)
    store = Store(results / loaded.name / "bench")
    rates = ((label(cell), rate) for cell, rate in measured(chosen, store, protocol, revision(), fresh))
    beside = measured_known(store, protocol, revision(), fresh) if known else []
    for name, rate in itertools.chain(rates, beside):
        print(f"{name}: {rate:,.1f} images/s", file=sys.stderr, flush=True)
    print(costs(results, loaded.name))
    print(f"page: {write(results, reports, loaded.name)}")
    write_index(results, reports)
