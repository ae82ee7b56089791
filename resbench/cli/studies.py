"""Commands on the studies of a results folder: status, report, check, compare, merge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.cli.options import Reports, Results, study_folder, warn
from resbench.core.cell import label
from resbench.core.errors import UserError
from resbench.core.text import printable

if TYPE_CHECKING:
    from resbench.records.store import Store
    from resbench.records.study_file import StudyFile


def status(
    study: Annotated[str | None, typer.Argument(help="Name of a study; all of them by default.")] = None,
    results: Results = Path("results"),
) -> None:
    """How far each study is."""
    from resbench.records.store import Store, study_names

    for name in [study] if study else study_names(results):
        store = Store(study_folder(results, name))
        try:
            for line in _status(name, store):
                print(printable(line))
        except UserError as error:
            if study:
                raise
            print("\n".join(error.lines), file=sys.stderr)
        warn(store)


def _status(name: str, store: Store) -> list[str]:
    from resbench.execution.slurm import collect
    from resbench.report.study import resume_command
    from resbench.training import checkpoint

    file = store.study()
    if not file and not store.ids():
        raise UserError(f"{store.folder}: not a study: neither study.json nor records are in it")
    states = {record.id: str(record.status) for record in store.records()}
    # two cells with the same settings are the same runs
    runs = {run.id: run for run in file.runs} if file else {}
    wanted = [states.get(run_id, "to do") for run_id in (runs if file else states)]
    counts = [f"{wanted.count(state)} {state}" for state in ("ok", "diverged", "failed", "to do") if state in wanted]
    others = len(states.keys() - runs.keys()) if file else 0
    more = f" (+{others} of earlier grids)" if others else ""
    lines = [f"{name}: {len(wanted)} runs: {', '.join(counts)}{more}"]
    for run in runs.values():
        epochs = checkpoint.epoch(store.checkpoint(run.id)) if run.id not in states else 0
        if epochs:
            lines.append(f"  begun: {label(run.cell)} seed={run.seed}: {epochs} epochs done")
    trials = _open_trials(file, store) if file else ""
    lines += [f"  open: {trials}"] if trials else []
    lines += collect.describe(store)
    if file and file.file and (trials or "to do" in wanted):
        lines.append(f"  to go on: {resume_command(file)}")
    return lines


def _open_trials(file: StudyFile, store: Store) -> str:
    """How many trials of a search are open; empty if none is, or if the study has no search."""
    if not file.search:
        return ""
    from resbench.tuning.readonly import unfinished

    try:
        return unfinished(file.search, store)
    except UserError as error:  # the storage may be on another machine, and its password is not kept
        return f"trials that cannot be counted here: {error.lines[0]}"


def report(
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY]...", help="All of them by default.")] = None,
    results: Results = Path("results"),
    reports: Reports = Path("reports"),
) -> None:
    """Write reports/<study>/ from the records alone; the same bytes each time."""
    from resbench.records.store import study_names
    from resbench.report import write, write_index

    problems: dict[str, None] = {}
    written = 0
    for name in studies or study_names(results):
        try:
            print(printable(str(write(results, reports, name))))
            written += 1
        except UserError as error:
            problems |= dict.fromkeys(error.lines)
    if problems and not written:
        raise UserError(problems)
    complete = not (studies and problems)
    try:
        print(write_index(results, reports, problems.setdefault))
    except UserError as error:
        complete = False
        problems |= dict.fromkeys(error.lines)
    print("".join(f"{line}\n" for line in problems), end="", file=sys.stderr)
    if not complete:
        raise typer.Exit(2)


def check(
    study: Annotated[str, typer.Argument(help="Name of a study whose grid file states claims.")],
    results: Results = Path("results"),
) -> None:
    """Print the verdict on every claim of a study; exit 0 only if all are supported, else 1."""
    from resbench.report import check as check_claims

    lines, supported = check_claims(results, study)
    print("\n".join(lines))
    if not supported:
        raise typer.Exit(1)


def compare(
    study: Annotated[str, typer.Argument(help="Name of a study.")],
    to: Annotated[list[str], typer.Option(metavar="PATH=VALUE", help="Cells to compare with; may be repeated.")],
    arm: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only these against them.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only at these values.")] = None,
    on: Annotated[str, typer.Option(help="The metric.")] = "test_error",
    margin: Annotated[
        float | None,
        typer.Option(min=0.0, help="Smallest difference that matters; of shares of images 0.05 points by default."),
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Cells against the ones that differ only in having the values of --to: difference, interval, p."""
    from resbench.report import compare as compare_cells

    print("\n".join(compare_cells(results, study, to, arm or [], at or [], on, margin)))


def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Results folders, or folders of one study.")],
    results: Results = Path("results"),
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print what would come in and stop.")] = False,
) -> None:
    """Bring records of other machines into --results; conflicts are named, and then nothing is copied."""
    from resbench.records.merge import merge as merge_folders

    print("\n".join(merge_folders(folders, results, dry_run)) or "nothing came in")
