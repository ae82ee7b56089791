"""Commands on the studies of a results folder: status, report, check, compare, merge."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resbench.cli.grid_files import changes_of, study_of
from resbench.cli.options import DataDir, Reports, Results, study_folder, warn
from resbench.core.cell import label
from resbench.core.errors import UserError
from resbench.core.files import reports_beside, user_path
from resbench.core.text import duration, plural, printable

if TYPE_CHECKING:
    from resbench.records.run_states import RunState
    from resbench.records.running import RunningRun
    from resbench.records.store import Store
    from resbench.records.study_file import StudyFile


def status(
    study: Annotated[
        str | None, typer.Argument(help="Name of a study, or its grid file; all of them by default.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """How far each study is, and how to go on.

    \b
    Examples:
      resbench status
      resbench status my-question
    """
    from resbench.records.store import Store, study_names

    if study:
        study, _ = study_of(study, results)
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
    from resbench.records.run_states import BEGUN, RUNNING, STATES, TO_DO, StateReader
    from resbench.report.study import how_to_go_on

    state = StateReader(store).read()
    file = state.file
    if not file and not store.ids():
        raise UserError(f"{store.folder}: not a study: neither study.json nor records are in it")
    counts = [f"{len(state.of(one))} {one}" for one in STATES if state.of(one)]
    more = f" (+{state.others} of earlier grids)" if state.others else ""
    lines = [f"{name}: {plural(len(state.runs), 'run')}: {', '.join(counts)}{more}"]
    lines += [f"  running: {_text(run)}: {_progress(run.holder)}" for run in state.runs if run.holder]
    lines += [f"  begun: {_text(run)}: epochs done: {run.saved.epoch}" for run in state.of(BEGUN)]
    trials = open_trials(file, store) if file else ""
    lines += [f"  open: {trials}"] if trials else []
    target, to_confirm = _target(file, store) if file else ("", False)
    lines += [f"  target: {target}"] if target else []
    lines += _jobs(store)
    look, asks = _look(store) if file and file.looks else ("", False)
    lines += [f"  {look}"] if look else []
    left = bool(state.of(TO_DO, "failed", BEGUN, RUNNING))
    if file and file.file and (trials or asks or left or to_confirm):
        again = "if it stops, to go on" if state.of(RUNNING) else "to go on"
        lines.append(f"  {again}: {how_to_go_on(store, file)}")
    return lines


def _jobs(store: Store) -> list[str]:
    """What Slurm has of a study; torch is imported only where a command has left it something."""
    if not (store.work / "slurm").is_dir():
        return []
    from resbench.execution.slurm.collect import describe

    return describe(store)


def _text(run: RunState) -> str:
    return f"{label(run.cell)} seed={run.seed}".lstrip()


def _look(store: Store) -> tuple[str, bool]:
    """What the looks of a study have decided, and whether they ask for runs that no command has begun yet."""
    from resbench.report.look_progress import look_progress
    from resbench.report.study import load

    study = load(store.folder.parent, store.folder.name)
    asked, line = look_progress(study)
    return line, any(asked[key] > len(runs) for key, _, runs in study.cells)


def _progress(run: RunningRun) -> str:
    """How far a run is, who trains it, and how long it will take."""
    left = run.seconds_left
    now = time.time()
    return (
        f"epoch {run.epochs:.1f} of {run.total}, process {run.pid} on {run.host}, for {duration(now - run.since)}"
        + ("" if left is None else f", about {duration(max(0.0, left - (now - run.seen)))} left")
    )


def _target(file: StudyFile, store: Store) -> tuple[str, bool]:
    """What fresh seeds say of the target, and whether some are to be run; nothing where none confirm it."""
    if not file.target or not (file.target.confirm or file.confirmation):
        return "", False
    from resbench.report.study import load
    from resbench.report.target import to_confirm
    from resbench.report.wording.target import target_sentence

    study = load(store.folder.parent, store.folder.name)
    return target_sentence(study), to_confirm(study) is not None


def open_trials(file: StudyFile, store: Store) -> str:
    """How many trials of a search are open; empty if none is, or if the study has no search."""
    if not file.search:
        return ""
    from resbench.tuning.readonly import unfinished

    try:
        return unfinished(file.search, store)
    except UserError as error:  # the storage may be on another machine, and its password is not kept
        return f"trials that cannot be counted here: {error.lines[0]}"


def report(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY]...", help="Names, or grid files; all by default.")
    ] = None,
    results: Results = Path("results"),
    reports: Reports = None,
    data_dir: DataDir = None,
) -> None:
    """Write the pages of studies from their records.

    The same bytes each time. Edited claims are taken in. With --data-dir the pictures of the test images that most runs
    miss are taken from the data set there, and kept in pictures.json next to the records, so that pages show them
    wherever they are written.

    \b
    Examples:
      resbench report
      resbench report my-question --data-dir ~/data
    """
    from resbench.records.store import study_names
    from resbench.report import write_index

    problems: dict[str, None] = {}
    reports = reports or reports_beside(results)
    names: dict[str, None] = {}
    for given in studies or study_names(results):
        try:
            name, path = study_of(given, results)
            problems |= dict.fromkeys(_take_in(name, results, path))
            if data_dir:
                _keep_pictures(results, name, data_dir)
            names[name] = None
        except UserError as error:
            problems |= dict.fromkeys(error.lines)
    written = _write_pages(results, reports, list(names), problems)
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


def _keep_pictures(results: Path, name: str, data_dir: Path) -> None:
    """Keep the pictures of the hardest images of a study, where its data set is in the folder; nothing is downloaded."""
    from resbench.report.pictures import keep_pictures

    def read(dataset: str) -> tuple[Any, Any, str] | None:
        folders = [path.name.lower() for path in data_dir.glob("*") if path.is_dir()]
        if dataset.replace("-", "") not in folders:
            return None
        from resbench.data.datasets import read_dataset, sha256_of

        images, labels = read_dataset(dataset, data_dir, False)
        return images[:, 0].numpy(), labels.numpy(), sha256_of(images, labels)

    if keep_pictures(results, name, read):
        print(printable(f"{name}: pictures of its hardest test images are kept in pictures.json"), file=sys.stderr)


def _write_pages(results: Path, reports: Path, names: Sequence[str], problems: dict[str, None]) -> int:
    """Write each page once, where several studies share it too; returns how many, and adds what could not be written."""
    from resbench.report import write
    from resbench.report.page.shared import sharing

    written: dict[str, Path] = {}
    for name in names:
        try:
            page = sharing(results, name).page
            if page not in written:
                written[page] = write(results, reports, name)
                print(printable(str(written[page])))
        except UserError as error:
            problems |= dict.fromkeys(error.lines)
    return len(written)


def _take_in(name: str, results: Path, path: Path | None) -> list[str]:
    """Write what an edited grid file claims now into the study, and say so; returns the mistakes of a file that has some.

    Raises:
        UserError: the same, of a file that was named.
    """
    from resbench.records.store import Store

    if not (results / name).is_dir():
        return []  # the report says so
    try:
        found = changes_of(name, results, path)
    except UserError as error:
        if path:
            raise
        return error.lines
    if found.file:
        Store(results / name).write_study(found.file)
    if found.note:
        print(printable(found.note), file=sys.stderr)
    return []


def check(
    study: Annotated[str, typer.Argument(help="Name of a study whose grid file states claims, or that file.")],
    results: Results = Path("results"),
) -> None:
    """The verdict on each claim; exit 0 if all are supported.

    Else 1. That the verdicts were read is kept, as seeds that are added afterwards have to count it.

    \b
    Examples:
      resbench check my-question
    """
    from resbench.report import check as check_claims

    name, path = study_of(study, results)
    found = changes_of(name, results, path) if (results / name).is_dir() else None
    if found and found.note:
        print(printable(found.note), file=sys.stderr)
    lines, supported = check_claims(results, name, found.file if found else None)
    print("\n".join(lines))
    if not supported:
        raise typer.Exit(1)


def compare(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    to: Annotated[list[str], typer.Option(metavar="PATH=VALUE", help="Cells to compare with; may be repeated.")],
    arm: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only these against them.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="PATH=VALUE", help="Only at these values.")] = None,
    on: Annotated[str, typer.Option(help="The metric.")] = "test_error",
    margin: Annotated[
        float | None,
        typer.Option(help="Smallest difference that matters; of shares of images 0.05 points by default."),
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Differences between cells, also those that no claim names.

    Cells against the ones that differ only in having the values of --to: difference, interval, p. To explore: that p
    was read is not kept, so it does not hold if seeds are added because of it; a claim does that.

    \b
    Examples:
      resbench compare my-question --to model.shortcut=none
      resbench compare my-question --to model.shortcut=none --at model.depth=34 --on train_loss
    """
    from resbench.report import compare as compare_cells

    print("\n".join(compare_cells(results, study_of(study, results)[0], to, arm or [], at or [], on, margin)))


def merge(
    folders: Annotated[
        list[Path], typer.Argument(parser=user_path, metavar="DIR...", help="Results folders, or folders of one study.")
    ],
    results: Results = Path("results"),
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print what would come in and stop.")] = False,
) -> None:
    """Bring the records of other machines together.

    They go into --results; conflicts are named, and then nothing is copied.

    \b
    Examples:
      resbench merge ../from-machine-2/results
      resbench merge -n ../from-machine-2/results/depth
    """
    from resbench.records.merge import merge as merge_folders

    print("\n".join(merge_folders(folders, results, dry_run)) or "nothing came in")
