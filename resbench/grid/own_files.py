"""What a grid or search file loads: its plug-ins and probes, and where the files are that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.own_code import is_open, open_home
from resbench.core.places import Home, current_home
from resbench.grid.source import Source
from resbench.records.metrics import BUILT_IN_PROBES, NEED_UNITS, PROBES, Metric, add_metrics
from resbench.training.run import RunConfig

_METRICS = "{auc: {better: higher, words: area under the curve}}"


def home_of(file: str, plugins: Iterable[str]) -> Home:
    """Where the files are that a grid file, or a grid in Python, names.

    Args:
        file: the grid file; empty in Python, where relative paths start at the working folder.
        plugins: their paths as they are written.
    """
    folder = Path(file).absolute().parent if file else Path.cwd()
    return Home(folder, tuple(folder / user_path(path) for path in plugins))


def read_plugins(source: Source, value: Any, line: int) -> tuple[str, ...]:
    """Load the plug-ins; returns their paths as they are written. What is wrong with one is a mistake of the file.

    Raises:
        UserError: one cannot be loaded; one line for each mistake so far.
    """
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
    if len(good) < len(paths):  # the values of the rest may be theirs
        source.raise_mistakes()
    return tuple(good)


def check_probes(source: Source, probes: Iterable[str], configs: Iterable[RunConfig]) -> None:
    """Probes look into networks that resbench trains; those that look at units need networks that have them."""
    probes, configs = list(probes), list(configs)
    foreign = next((config.trainer.name for config in configs if config.trainer.given), "")
    if probes and foreign:
        text = f"{', '.join(probes)}: they look into the training of resbench, and {foreign} trains: leave them out"
        source.wrong(source.document.line("probes"), f"probes: {text}")
        return
    wanted = [name for name in probes if name in NEED_UNITS]
    lacking = next((config for config in configs if not config.offers_units), None) if wanted else None
    if lacking:
        text = (
            f"{' and '.join(wanted)} look{'s' * (len(wanted) == 1)} at the units of a network: {lacking.without_units}"
        )
        source.wrong(source.document.line("probes"), f"probes: {text}")


def read_trainer(source: Source, value: Any, base: Mapping[str, Any]) -> dict[str, Any]:
    """`trainer:` of a file as values of its base: `my.py:train`, or a mapping with entry or command, metrics and args."""
    if value is None or value == "none":
        return {}
    line = source.document.line("trainer")
    if not isinstance(value, str | dict):
        source.wrong(line, f"trainer: {value!r} should be FILE.py:FUNCTION, or a mapping with command and metrics")
        return {}
    given = source.values({"trainer": value if isinstance(value, dict) else {"entry": value}})
    for path in given:
        source.lines[path] = line
        if path in base:
            source.wrong(line, f"{path}: stands in base and under trainer: keep one")
    return given


def read_metrics(source: Source, value: Any) -> list[Metric]:
    """The metrics that a user's training code returns, and that claims may be made on: `{auc: {better: higher}}`."""
    line = source.document.line("metrics")
    if not isinstance(value, dict):
        source.wrong(line, f"metrics: {value!r} should be a mapping, such as {_METRICS}")
        return []
    read = [_metric(source, name, entry, source.document.line("metrics", name)) for name, entry in value.items()]
    rows = [row for row in read if row]
    try:
        add_metrics(rows)
    except UserError as error:
        source.wrong(line, f"metrics: {error.lines[0]}")
    return rows


def _metric(source: Source, name: str, entry: Any, line: int) -> Metric | None:
    given = {} if entry is None else {"better": entry} if isinstance(entry, str) else entry
    if not name.isidentifier():
        source.wrong(line, f"metrics: {name!r} should be a name, of letters, digits and _")
    elif not isinstance(given, dict) or not set(given) <= {"better", "words", "proportion"}:
        source.wrong(line, f"metrics: {name}: {entry!r} should have the keys better, words, proportion: {_METRICS}")
    elif given.get("better", "lower") not in ("lower", "higher"):
        source.wrong(line, f"metrics: {name}: better: {given['better']!r} should be lower or higher")
    elif not isinstance(words := given.get("words", name.replace("_", " ")), str) or not words.strip():
        source.wrong(line, f"metrics: {name}: words: {words!r} should be what a reader calls it")
    elif not isinstance(proportion := given.get("proportion", False), bool):
        source.wrong(
            line, f"metrics: {name}: proportion: {proportion!r} should be true for a share from 0 to 1, or false"
        )
    else:
        about = f"{words.strip()}, as the training code of a grid file returns it."
        return Metric(name, words.strip(), given.get("better", "lower"), proportion, about=about)
    return None


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
