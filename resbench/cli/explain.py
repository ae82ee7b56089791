"""The command explain: what a name means."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from resbench.cli.options import PluginsOf


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A field (model.unit, unit), a value (model.unit=preact, preact), a probe, a metric, a key (claims.margin, margin) or a verdict (mixed).",
        ),
    ],
    grid: PluginsOf = None,
) -> None:
    """What a name means: field, value, metric, key, verdict.

    With its paper, default and bounds, when it acts, what it cannot be combined with, and which shipped study has it.

    \b
    Examples:
      resbench explain model.unit
      resbench explain model.unit=preact
      resbench explain fixup
      resbench explain probe.sharpness
      resbench explain margin
      resbench explain mixed
      resbench explain my_value --grid my-question.yaml
    """
    from resbench.reference.reference import topics
    from resbench.reference.text import as_text
    from resbench.reference.topic import find

    known = topics(grid)
    path, equals, value = what.partition("=")
    fields = [topic for topic in known if topic.kind == "field" and path in (topic.name, *topic.short_names)]
    if equals and len(fields) == 1 and not fields[0].items:
        from resbench.reference.fields import about_value

        print(f"{fields[0].name}={value}: {about_value(fields[0].name, value)}\n")
        what = fields[0].name
    print(as_text(find(known, what), shutil.get_terminal_size().columns))
