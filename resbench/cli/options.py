"""Options that several commands share, and what they make of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.core.errors import UserError
from resbench.core.text import printable

if TYPE_CHECKING:
    from resbench.execution.simulate import Fleet
    from resbench.grid.grid import Grid, Planned
    from resbench.records.store import Store

GridFile = Annotated[str, typer.Argument(metavar="GRID", help="The grid file, e.g. ablations/depth.yaml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH=VALUE]...", help="Overrides, e.g. recipe.epochs=1 name=smoke."),
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
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="The I-th of N parts of the runs, for N machines without an engine.")
]
Executor = Annotated[str, typer.Option(help="Where runs are carried out: serial, local, ray or slurm.")]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", envvar="RAY_ADDRESS", help="Head of a Ray cluster; without it one is started here."
    ),
]
Gpus = Annotated[float, typer.Option(min=0.01, help="GPUs of each run on a cluster; 0.25 lets four share one.")]
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def load(
    file: str, overrides: list[str] | None, expressions: list[str] | None, shard: str | None = None
) -> tuple[Grid, list[Planned]]:
    """The grid, and those of its runs that are asked for.

    Raises:
        UserError: a mistake in the file or in an option.
    """
    from resbench.grid.grid import Grid, only

    loaded = Grid.load(file, overrides)
    chosen = only(expressions or [], loaded.runs())
    if not chosen:
        raise UserError("--only: no run of the grid satisfies it")
    return loaded, _part(chosen, shard) if shard else chosen


def _part(runs: list[Planned], shard: str) -> list[Planned]:
    """Every N-th run, so that each part has a share of every cell and of the dear ones."""
    index, _, parts = shard.partition("/")
    if not (index.isdecimal() and parts.isdecimal() and 1 <= int(index) <= int(parts)):
        raise UserError(f"--shard {shard}: write it as I/N with I from 1 to N, e.g. 2/4")
    if int(parts) > len(runs):
        raise UserError(f"--shard {shard}: there are only {len(runs)} runs to divide")
    return runs[int(index) - 1 :: int(parts)]


def seconds_in(text: str | None, option: str = "--timeout") -> float | None:
    """`90`, `90s`, `30m`, `2h`, `1d` as seconds."""
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    if not match or not float(match[1]):
        raise UserError(f"{option} {text}: use a number of seconds, or e.g. 90s, 30m, 2h, 1d")
    return float(match[1]) * _SECONDS[match[2]]


def jobs_in(text: str) -> int | None:
    """The number of runs side by side; None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UserError(f"--jobs {text}: use a number from 1 to 1024, or auto")
    return int(text)


def fleet_in(nodes: int | None, cpus: int | None, threads: int, between: str | None, device: str) -> Fleet:
    """The machines that `plan` is asked about; of the kind of this one where it is not told. On CUDA a run has a GPU, and
    a node has one.

    Raises:
        UserError: nodes on which there is no room for a run.
    """
    from resbench.execution.simulate import Fleet
    from resbench.training.device import cores

    slots = 1 if device == "cuda" else (cpus or cores()) // threads
    if not slots:
        raise UserError(f"--threads {threads}: more than a node has (--cpus-per-node {cpus or cores()})")
    return Fleet(nodes or 1, slots, between=seconds_in(between, "--mtbf"))


def studies_in(results: Path) -> list[str]:
    """Names of the studies that have records."""
    if not results.is_dir():
        return []
    return sorted(folder.name for folder in results.iterdir() if folder.is_dir() and any(folder.glob("*.json")))


def known(results: Path, study: str) -> Path:
    """Folder of a study.

    Raises:
        UserError: there is no such study.
    """
    if study not in studies_in(results):  # which a path to elsewhere is not
        raise UserError(f"{results / study}: no such study; there are: {', '.join(studies_in(results)) or 'none'}")
    return results / study


def warn(store: Store) -> None:
    """Name the damaged records that the store has met."""
    for line in dict.fromkeys(store.damaged):
        print(printable(line), file=sys.stderr)
    store.damaged.clear()
