"""All topics: from the code, or as they were kept when it was the same, so that a command need not import torch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import TypeAdapter, ValidationError

from resbench.core.files import replace, user_file
from resbench.core.own_code import GROUP, load_plugin, open_home
from resbench.core.version import source_hash
from resbench.records.metrics import METRICS, is_built_in
from resbench.reference.topic import Topic


@dataclass(frozen=True)
class _Kept:
    """Topics, and the hash of the code that they are of."""

    source: str
    topics: list[Topic]


_KEPT = TypeAdapter(_Kept)


def topics(grid: str | None = None) -> list[Topic]:
    """Every field, value, probe, metric, key of a grid file and verdict, with those of installed plug-ins.

    Args:
        grid: a grid or search file, whose plug-ins count too, or a plug-in.

    Raises:
        UserError: a plug-in cannot be loaded.
    """
    if grid or entry_points(group=GROUP):
        _open(grid)
        return build()
    file = _file()
    kept = _read(file) if file else None
    if kept and kept.source == source_hash():
        return kept.topics
    built = _Kept(source_hash(), build())
    if file and all(map(is_built_in, METRICS)):  # another command of this process may have added some
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace(file, _KEPT.dump_json(built), file.parent)
    return built.topics


def build() -> list[Topic]:
    """The same from the code, which imports torch."""
    from resbench.reference.fields import field_topics
    from resbench.reference.measured import metric_topics, probe_topics
    from resbench.reference.words import key_topics, verdict_topics

    return [*field_topics(), *probe_topics(), *metric_topics(), *key_topics(), *verdict_topics()]


def _open(grid: str | None) -> None:
    """Load the plug-ins."""
    from resbench.grid.own_files import read_plugins  # with all tables, which plug-ins extend
    from resbench.grid.source import Source

    open_home(None)
    if grid and Path(grid).suffix == ".py":
        load_plugin(str(Path(user_file(grid)).absolute()))
    elif grid:
        source = Source(user_file(grid))
        source.parse()
        root = source.document.value
        read_plugins(source, root.get("plugins", []) if isinstance(root, dict) else [], source.document.line("plugins"))
        source.raise_mistakes()


def _read(file: Path) -> _Kept | None:
    try:
        return _KEPT.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _file() -> Path | None:
    """Where topics are kept; None for a user without a home."""
    try:
        return user_cache_path("resbench") / "reference.json"
    except RuntimeError:
        return None
