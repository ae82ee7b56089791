"""Which part of a residual network makes depth trainable? Grids of small networks, from a file to a figure.

`run` does the runs of a grid, which is a file or a `Grid`; `load` gives their records as a frame, `history` their epochs,
`predictions` their test images, `network` a trained network; `show`, `report`, `check` and `compare` say what they
support, and `judge` says it of two files of results that other programs have made. `train` and `build` are one run and one
network.
"""

from __future__ import annotations

import sys

# `python -m resbench` looks for modules in the working folder first: a checkout in it is meant, never a random.py
if (
    sys.argv[:1] == ["-m"]
    and "runpy" in sys.modules  # not yet while a sitecustomize.py is imported
    and "resbench" in sys.orig_argv[-len(sys.argv)]
    and not sys.flags.safe_path
    and f"{sys.path[0]}/resbench" not in __path__
):
    del sys.path[0]

import importlib
from typing import TYPE_CHECKING, Any

from resbench.core.version import __version__ as __version__

if TYPE_CHECKING:
    from resbench.core.errors import UserError
    from resbench.execution.api import run
    from resbench.execution.bench import bench
    from resbench.execution.networks import network
    from resbench.execution.plan import plan
    from resbench.grid.grid import Grid
    from resbench.grid.reader import read_grid
    from resbench.model import ModelConfig, build
    from resbench.records.claim import Claim
    from resbench.records.store import load
    from resbench.report.api import check, compare, report
    from resbench.report.judging.api import judge
    from resbench.report.long_frames import history, predictions
    from resbench.report.show import show
    from resbench.training.run import RunConfig
    from resbench.training.train import train
    from resbench.tuning.session import tune

__all__ = [
    "Claim",
    "Grid",
    "ModelConfig",
    "RunConfig",
    "UserError",
    "bench",
    "build",
    "check",
    "compare",
    "history",
    "judge",
    "load",
    "network",
    "plan",
    "predictions",
    "read_grid",
    "report",
    "run",
    "show",
    "train",
    "tune",
]

_MODULES = {
    "Claim": "records.claim",
    "Grid": "grid.grid",
    "ModelConfig": "model",
    "RunConfig": "training.run",
    "UserError": "core.errors",
    "bench": "execution.bench",
    "build": "model",
    "check": "report.api",
    "compare": "report.api",
    "judge": "report.judging.api",
    "history": "report.long_frames",
    "load": "records.store",
    "network": "execution.networks",
    "plan": "execution.plan",
    "predictions": "report.long_frames",
    "read_grid": "grid.reader",
    "report": "",  # the package of this name, which can be called
    "run": "execution.api",
    "show": "report.show",
    "train": "training.train",
    "tune": "tuning.session",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `resbench --help` must not wait for torch."""
    if name not in _MODULES:
        raise AttributeError(f"module 'resbench' has no attribute {name!r}")
    if not _MODULES[name]:
        return importlib.import_module(f"resbench.{name}")
    return getattr(importlib.import_module(f"resbench.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
