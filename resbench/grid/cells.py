"""The cells of a file, checked: combinations that mean nothing, and axes that act in none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.core.cell import Cell, Value
from resbench.grid.expand import Exclusion, Expansion, expand, points
from resbench.grid.source import Source

_MAX_CELLS = 1_000_000


def check_cells(
    source: Source,
    base: Cell,
    axes: dict[str, list[Value]],
    zips: Sequence[dict[str, list[Value]]] = (),
    exclude: Sequence[Exclusion] = (),
) -> Expansion:
    """Expand a grid; what means nothing and is not excluded is a mistake of the file."""
    count = math.prod(map(len, axes.values())) * math.prod(len(next(iter(group.values()))) for group in zips)
    if count > _MAX_CELLS:
        source.wrong(source.document.line("axes"), f"axes: {count} cells are more than {_MAX_CELLS}: split the grid")
        return Expansion()
    expansion = expand(points(axes, zips), base, exclude)
    varying = [*axes, *(path for group in zips for path in group)]
    refused: dict[tuple[int, str], Cell] = {}
    for refusal in expansion.refused:
        if not source.doubtful.keys().isdisjoint(refusal.fields):
            continue  # it may be refused only because another value could not be read
        path = next(
            (path for path in refusal.fields if path in varying),
            next((path for path in refusal.fields if path in source.lines), refusal.fields[0]),
        )
        refused.setdefault((source.lines.get(path, 1), f"{path}: {refusal.text}"), refusal.cell)
    for (line, text), cell in refused.items():
        where = ", ".join(f"{path}={value}" for path, value in cell.items() if path not in text)
        fields = next(refusal.fields for refusal in expansion.refused if refusal.text in text)
        remedy = "; `exclude` can drop such cells" if any(path in varying for path in fields) else ""
        source.wrong(line, text + (f" (first at {where}{remedy})" if where and remedy else ""))
    return expansion


def check_idle(source: Source, expansion: Expansion, paths: Sequence[str]) -> None:
    """An axis that acts in no cell is a mistake: its cells would be one network under several names."""
    for path in paths:
        if why := expansion.idle(path):
            text = f"{path}: acts in no cell: {why}: leave it out, or give it one value in base"
            source.wrong(source.lines.get(path, 1), text)
