"""Commands that show what is in a results folder: show, and ls runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.grid_files import study_of
from resbench.cli.options import Results, study_folder, warn


def show(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="The id of one of its runs, or a beginning of it.")] = "",
    results: Results = Path("results"),
) -> None:
    """The table of a study again, or all about one run.

    The table is fit to the terminal and has its verdicts. A run is shown with its settings, what differs from the baseline, its history, and its error with the traceback.
    That verdicts were read is kept, as of check. COLUMNS=300 shows more columns.

    \b
    Examples:
      resbench show my-question
      resbench show my-question 3f2a
    """
    from resbench.report.show import show as show_study

    name, _ = study_of(study, results)
    print(show_study(name, run, study_folder(results, name).parent))


def runs(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    results: Results = Path("results"),
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, each with its error.")] = False,
) -> None:
    """The runs of a study: id, state, values, result or error.

    \b
    Examples:
      resbench ls runs my-question --failed
    """
    from resbench.records.run_states import StateReader
    from resbench.records.store import Store
    from resbench.report.live_view import result_text, run_text

    name, _ = study_of(study, results)
    store = Store(study_folder(results, name))
    for run in StateReader(store).read().runs:
        if run.state == "failed" or not failed:
            text = f"  {run.id}  {run.state}: {run_text(run)}".lstrip()
            print(f"{text}: {result_text(run.record)}" if run.record else text)
    warn(store)
