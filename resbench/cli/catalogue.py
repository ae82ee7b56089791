"""Commands that list what there is: ls."""

from __future__ import annotations

from pathlib import Path

import typer

from resbench.cli.options import Results
from resbench.core.text import printable

ls = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List what there is: axes, datasets, studies.")


@ls.command()
def axes() -> None:
    """Every field that a grid file can set or vary, its default, and what it allows."""
    from resbench.core.config import names_of
    from resbench.grid.source import FIELDS
    from resbench.training.run import RunConfig

    default = RunConfig().model_dump()
    for path, adapter in FIELDS.items():
        section, name = path.split(".")
        schema = adapter.json_schema()
        choices = schema.get("anyOf", [schema])
        kind = ", ".join(names_of(adapter)) or " or ".join(str(each.get("const", each.get("type"))) for each in choices)
        print(f"{path:26} {default[section][name]!s:10} {kind}")


@ls.command()
def datasets() -> None:
    """The datasets, and which need files."""
    from resbench.data.datasets import DATASETS

    for name, source in DATASETS.items():
        print(f"{name:14} {source.about}{'; from --data-dir, else downloaded' if source.remote else ''}")


@ls.command()
def probes() -> None:
    """What can be measured during training, and which numbers claims can be made on."""
    from resbench.probes.table import PROBES
    from resbench.records.metrics import PROBED

    for name, probe in PROBES.items():
        about = (probe.measure.__doc__ or "").split("\n")[0]
        print(f"{name:10} {100 * probe.share:.1f} % of the training work; {', '.join(PROBED[name])}: {about}")


@ls.command()
def studies(results: Results = Path("results")) -> None:
    """The studies that have records."""
    from resbench.records.store import study_names

    for name in study_names(results):
        print(printable(name))
