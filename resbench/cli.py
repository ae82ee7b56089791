"""The command line: parses, calls, prints. Heavy imports stand inside the commands."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.errors import UserError

if TYPE_CHECKING:
    from resbench.grid import Grid, Planned
    from resbench.store import Store

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train grids of plain and residual networks, keep every result, and report what the data supports.",
)
ls = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List what there is: axes, datasets, studies.")
app.add_typer(ls, name="ls")

GridFile = Annotated[str, typer.Argument(metavar="GRID", help="The grid file, e.g. ablations/depth.yaml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH=VALUE]...", help="Overrides, e.g. recipe.epochs=1 seeds=2."),
]
Jobs = Annotated[str, typer.Option("-j", "--jobs", help="Runs side by side: a number, or auto.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
DataDir = Annotated[Path | None, typer.Option(envvar="RESBENCH_DATA", help="torchvision data root.")]
Results = Annotated[Path, typer.Option(envvar="RESBENCH_RESULTS", help="Folder of all studies.")]
Reports = Annotated[Path, typer.Option(envvar="RESBENCH_REPORTS", help="Folder of all reports.")]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Only runs with e.g. 'model.depth>=34 & model.shortcut==none & seed<2'."),
]


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
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print the plan and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget these runs' records and start over.")] = False,
) -> None:
    """Do what is missing of a grid. The same command continues where it was interrupted."""
    from resbench.data import default_directory
    from resbench.device import choose
    from resbench.execute import local, start
    from resbench.plan import Costs, describe, span, unprobed
    from resbench.progress import Live
    from resbench.store import Store

    loaded, chosen = _load(grid, overrides, only)
    width = _jobs(jobs)
    choose(device)
    if dry_run:
        print(describe(loaded, chosen, Store(results / loaded.name), device, width))
        return
    store = Store(results / loaded.name)
    if fresh:
        print(f"forgot {sum(store.remove(one.id) for one in chosen)} records", file=sys.stderr)
    done = store.done(loaded.probes)
    missing = [one for one in chosen if one.id not in done]
    _warn(store)
    if not missing:
        store.write_study(loaded.study())
        print(f"{loaded.name}: nothing to do: all {len(chosen)} runs have their records in {store.folder}")
        return
    again = unprobed(store, loaded, missing)
    if again:
        print(again, file=sys.stderr)
    setting, way = start(loaded, results, data_dir or default_directory(), device, width)
    costs = Costs(store, choose(setting.device), setting.threads)
    costs.calibrate(missing)
    work = {one.id: costs.of(one.of).seconds for one in missing}
    print(
        f"{loaded.name}: {len(missing)} runs to do, {len(chosen) - len(missing)} done; {way.jobs} at a time on "
        f"{setting.device} ({way.because}), about {span(sum(work.values()) / way.jobs)} by {costs.source}",
        file=sys.stderr,
    )
    with Live(missing, work) as live:
        local(missing, setting, way.jobs, live)
    _finish(loaded, store, reports, [record["status"] for record in live.records])


def _finish(loaded: Grid, store: Store, reports: Path, statuses: list[str]) -> None:
    """Print the table, write the page; exit 1 if a run failed."""
    from resbench.report import summary, write, write_index

    results = store.folder.parent
    print(summary(results, loaded.name))
    print(f"page: {write(results, reports, loaded.name)}")
    write_index(results, reports)
    failed = statuses.count("failed")
    if failed:
        print(f"{failed} runs failed: the same command tries them again", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def plan(
    grid: GridFile,
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    results: Results = Path("results"),
    only: Only = None,
) -> None:
    """Cells, runs done and to do, what is excluded and why, parameters, FLOPs, predicted time and memory."""
    from resbench.plan import describe
    from resbench.store import Store

    loaded, chosen = _load(grid, overrides, only)
    store = Store(results / loaded.name)
    print(describe(loaded, chosen, store, device, _jobs(jobs)))
    _warn(store)


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
    from resbench.data import default_directory
    from resbench.store import Store
    from resbench.tune.command import Asked, describe, tuned
    from resbench.tune.search import Search

    loaded = Search.load(search, [*(overrides or []), *([f"trials={trials}"] if trials else [])])
    asked = Asked(results, data_dir or default_directory(), storage, device, _jobs(jobs), export)
    if dry_run:
        print(describe(loaded, asked))
        return
    found = tuned(loaded, asked)
    if not found:
        raise typer.Exit(1)
    _finish(found[0], Store(results / loaded.name), reports, found[1])


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
    from resbench.bench import measured
    from resbench.data import default_directory
    from resbench.device import choose, cores, revision
    from resbench.known import measured_known
    from resbench.plan import label
    from resbench.report import costs, write, write_index
    from resbench.store import Store
    from resbench.timing import Protocol

    if against not in ("none", "plain"):
        raise UserError(f"--against {against}: use plain, or leave it out")
    loaded, chosen = _load(grid, overrides, only)
    plain = (data_dir or default_directory()) if against == "plain" else None
    protocol = Protocol(choose(device).type, threads or cores(), seconds, plain=plain)
    Store(results / loaded.name).write_study(loaded.study())
    store = Store(results / loaded.name / "bench")
    rates = ((label(cell), rate) for cell, rate in measured(chosen, store, protocol, revision(), fresh))
    beside = measured_known(store, protocol, revision(), fresh) if known else []
    for name, rate in itertools.chain(rates, beside):
        print(f"{name}: {rate:,.1f} images/s", file=sys.stderr, flush=True)
    print(costs(results, loaded.name))
    print(f"page: {write(results, reports, loaded.name)}")
    write_index(results, reports)


@app.command("signal")
def first_look(
    grid: GridFile,
    overrides: Overrides = None,
    device: Device = "auto",
    results: Results = Path("results"),
    only: Only = None,
) -> None:
    """Depth without training: activations, gradients and their correlations at initialisation, for each cell."""
    from resbench.device import choose
    from resbench.signals import looks, save, table

    loaded, chosen = _load(grid, overrides, only)
    rows = []
    for row in looks(chosen, choose(device)):
        rows.append(row)
        print(f"{len(rows)}: {row['cell']}", file=sys.stderr, flush=True)
    print(table(rows))
    print(f"as CSV: {save(rows, results / loaded.name / 'signal.csv')}")


@app.command()
def status(
    study: Annotated[str | None, typer.Argument(help="Name of a study; all of them by default.")] = None,
    results: Results = Path("results"),
) -> None:
    """How far each study is."""
    from resbench import checkpoint
    from resbench.store import Store

    for name in [study] if study else _studies(results):
        store = Store(results / name)
        if not store.folder.is_dir():
            raise UserError(f"{store.folder}: no such study; there are: {', '.join(_studies(results)) or 'none'}")
        asked = store.study()
        records = {record["id"]: record for record in store.records()}
        wanted = [one["id"] for one in asked["runs"]] if asked else list(records)
        states = [records[one]["status"] if one in records else "to do" for one in wanted]
        counts = [
            f"{states.count(state)} {state}" for state in ("ok", "diverged", "failed", "to do") if state in states
        ]
        print(f"{name}: {len(wanted)} runs: {', '.join(counts)}")
        for one in asked["runs"] if asked else []:
            epochs = checkpoint.epoch(store.checkpoint(one["id"])) if one["id"] not in records else 0
            if epochs:
                cell = " ".join(f"{path}={value}" for path, value in one["cell"].items())
                print(f"  begun: {cell} seed={one['seed']}: {epochs} epochs done")
        if asked and "to do" in states:
            print(
                f"  to go on: {' '.join(['resbench', asked.get('command', 'run'), asked['file'], *asked['overrides']])}"
            )
        _warn(store)


@app.command()
def report(
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY]...", help="All of them by default.")] = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Write reports/<study>/ from the records alone; the same bytes each time."""
    from resbench.report import write, write_index

    for name in studies or _studies(results):
        print(write(results, reports, name))
    print(write_index(results, reports))


