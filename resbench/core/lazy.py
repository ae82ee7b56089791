"""Modules that are imported when they are first used, so that commands that train nothing start at once.

A file that needs torch only inside its functions writes

    if TYPE_CHECKING:
        import torch
    else:
        torch = lazy("torch")
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import Any


class _Lazy:
    """A module: it is imported when one of its names is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self._name), name)
        if not name.startswith("_"):
            setattr(self, name, value)  # the next time this function is not asked
        return value

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return lazy, (self._name,)

    def __repr__(self) -> str:
        return f"<module {self._name!r}, imported when it is used>"


def lazy(name: str) -> Any:
    """The module of this name, which is imported when one of its names is first read."""
    return _Lazy(name)


def names_from(module: str, names: Collection[str], reader: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module `reader` that passes on these names of another one, which is imported when one is read."""

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {reader!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)

    return find
