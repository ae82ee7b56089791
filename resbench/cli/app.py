"""The command line's root, to which the commands are added."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train grids of plain and residual networks, keep every result, and report what the data supports.",
)
ls = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List what there is: axes, datasets, studies.")
app.add_typer(ls, name="ls")


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        import resbench

        print(f"resbench {resbench.__version__}")
        raise typer.Exit
