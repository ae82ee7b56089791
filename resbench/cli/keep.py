"""Commands that hand out what runs left: weights, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.grid_files import study_of
from resbench.cli.options import DataDir, Results, study_folder, warn
from resbench.core.files import user_path
from resbench.core.text import printable


def weights(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of one of its runs, or a beginning of it.")],
    which: Annotated[
        str | None,
        typer.Option(metavar="last|best", help="After the last epoch, or after the best; by default those tested."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=user_path, metavar="FILE", help="Copy it to this file, or into this folder, too."),
    ] = None,
    results: Results = Path("results"),
    data_dir: DataDir = None,
) -> None:
    """The trained weights of a run, as a safetensors file.

    Its path is printed. They are what `run --save-weights` saved, else the run is trained again with its recorded settings and threads. Either way
    they are those of the record, by their digest; where they would be others, that is said and the exit code is 1.

    \b
    Examples:
      resbench weights depth 3f2a
      resbench weights depth 3f2a --out network.safetensors
    """
    from resbench.core.files import replace
    from resbench.execution.networks import saved
    from resbench.execution.saved_weights import check_which
    from resbench.records.store import Store

    check_which(which, "--which")
    name, _ = study_of(study, results)
    store = Store(study_folder(results, name))
    _, path = saved(store, run, which, data_dir)  # type: ignore[arg-type]  # it is checked
    warn(store)
    if out:
        out = out / path.name if out.is_dir() else out
        out.parent.mkdir(parents=True, exist_ok=True)
        replace(out, path.read_bytes(), out.parent)
    print(printable(str(out or path)))


def export(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    to: Annotated[str, typer.Option(metavar="TOOL", help="csv, parquet, tensorboard, mlflow or wandb (offline).")],
    out: Annotated[
        Path | None, typer.Option(parser=user_path, metavar="DIR", help="By default exports/STUDY/TOOL.")
    ] = None,
    results: Results = Path("results"),
    every: Annotated[bool, typer.Option("--all", help="Runs that are no longer in the grid too.")] = False,
) -> None:
    """The records of a study for other tools.

    csv and parquet are three tables: runs, history (one row per run and epoch) and predictions (per run and test image). The
    others need an extra, as in pip install 'resbench[mlflow]'. Nothing is sent anywhere.

    \b
    Examples:
      resbench export depth --to csv
      resbench export depth --to tensorboard --out board
    """
    from resbench.records.store import Store
    from resbench.report.export.export import check_target
    from resbench.report.export.export import export as write

    check_target(to)
    name, _ = study_of(study, results)
    store = Store(study_folder(results, name))
    for line in write(store, to, out or Path("exports") / name / to, every):
        print(printable(line))
    warn(store)
