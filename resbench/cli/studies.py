"""Commands on the studies of a results folder: status, report, check, compare, merge."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from resbench.cli.grid_files import changes_of, study_of
from resbench.cli.options import DataDir, Json, Reports, Results, study_folder, warn
from resbench.core.errors import UserError
from resbench.core.files import reports_beside, user_path
from resbench.core.text import printable


def status(
    study: Annotated[
        str | None, typer.Argument(help="Name of a study, or its grid file; all of them by default.")
    ] = None,
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """How far each study is, and how to go on.

    \b
    Examples:
      resbench status
      resbench status my-question
    """
    from resbench.cli.study_status import StatusOutput, study_status
    from resbench.records.store import Store, study_names

    if study:
        study, _ = study_of(study, results)
    found = []
    for name in [study] if study else study_names(results):
        store = Store(study_folder(results, name))
        try:
            found.append(study_status(name, store))
            if not as_json:
                print("\n".join(map(printable, found[-1].lines())))
        except UserError as error:
            if study:
                raise
            print("\n".join(error.lines), file=sys.stderr)
        warn(store)
    if as_json:
        print(StatusOutput(studies=found).text())


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
        from resbench.data.dataset import Dataset, read_dataset, sha256_of
        from resbench.data.datasets import DATASETS

        entry = DATASETS.get(dataset)
        if not isinstance(entry, Dataset):
            return None
        images, labels = read_dataset(entry, dataset, data_dir, False)
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
    as_json: Json = False,
) -> None:
    """The verdict on each claim; exit 0 if all are supported.

    Else 1. That the verdicts were read is kept, as seeds that are added afterwards have to count it.

    \b
    Examples:
      resbench check my-question
    """
    from resbench.report.check import checked

    name, path = study_of(study, results)
    found = changes_of(name, results, path) if (results / name).is_dir() else None
    if found and found.note:
        print(printable(found.note), file=sys.stderr)
    verdicts = checked(results, name, found.file if found else None)
    if as_json:
        from resbench.report.outputs.studies import check_output

        print(check_output(verdicts).text())
    else:
        print("\n".join(verdicts.lines))
    if not verdicts.supported:
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
    as_json: Json = False,
) -> None:
    """Differences between cells, also those that no claim names.

    Cells against the ones that differ only in having the values of --to: difference, interval, p. To explore: that p
    was read is not kept, so it does not hold if seeds are added because of it; a claim does that.

    \b
    Examples:
      resbench compare my-question --to model.shortcut=none
      resbench compare my-question --to model.shortcut=none --at model.depth=34 --on train_loss
    """
    from resbench.report.check import compared

    found = compared(results, study_of(study, results)[0], to, arm or [], at or [], on, margin)
    if as_json:
        from resbench.report.outputs.studies import compare_output

        print(compare_output(found).text())
    else:
        print("\n".join(found.lines))


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
