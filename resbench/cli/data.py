"""The command data: which datasets are there, what they need, and their download."""

from __future__ import annotations

from typing import Annotated

import typer

from resbench.cli.options import DataDir
from resbench.core.errors import UserError
from resbench.core.text import printable


def data(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[fetch] [NAME]...", help="Names, or paths of data of your own.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Which data sets are there, and what each needs.

    With names, or paths of data of your own, what is known of each; exit 1 if files are missing. `fetch` downloads.

    \b
    Examples:
      resbench data
      resbench data fashion-mnist --data-dir ~/data
      resbench data ../photos
      resbench data fetch torchvision:SVHN
    """
    from resbench.data.directory import current_directory, use_directory
    from resbench.data.presence import details, fetch, named, overview

    use_directory(data_dir)
    directory, names = current_directory(), words or []
    if not names:
        print("\n".join(map(printable, overview(directory))))
    elif names[0] == "fetch":
        if not names[1:]:
            raise UserError("data fetch: which one? For example: resbench data fetch mnist")
        for name in names[1:]:
            for line in fetch(named(name), directory):
                print(printable(line), flush=True)
    else:
        found = [details(named(name), directory) for name in names]
        print("\n\n".join("\n".join(map(printable, lines)) for lines, _ in found))
        if not all(there for _, there in found):
            raise typer.Exit(1)
