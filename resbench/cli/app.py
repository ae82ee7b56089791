"""All commands, in the order in which they are used."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from resbench.cli import catalogue, doctor, explain, measure, remove, run, show, studies, tune, watch


class _Commands(TyperGroup):
    """All commands; a setting that is given as an option is told how it is written."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:  # of the click that typer brings, whichever that is
            given = getattr(error, "option_name", None)
            if isinstance(given, str):
                from resbench.grid.source import FIELDS

                name = given.lstrip("-").replace("-", "_")
                for path in [path for path in FIELDS if path.rpartition(".")[2] == name][:1]:
                    error.message = f"No such option: {given}: settings are written path=value, as in {path}=..."  # type: ignore[attr-defined]
                    error.possibilities = None  # type: ignore[attr-defined]
            raise


app = typer.Typer(
    cls=_Commands,
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
app.command("watch")(watch.watch)
app.command("show")(show.show)
app.command("report")(studies.report)
app.command("check")(studies.check)
app.command("compare")(studies.compare)
app.command("explain")(explain.explain)
app.command("tune")(tune.tune)
app.command("bench")(measure.bench)
app.command("inspect-init")(measure.inspect_init)
app.command("signal", hidden=True)(measure.inspect_init)  # its name before
app.command("collect")(run.collect)
app.command("merge")(studies.merge)
app.command("rm")(remove.rm)
app.command("clean")(remove.clean)
app.command("doctor")(doctor.doctor)
catalogue.ls.command("runs")(show.runs)
app.add_typer(catalogue.ls, name="ls")
