"""Which part of a residual network makes depth trainable? Grids of small networks, from a file to a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Grid", "UserError", "load", "run"]

if TYPE_CHECKING:
    from resbench.core.errors import UserError
    from resbench.execution.session import run
    from resbench.grid.grid import Grid
    from resbench.records.store import load

_HOME = {"Grid": "grid.grid", "UserError": "core.errors", "load": "records.store", "run": "execution.session"}


def __getattr__(name: str) -> Any:
    """Import on first use: `resbench --help` must not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'resbench' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"resbench.{_HOME[name]}"), name)
