"""All commands, in the order in which they are used."""

from __future__ import annotations

from typing import Annotated

import typer

from resbench.cli import catalogue, measure, run, studies, tune

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train grids of plain and residual networks, keep every result, and report what the data supports.",
)


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from resbench.core.version import __version__

        print(f"resbench {__version__}")
        raise typer.Exit


app.command("run")(run.run)
app.command("plan")(run.plan)
app.command("status")(studies.status)
app.command("report")(studies.report)
app.command("check")(studies.check)
app.command("compare")(studies.compare)
app.command("tune")(tune.tune)
app.command("bench")(measure.bench)
app.command("inspect-init")(measure.inspect_init)
app.command("signal", hidden=True)(measure.inspect_init)  # its name before
app.command("collect")(run.collect)
app.command("merge")(studies.merge)
app.command("doctor")(catalogue.doctor)
app.add_typer(catalogue.ls, name="ls")
