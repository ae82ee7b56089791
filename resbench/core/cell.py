"""A cell of a grid: values by dotted path. Values are what YAML and JSON hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from resbench.core.text import show

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | list[Scalar]
Cell: TypeAlias = Mapping[str, Value]
CellKey: TypeAlias = tuple[str, ...]  # the values of a cell as text, in the order of the axes


def contains(values: Iterable[Value], value: Value) -> bool:
    """Whether a value is among others; 1 is not true, and 0 is not false."""
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values)


def matches(cell: Cell, values: Cell) -> bool:
    """Whether a cell has all of these values."""
    return all(path in cell and contains([cell[path]], value) for path, value in values.items())


def cell_key(cell: Cell, axes: Sequence[str]) -> CellKey:
    """The values of a cell as text."""
    return tuple(show(cell[axis]) for axis in axes)


def label(cell: Cell) -> str:
    """`model.depth=34 model.shortcut=none`."""
    return " ".join(f"{path}={value}" for path, value in cell.items())
