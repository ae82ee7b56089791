"""Read a grid file: every mistake is named with its line, all at once, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resbench.core.files import user_file
from resbench.core.yaml_reader import opening_comment
from resbench.grid.grid import Grid
from resbench.grid.parts import KEYS, read_parts
from resbench.grid.source import Source


def read_grid(file: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str | Path] = ()) -> Grid:
    """Read and check a grid file.

    Example:
        >>> import resbench
        >>> grid = resbench.read_grid("ablations/depth.yaml", ["recipe.epochs=1", "seeds=2"])
        >>> grid.name
        'depth'

    Args:
        file: the YAML file.
        overrides: `path=value`; a list makes an axis, `seeds=`, `probes=` and `name=` are allowed too.
        plugins: Python files whose tables extend those of resbench, besides the ones that the file names.

    Raises:
        UserError: one line for every mistake.
    """
    source = Source(user_file(file), overrides)
    text = source.parse()
    root = _root(source)
    if plugins:
        named = root.get("plugins", [])
        root["plugins"] = [*map(str, map(user_file, plugins)), *([named] if isinstance(named, str) else named)]
    parts = read_parts(source, root, Path(file).stem)
    return Grid(
        parts.name,
        base=parts.base,
        axes=parts.axes,
        zips=parts.zips,
        exclude=parts.exclude,
        seeds=parts.seeds,
        looks=parts.looks,
        baseline=parts.baseline,
        published=parts.published,
        theory=parts.theory,
        claims=parts.claims,
        family=parts.family,
        target=parts.target,
        probes=parts.probes,
        labels=parts.labels,
        story=parts.story,
        plugins=parts.plugins,
        metrics=parts.metrics,
        about=opening_comment(text),
        file=source.file,
        overrides=tuple(source.overrides),
        given=parts.expansion,
    )


def _root(source: Source) -> dict[str, Any]:
    """The file as a mapping with known keys."""
    root = source.root("grid", KEYS)
    if "search" in root and {"axes", "zip"}.isdisjoint(root):
        line = source.document.line("search")
        text = f"this is a search file, whose arms are tuned first: `resbench tune {source.file}` runs it"
        source.wrong(line, text)
        source.raise_mistakes()
    for key in root:
        source.key(key, KEYS)
    return root
