"""Commands that list what there is: ls."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.options import Json, PluginsOf, Results
from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import printable

ls = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List axes, probes, grids, studies, runs and data sets.",
)


@ls.command()
def axes(grid: PluginsOf = None, as_json: Json = False) -> None:
    """Every field that can be set or varied, a line each.

    Its default, what it allows, and what it means, as much as the terminal has room for; `resbench explain NAME` says the
    rest.

    \b
    Examples:
      resbench ls axes
      resbench ls axes --grid my-question.yaml
    """
    from resbench.reference.reference import topics
    from resbench.reference.text import axes_lines

    found = topics(grid)
    if as_json:
        from resbench.cli.lists import axes_output

        print(axes_output().text())
        return
    for line in axes_lines(found, _width()):
        print(line)


@ls.command()
def probes(grid: PluginsOf = None, as_json: Json = False) -> None:
    """What can be measured, and the metrics that claims can be on.

    \b
    Examples:
      resbench ls probes
    """
    from resbench.reference.reference import topics
    from resbench.reference.text import measured_lines

    found = topics(grid)
    if as_json:
        from resbench.cli.lists import probes_output

        print(probes_output().text())
        return
    for line in measured_lines(found, _width()):
        print(line)


@ls.command()
def grids(as_json: Json = False) -> None:
    """The grids that come with resbench, and what they ask.

    \b
    Examples:
      resbench ls grids
    """
    if as_json:
        from resbench.cli.lists import grids_output

        print(grids_output().text())
        return
    from resbench.grid.shipped import shipped_files, shipped_folder
    from resbench.reference.text import cut

    files, width = shipped_files(), _width()
    left = max(map(len, files), default=0)
    for file in files.values():
        print(cut(f"{file.command:4} {file.name:{left}}  {file.question}", width))
    print(
        f"of {shipped_folder()}; e.g. `resbench run quickstart`, or `resbench init --from depth` for a copy to change"
    )


def _width() -> int | None:
    """Of the terminal; None where lines may be as long as they are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@ls.command()
def datasets(as_json: Json = False) -> None:
    """The data sets, which are there, and what the others need.

    \b
    Examples:
      resbench ls datasets
    """
    if as_json:
        from resbench.cli.lists import datasets_output

        print(datasets_output().text())
        return
    from resbench.data.directory import current_directory
    from resbench.data.presence import overview

    print("\n".join(map(printable, overview(current_directory()))))


@ls.command()
def studies(results: Results = Path("results"), as_json: Json = False) -> None:
    """The studies that have records.

    \b
    Examples:
      resbench ls studies --results ../results
    """
    from resbench.records.store import study_names

    if as_json:
        from resbench.cli.lists import StudiesOutput

        print(StudiesOutput(studies=study_names(results)).text())
        return
    for name in study_names(results):
        print(printable(name))


@ls.command()
def schemas(
    command: Annotated[str | None, typer.Argument(help="Such as check or 'ls runs'; by default all of them.")] = None,
) -> None:
    """The JSON Schema of what each command prints with --json.

    \b
    Examples:
      resbench ls schemas judge
    """
    import json

    from resbench.cli.schemas import published

    known = published()
    if command is not None and command not in known:
        raise UserError(f"{command}: prints no JSON; those that do are {', '.join(known)}{suggestion(command, known)}")
    print(json.dumps(known if command is None else known[command], indent=1, ensure_ascii=False))
