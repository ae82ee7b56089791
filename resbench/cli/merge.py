"""The command that brings the results of several machines together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.app import app
from resbench.cli.options import Results


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Results folders, or folders of one study.")],
    results: Results = Path("results"),
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Tell what would come in and stop.")] = False,
) -> None:
    """Bring records of other machines into --results; conflicts are named, and then nothing is copied."""
    from resbench.records.merge import merge as merged

    print("\n".join(merged(folders, results, dry_run)) or "nothing came in")