@app.command()
def check(
    study: Annotated[str, typer.Argument(help="Name of a study whose grid file states claims.")],
    results: Results = Path("results"),
) -> None:
    """Print the verdict on every claim of a study; exit 0 only if all are supported, else 1."""
    from resbench.report import check as judged

    lines, supported = judged(results, study)
    print("\n".join(lines))
    if not supported:
        raise typer.Exit(1)


@app.command()
def compare(
    study: Annotated[str, typer.Argument(help="Name of a study.")],
    to: Annotated[list[str], typer.Option(metavar="PATH=VALUE", help="Cells to compare with; may be repeated.")],
    arm: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only these against them.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only at these values.")] = None,
    on: Annotated[str, typer.Option(help="The metric.")] = "test_error",
    margin: Annotated[float, typer.Option(min=0.0, help="Smallest difference that matters, in points.")] = 0.05,
    results: Results = Path("results"),
) -> None:
    """Cells against the ones that differ only in having the values of --to: difference, interval, p."""
    from resbench.report import compare as compared

    print("\n".join(compared(results, study, to, arm or [], at or [], on, margin)))


@ls.command()
def axes() -> None:
    """Every field that a grid file can set or vary, its default, and what it allows."""
    from resbench.config import names_of
    from resbench.grid import FIELDS
    from resbench.run_config import RunConfig

    default = RunConfig().model_dump()
    for path, adapter in FIELDS.items():
        section, name = path.split(".")
        schema = adapter.json_schema()
        choices = schema.get("anyOf", [schema])
        kind = ", ".join(names_of(adapter)) or " or ".join(str(one.get("const", one.get("type"))) for one in choices)
        print(f"{path:26} {default[section][name]!s:10} {kind}")


