"""Commands that remove: rm, clean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.options import Reports, Results, study_folder
from resbench.core.errors import UserError
from resbench.core.files import reports_beside
from resbench.core.text import plural, printable

_Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]


def rm(
    study: Annotated[str, typer.Argument(help="Name of a study.")],
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="The id of one of its runs, or a beginning of it.")] = "",
    results: Results = Path("results"),
    reports: Reports = None,
    yes: _Yes = False,
) -> None:
    """Remove a study with its page, or one run of it.

    Asks first, and refuses while a live process works on it. Saved weights go along.

    \b
    Examples:
      resbench rm my-question
      resbench rm my-question 3f2a
    """
    folder = study_folder(results, study)
    reports = reports or reports_beside(results)
    if run:
        _rm_run(folder, reports, run, yes)
    else:
        _rm_study(folder, reports, yes)


def _rm_study(folder: Path, reports: Path, yes: bool) -> None:
    from resbench.records.removing import check_removable, remove_study
    from resbench.records.store import Store
    from resbench.report.removing import page_of, remove_pages

    check_removable(folder)
    page = page_of(reports, folder.name)
    pages = [page] if page else []
    records = plural(len(Store(folder).ids()), "record")
    what = f"{folder} ({records}, {_size(folder)}){''.join(f' and its page {one} ({_size(one)})' for one in pages)}"
    _ask(what, yes)
    remove_study(folder)
    remove_pages(folder.parent, reports, pages)
    print(printable(f"removed {what}"))


def _rm_run(folder: Path, reports: Path, beginning: str, yes: bool) -> None:
    from resbench.records.removing import check_free, remove_run
    from resbench.records.run_states import StateReader
    from resbench.records.store import Store
    from resbench.report.live_view import run_text
    from resbench.report.removing import remove_run_page
    from resbench.report.show_run import find_run

    store = Store(folder)
    run = find_run(folder.name, StateReader(store).read(), beginning)
    check_free(folder, run.id)
    what = f"run {run.id} of {folder.name} ({run_text(run)}: {run.state})"
    _ask(what, yes)
    remove_run(store, run.id)
    remove_run_page(folder.parent, reports, folder.name, run.id)
    print(printable(f"removed {what}; `resbench report {folder.name}` brings its page up to date"))


def _ask(what: str, yes: bool) -> None:
    """Go on only if the user agrees.

    Raises:
        UserError: there is no one to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"rm: {what} would be removed for good: add --yes, as there is no terminal to ask")
    if not typer.confirm(printable(f"remove {what} for good?"), err=True):
        raise typer.Exit(1)


def _size(folder: Path) -> str:
    """`12 files, 1.4 MB`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return f"{plural(len(files), 'file')}, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB"


def clean(
    results: Results = Path("results"),
    reports: Reports = None,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print what would be removed and stop.")] = False,
) -> None:
    """Remove what crashes left, and pages without a study.

    Also locks that no process holds; it says what it removes. A study on which a live process works is left alone; records never go.

    \b
    Examples:
      resbench clean -n
    """
    from resbench.records.removing import leftovers, remove_leftover
    from resbench.records.store import Store, study_names
    from resbench.report.removing import orphan_pages, remove_pages

    reports = reports or reports_beside(results)
    paths = [path for name in study_names(results) for path in leftovers(Store(results / name))]
    pages = orphan_pages(results, reports)
    for path in paths if not dry_run else ():
        remove_leftover(path)
    if not dry_run:
        remove_pages(results, reports, pages)
    for path in [*paths, *pages]:
        print(printable(f"{'would remove' if dry_run else 'removed'} {path}"))
    if not paths and not pages:
        print("nothing to clean")
