"""All commands, in groups, in the order in which they are used."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from resbench.cli import (
    catalogue,
    data,
    doctor,
    explain,
    init,
    judge,
    keep,
    measure,
    plan,
    remove,
    run,
    show,
    studies,
    tune,
    watch,
)

ASK, LOOK, JUDGE, MACHINES, HOUSEKEEPING = "Ask", "Look", "Judge", "Machines", "Housekeeping"
GROUPS = (ASK, LOOK, JUDGE, MACHINES, HOUSEKEEPING, "More")  # the last has those that name none


class _Commands(TyperGroup):
    """All commands in their groups; a setting that is given as an option is told how it is written."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        shown = {name: command for name, command in self.commands.items() if not command.hidden}
        left = max(map(len, shown))
        for group in GROUPS:
            rows = [
                (f"{name:{left}}", command.get_short_help_str(formatter.width - 6 - left))
                for name, command in shown.items()
                if (getattr(command, "rich_help_panel", None) or GROUPS[-1]) == group
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)

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
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and the revision.")] = False,
) -> None:
    if version:
        from resbench.core.version import __version__, revision

        code, changed = revision()
        print(f"resbench {__version__}, revision {code}{' (changed)' if changed else ''}")
        raise typer.Exit


app.command("init", rich_help_panel=ASK)(init.init)
app.command("plan", rich_help_panel=ASK)(plan.plan)
app.command("run", rich_help_panel=ASK)(run.run)
app.command("tune", rich_help_panel=ASK)(tune.tune)
app.command("explain", rich_help_panel=ASK)(explain.explain)
app.command("status", rich_help_panel=LOOK)(studies.status)
app.command("watch", rich_help_panel=LOOK)(watch.watch)
app.command("show", rich_help_panel=LOOK)(show.show)
app.command("report", rich_help_panel=LOOK)(studies.report)
catalogue.ls.command("runs")(show.runs)
app.add_typer(catalogue.ls, name="ls", rich_help_panel=LOOK)
app.command("check", rich_help_panel=JUDGE)(studies.check)
app.command("compare", rich_help_panel=JUDGE)(studies.compare)
app.command("judge", rich_help_panel=JUDGE)(judge.judge)
app.command("bench", rich_help_panel=MACHINES)(measure.bench)
app.command("inspect-init", rich_help_panel=MACHINES)(measure.inspect_init)
app.command("signal", hidden=True)(measure.inspect_init)  # its name before
app.command("data", rich_help_panel=MACHINES)(data.data)
app.command("doctor", rich_help_panel=MACHINES)(doctor.doctor)
app.command("collect", rich_help_panel=MACHINES)(run.collect)
app.command("merge", rich_help_panel=MACHINES)(studies.merge)
app.command("weights", rich_help_panel=LOOK)(keep.weights)
app.command("export", rich_help_panel=LOOK)(keep.export)
app.command("rm", rich_help_panel=HOUSEKEEPING)(remove.rm)
app.command("clean", rich_help_panel=HOUSEKEEPING)(remove.clean)