@ls.command()
def datasets() -> None:
    """The datasets, and which need files."""
    from resbench.data import DATASETS

    for name, source in DATASETS.items():
        print(f"{name:14} {source.about}{'; from --data-dir, else downloaded' if source.remote else ''}")


@ls.command()
def probes() -> None:
    """What can be measured beside training, and which numbers claims can be made on."""
    from resbench.claim import PROBED
    from resbench.probe import PROBES

    for name, probe in PROBES.items():
        about = (probe.measure.__doc__ or "").split("\n")[0]
        print(f"{name:10} {100 * probe.share:.1f} % of the training work; {', '.join(PROBED[name])}: {about}")


@ls.command()
def studies(results: Results = Path("results")) -> None:
    """The studies that have records."""
    for name in _studies(results):
        print(name)


@app.command()
def doctor() -> None:
    """What this machine can do, and whether anything stands in the way."""
    import torch

    import resbench
    from resbench.data import default_directory
    from resbench.device import choose, cores, device_name, has_bf16, revision

    device = choose("auto")
    commit, dirty = revision()
    print(f"resbench {resbench.__version__}, revision {commit or 'unknown'}{' (changed)' if dirty else ''}")
    print(f"python {sys.version.split()[0]}, torch {torch.__version__}")
    print(f"device {device}: {device_name(device)}, {cores()} cores, {torch.backends.cpu.get_cpu_capability()}")
    print(f"bf16 {'computed by the hardware' if has_bf16(device) else 'would be emulated: fp32 is used'}")
    print(f"data directory {default_directory()}{'' if default_directory().is_dir() else ' (not there yet)'}")


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        import resbench

        print(f"resbench {resbench.__version__}")
        raise typer.Exit


def _load(file: str, overrides: list[str] | None, expressions: list[str] | None) -> tuple[Grid, list[Planned]]:
    from resbench.grid import Grid, only

    loaded = Grid.load(file, overrides)
    chosen = only(expressions or [], loaded.runs())
    if not chosen:
        raise UserError("--only: no run of the grid satisfies it")
    return loaded, chosen


def _jobs(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UserError(f"--jobs {text}: use a number from 1 to 1024, or auto")
    return int(text)


def _studies(results: Path) -> list[str]:
    if not results.is_dir():
        return []
    return sorted(folder.name for folder in results.iterdir() if folder.is_dir() and any(folder.glob("*.json")))


def _warn(store: Store) -> None:
    for line in dict.fromkeys(store.damaged):
        print(line, file=sys.stderr)
    store.damaged.clear()


class _Signalled(BaseException):
    """SIGINT or SIGTERM, as an exception that unwinds, ends the children, and that no library takes for its own."""


def main() -> None:
    """Run the command line; mistakes of the user's end in plain lines and exit code 2, Ctrl-C in 130."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except UserError as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except _Signalled as signalled:
        told = " ".join(["resbench", *sys.argv[1:]])
        print(f"interrupted; every finished epoch is kept; to go on: {told}", file=sys.stderr, flush=True)
        os._exit(128 + int(signalled.args[0]))


def _interrupt(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends the command at once
    raise _Signalled(number)
