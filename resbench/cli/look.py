"""Commands that look: at networks before training, at studies, at what there is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resbench.cli.app import app, ls
from resbench.cli.options import (
    Device,
    GridFile,
    Only,
    Overrides,
    Reports,
    Results,
    known,
    load,
    studies_in,
    warn,
)
from resbench.core.errors import UserError
from resbench.core.text import printable

if TYPE_CHECKING:
    from resbench.records.store import Store


@app.command("signal")
def first_look(
    grid: GridFile,
    overrides: Overrides = None,
    device: Device = "auto",
    results: Results = Path("results"),
    only: Only = None,
) -> None:
    """Depth without training: activations, gradients and their correlations at initialisation, for each cell."""
    from resbench.probes.initialisation import looks, save, table
    from resbench.training.device import choose

    loaded, chosen = load(grid, overrides, only)
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
    from resbench.execution.slurm import collect
    from resbench.records.store import Store
    from resbench.report.study import again
    from resbench.training import checkpoint

    for name in [study] if study else studies_in(results):
        store = Store(known(results, name))
        asked = store.study()
        records = {record["id"]: record for record in store.records()}
        # two cells with the same settings are the same runs
        runs = {one["id"]: one for one in asked["runs"]} if asked else {}
        wanted = list(runs if asked else records)
        states = [records[one]["status"] if one in records else "to do" for one in wanted]
        counts = [
            f"{states.count(state)} {state}" for state in ("ok", "diverged", "failed", "to do") if state in states
        ]
        print(printable(f"{name}: {len(wanted)} runs: {', '.join(counts)}"))
        for one in runs.values():
            epochs = checkpoint.epoch(store.checkpoint(one["id"])) if one["id"] not in records else 0
            if epochs:
                cell = " ".join(f"{path}={value}" for path, value in one["cell"].items())
                print(printable(f"  begun: {cell} seed={one['seed']}: {epochs} epochs done"))
        trials = _trials(asked, store)
        if trials:
            print(f"  open: {trials}")
        for line in collect.describe(store):
            print(printable(line))
        if asked and asked.get("file") and (trials or "to do" in states):
            print(printable(f"  to go on: {again(asked)}"))
        warn(store)


def _trials(asked: dict[str, Any] | None, store: Store) -> str:
    """What is open of a search; empty if nothing is, or if the study is none."""
    if not asked or not asked.get("search"):
        return ""
    from resbench.tuning.readonly import unfinished

    try:
        return unfinished(asked["search"], store)
    except UserError as error:  # the storage may be on another machine, and its password is not kept
        return f"trials that cannot be counted here: {error.lines[0]}"


@app.command()
def report(
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY]...", help="All of them by default.")] = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Write reports/<study>/ from the records alone; the same bytes each time."""
    from resbench.report import write, write_index

    for name in studies or studies_in(results):
        print(printable(str(write(results, reports, name))))
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
    from resbench.core.config import names_of
    from resbench.grid.grid import FIELDS
    from resbench.training.run import RunConfig

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
    from resbench.data.loading import DATASETS

    for name, source in DATASETS.items():
        print(f"{name:14} {source.about}{'; from --data-dir, else downloaded' if source.remote else ''}")


@ls.command()
def probes() -> None:
    """What can be measured beside training, and which numbers claims can be made on."""
    from resbench.probes.table import PROBES
    from resbench.records.claim import PROBED

    for name, probe in PROBES.items():
        about = (probe.measure.__doc__ or "").split("\n")[0]
        print(f"{name:10} {100 * probe.share:.1f} % of the training work; {', '.join(PROBED[name])}: {about}")


@ls.command()
def studies(results: Results = Path("results")) -> None:
    """The studies that have records."""
    for name in studies_in(results):
        print(printable(name))


@app.command()
def doctor() -> None:
    """What this machine can do, and whether anything stands in the way."""
    import torch

    import resbench
    from resbench.data.loading import default_directory
    from resbench.training.device import choose, cores, cpu_capability, device_name, has_bf16, revision

    device = choose("auto")
    commit, dirty = revision()
    print(f"resbench {resbench.__version__}, revision {commit or 'unknown'}{' (changed)' if dirty else ''}")
    print(f"python {sys.version.split()[0]}, torch {torch.__version__}")
    print(f"device {device}: {device_name(device)}, {cores()} cores, {cpu_capability()}")
    print(f"bf16 {'computed by the hardware' if has_bf16(device) else 'would be emulated: fp32 is used'}")
    print(f"data directory {default_directory()}{'' if default_directory().is_dir() else ' (not there yet)'}")
