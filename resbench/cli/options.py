"""Options that several commands share, and what they make of them."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.core.errors import UserError
from resbench.core.files import reports_beside, user_path
from resbench.core.text import plural, printable

if TYPE_CHECKING:
    from resbench.execution.forecast import Fleet
    from resbench.records.store import Store


def named_grid(given: str) -> str:
    """The grid or search file that a command means; a line on stderr names it where it is not what was typed.

    Raises:
        UserError: there is none of this name.
    """
    from resbench.grid.shipped import named

    return named(given)


GridFile = Annotated[
    str,
    typer.Argument(
        parser=named_grid, metavar="GRID", help="A grid file, or the name of one that comes with resbench, e.g. depth."
    ),
]
PluginsOf = Annotated[
    str | None,
    typer.Option(
        "--grid",
        parser=named_grid,
        metavar="FILE",
        help="A grid or search file, whose plug-ins are listed too; or a plug-in, my_layers.py.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH=VALUE]...", help="Overrides, e.g. recipe.epochs=1 name=smoke."),
]
Jobs = Annotated[str, typer.Option("-j", "--jobs", help="Runs side by side: a number, or auto.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda (all cards), cuda:1 (one) or mps.")]
DataDir = Annotated[
    Path | None, typer.Option(envvar="RESBENCH_DATA", parser=user_path, metavar="PATH", help="torchvision data root.")
]
Results = Annotated[
    Path, typer.Option(envvar="RESBENCH_RESULTS", parser=user_path, metavar="PATH", help="Folder of all studies.")
]
Reports = Annotated[
    Path | None,
    typer.Option(
        envvar="RESBENCH_REPORTS",
        parser=user_path,
        metavar="PATH",
        help="Folder of all reports; by default next to --results: reports next to results, x-reports next to x.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Only runs with e.g. 'model.depth>=34 & model.shortcut==none & seed<2'."),
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="The I-th of N parts of the runs, for N machines without an engine.")
]
Executor = Annotated[str, typer.Option(help="Where runs are executed: serial, local, ray or slurm.")]
Workers = Annotated[
    str,
    typer.Option(
        metavar="fresh|stay",
        help="Processes of local runs: one for each, or one for many, which starts once and not for every run; "
        "peak memory on a CPU is then that since the run before.",
    ),
]
Graph = Annotated[
    str,
    typer.Option(
        metavar="network|step",
        help="What a run replays as a CUDA graph: step, the whole step, has the same bits and awaits its measurement "
        "on a card. On a CPU nothing is replayed.",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document in place of text; `resbench ls schemas` has its schema."),
]
SaveWeights = Annotated[
    str | None,
    typer.Option(
        metavar="last|best",
        help="Save the weights of each run in results/<study>/weights, as safetensors: after its last epoch, or after that "
        "of the best validation accuracy. Runs that are done without are trained again for them.",
    ),
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Go on in place of the study that another file made under this name.")
]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_seconds(text: str | None, option: str = "--timeout") -> float | None:
    """`90`, `90s`, `30m`, `2h`, `1d` as seconds."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if not match or not float(match[1]):
        raise UserError(f"{option} {text}: use a number of seconds, or e.g. 90s, 30m, 2h, 1d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_jobs(text: str) -> int | None:
    """The number of runs side by side; None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UserError(f"--jobs {text}: use a number from 1 to 1024, or auto")
    return int(text)


def parse_fleet(nodes: int | None, cpus: int | None, threads: int, mtbf: str | None, device: str) -> Fleet:
    """The machines to plan for; of the kind of this one if nothing else is given. On CUDA a run has a GPU, and a node has
    one.

    Raises:
        UserError: nodes on which there is no room for a run.
    """
    from resbench.execution.forecast import Fleet
    from resbench.training.device import cores

    slots = 1 if device == "cuda" else (cpus or cores()) // threads
    if not slots:
        raise UserError(f"--threads {threads}: more than a node has (--cpus-per-node {cpus or cores()})")
    return Fleet(nodes or 1, slots, parse_seconds(mtbf, "--mtbf"))


def same_command() -> tuple[str, ...]:
    """The words of the command that goes on: without what has been done by then, such as --fresh."""
    return ("resbench", *(word for word in sys.argv[1:] if word not in ("--fresh", "--take-over")))


def study_folder(results: Path, study: str) -> Path:
    """Folder of a study.

    Raises:
        UserError: there is no such study.
    """
    from resbench.core.config import suggestion
    from resbench.records.store import study_names

    names = study_names(results)
    if study not in names:  # as a path to another folder is not
        known = f"there are: {', '.join(names) or 'none'}{suggestion(study, names)}"
        raise UserError(f"{results / study}: no such study; {known}")
    return results / study


def warn(store: Store) -> None:
    """Name the records that the store has met and cannot read."""
    for line in dict.fromkeys([*store.damaged, *store.later.values()]):
        print(printable(line), file=sys.stderr)
    store.damaged.clear()


def write_report(results: Path, reports: Path | None, study: str) -> None:
    """Write the page, print the table, which is fit to a terminal."""
    from resbench.report.page.study_page import summary

    lines = write_page(results, reports, study)
    print(summary(results, study, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    for line in lines:
        print(line)


def write_page(results: Path, reports: Path | None, study: str) -> list[str]:
    """Write the page and the index, by default next to the results; returns the line that names the page, if there is one.

    Where one cannot be written that is said, and the command ends as its runs did.
    """
    from resbench.report import write, write_index

    lines, reports = [], reports or reports_beside(results)
    try:
        lines.append(f"page: {write(results, reports, study, command='run')}")
        write_index(results, reports)
    except UserError as error:
        print("\n".join(error.lines), file=sys.stderr)
    return lines


def exit_if_failed(failed: int) -> None:
    """Exit 1 if runs failed, and say how to try them again."""
    if failed:
        again = "the same command without --fresh" if "--fresh" in sys.argv else "the same command"
        them = "it" if failed == 1 else "them"
        print(f"{plural(failed, 'run')} failed: {again} tries {them} again", file=sys.stderr)
        raise typer.Exit(1)
