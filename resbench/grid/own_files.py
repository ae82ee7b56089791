"""What a grid or search file loads: its plug-ins and probes, and where the files are that it names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.own_code import is_open, open_home
from resbench.core.places import Home, current_home
from resbench.grid.source import Source
from resbench.records.metrics import BUILT_IN_PROBES, NEED_UNITS, PROBES
from resbench.training.run import RunConfig


def home_of(file: str, plugins: Iterable[str]) -> Home:
    """Where the files are that a grid file, or a grid in Python, names.

    Args:
        file: the grid file; empty in Python, where relative paths start at the working folder.
        plugins: their paths as they are written.
    """
    folder = Path(file).absolute().parent if file else Path.cwd()
    return Home(folder, tuple(folder / user_path(path) for path in plugins))


def read_plugins(source: Source, value: Any, line: int) -> tuple[str, ...]:
    """Load the plug-ins; returns their paths as they are written. What is wrong with one is a mistake of the file."""
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        source.wrong(line, f"plugins: {value!r} should be a list of Python files, such as [my_layers.py]")
        return ()
    good: list[str] = []
    for path in paths:
        try:
            open_home(home_of(source.file, [*good, path]))
            good.append(path)
        except UserError as error:
            source.wrong(line, f"plugins: {error.lines[0]}")
    return tuple(good)


def check_probes(source: Source, probes: Iterable[str], configs: Iterable[RunConfig]) -> None:
    """Probes that look at units need networks that have them."""
    wanted = [name for name in probes if name in NEED_UNITS]
    lacking = next((config for config in configs if not config.offers_units), None) if wanted else None
    if lacking:
        text = (
            f"{' and '.join(wanted)} look{'s' * (len(wanted) == 1)} at the units of a network: {lacking.without_units}"
        )
        source.wrong(source.document.line("probes"), f"probes: {text}")


def read_probes(source: Source, value: Any, line: int) -> tuple[str, ...]:
    """The chosen probes in the order of their table; `none` is none of them."""
    home = current_home()
    own = [name for name, origin in PROBES.origins.items() if not home or is_open(origin.source, home)]
    known, names = [*BUILT_IN_PROBES, *own], [] if value == "none" else value
    if not isinstance(names, list):
        source.wrong(line, f"probes: {value!r} should be a list of {', '.join(known)}, or none")
        return ()
    for name in names:
        if not isinstance(name, str) or name not in known:
            source.wrong(line, f"probes: {name!r} is not one of {', '.join(known)}{suggestion(name, known)}")
    return tuple(name for name in known if name in names)
