"""The command that tunes every arm of a comparison alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.options import (
    DataDir,
    Device,
    Jobs,
    Overrides,
    Reports,
    Results,
    TakeOver,
    exit_if_failed,
    named_grid,
    parse_jobs,
    same_command,
    write_report,
)
from resbench.core.files import user_path, user_storage


def tune(
    search: Annotated[
        str,
        typer.Argument(
            parser=named_grid,
            metavar="SEARCH",
            help="A search file, or the name of one that is shipped: tune-shortcut.",
        ),
    ],
    overrides: Overrides = None,
    jobs: Jobs = "auto",
    storage: Annotated[
        str | None,
        typer.Option(
            parser=user_storage,
            metavar="TEXT",
            help="Where Optuna keeps the trials: a URL, or a journal file; by default next to the records.",
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Of each arm; more than before continues.")] = None,
    export: Annotated[
        Path | None, typer.Option(parser=user_path, metavar="GRID", help="Write the winners as a grid file.")
    ] = None,
    device: Device = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of each trial and run; by default the cores are divided among them."),
    ] = None,
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = None,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print what would be done and stop.")] = False,
    take_over: TakeOver = False,
) -> None:
    """Tune every arm alike, then run the winners on new seeds.

    SEARCH is a search file, or the name of one that comes with resbench. The same command goes on.

    \b
    Examples:
      resbench tune my-search.yaml
      resbench tune tune-shortcut --trials 60 --export winners.yaml
    """
    from resbench.data.directory import use_directory
    from resbench.tuning.reader import load_search
    from resbench.tuning.session import TuneOptions, describe, run_search

    use_directory(data_dir)
    loaded = load_search(search, [*(overrides or []), *([f"trials={trials}"] if trials else [])])
    options = TuneOptions(
        results,
        data_dir,
        device,
        parse_jobs(jobs),
        threads=threads,
        take_over=take_over,
        command=same_command(),
        storage=storage,
        export=export,
    )
    if dry_run:
        print(describe(loaded, options))
        return
    statuses = run_search(loaded, options)
    write_report(results, reports, loaded.name)
    exit_if_failed(statuses.count("failed"))
