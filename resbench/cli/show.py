"""Commands that show what is in a results folder: show, and ls runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.cli.grid_files import study_of
from resbench.cli.options import Json, Results, study_folder, warn

if TYPE_CHECKING:
    from resbench.core.output import Output


def show(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="The id of one of its runs, or a beginning of it.")] = "",
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """The table of a study again, or all about one run.

    The table is fit to the terminal and has its verdicts. A run is shown with its settings, what differs from the baseline, its history, and its error with the traceback.
    That verdicts were read is kept, as of check. COLUMNS=300 shows more columns.

    \b
    Examples:
      resbench show my-question
      resbench show my-question 3f2a
    """
    name, _ = study_of(study, results)
    folder = study_folder(results, name).parent
    if as_json:
        print(_output(folder, name, run).text())
        return
    from resbench.report.show import show as show_study

    print(show_study(name, run, folder))


def _output(folder: Path, name: str, run: str) -> Output:
    from resbench.report.outputs.studies import run_output, show_output

    if not run:
        from resbench.report.show import read_study

        return show_output(read_study(folder, name))
    from resbench.records.run_states import StateReader
    from resbench.records.store import Store
    from resbench.report.show_run import find_run

    store = Store(folder / name)
    state = StateReader(store).read()
    found = find_run(name, state, run)
    return run_output(name, found, store.path(found.id), state.file.baseline if state.file else {})


def runs(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    results: Results = Path("results"),
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, each with its error.")] = False,
    as_json: Json = False,
) -> None:
    """The runs of a study: id, state, values, result or error.

    On a terminal an error is cut to a line; `resbench show STUDY RUN` has all of it.

    \b
    Examples:
      resbench ls runs my-question --failed
    """
    from resbench.records.run_states import StateReader
    from resbench.records.store import Store
    from resbench.report.live_view import result_text, run_text

    name, _ = study_of(study, results)
    store = Store(study_folder(results, name))
    found = [run for run in StateReader(store).read().runs if run.state == "failed" or not failed]
    if as_json:
        from resbench.cli.lists import runs_output

        print(runs_output(name, found).text())
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    for run in [] if as_json else found:
        text = f"{run.id}  {run.state}: {run_text(run)}"
        line = f"{text}: {result_text(run.record)}" if run.record else text
        print(line if len(line) <= width else f"{line[: width - 1]}…")
    warn(store)
