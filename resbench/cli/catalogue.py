"""Commands that list what there is: ls."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import typer

from resbench.cli.options import PluginsOf, Results
from resbench.core.text import printable

ls = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List axes, probes, grids, studies, runs and data sets.",
)


@ls.command()
def axes(grid: PluginsOf = None) -> None:
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

    for line in axes_lines(topics(grid), _width()):
        print(line)


@ls.command()
def probes(grid: PluginsOf = None) -> None:
    """What can be measured, and the metrics that claims can be on.

    \b
    Examples:
      resbench ls probes
    """
    from resbench.reference.reference import topics
    from resbench.reference.text import measured_lines

    for line in measured_lines(topics(grid), _width()):
        print(line)


@ls.command()
def grids() -> None:
    """The grids that come with resbench, and what they ask.

    \b
    Examples:
      resbench ls grids
    """
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
def datasets() -> None:
    """The data sets, and which need files.

    \b
    Examples:
      resbench ls datasets
    """
    from resbench.data.datasets import DATASETS

    for name, source in DATASETS.items():
        print(f"{name:14} {source.about}{'; from --data-dir, else downloaded' if source.remote else ''}")


@ls.command()
def studies(results: Results = Path("results")) -> None:
    """The studies that have records.

    \b
    Examples:
      resbench ls studies --results ../results
    """
    from resbench.records.store import study_names

    for name in study_names(results):
        print(printable(name))
