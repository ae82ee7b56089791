"""`resbench export`: which tool, where to, and what it needs."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import plural
from resbench.records.store import Store
from resbench.report.export.exported import exported_runs

# name -> the package that it needs, which has the extra of that name bring it; and the module that writes
_TOOLS = {
    "tensorboard": "resbench.report.export.to_tensorboard",
    "mlflow": "resbench.report.export.to_mlflow",
    "wandb": "resbench.report.export.to_wandb",
}
_NEEDS = {"parquet": "pyarrow"} | {name: name for name in _TOOLS}
# read when they are imported: their use is reported to no server
_SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "DO_NOT_TRACK": "true"}
TARGETS = ("csv", "parquet", *_TOOLS)


def check_target(to: str) -> None:
    """Refuse what is no target, and one whose package is not here.

    Raises:
        UserError: and what to use, or to install.
    """
    if to not in TARGETS:
        raise UserError(f"--to {to}: use one of {', '.join(TARGETS)}{suggestion(to, TARGETS)}")
    package = _NEEDS.get(to)
    if package and not importlib.util.find_spec(package):
        raise UserError(f"--to {to}: needs {package}: pip install 'resbench[{to}]'")


def export(store: Store, to: str, out: Path, all: bool = False) -> list[str]:
    """Write the records of a study for another tool; returns what was written, and what to do with it, in lines.

    Args:
        to: one of `TARGETS`.
        out: the folder; tables in it are replaced, for other tools it must be new or empty.
        all: runs of earlier grids too.

    Raises:
        UserError: nothing to export, a package is missing, or something is in the folder.
    """
    check_target(to)
    runs = exported_runs(store, all)
    if not runs:
        raise UserError(f"{store.folder}: no records to export")
    if to in ("csv", "parquet"):
        from resbench.report.export import tables

        return [str(path) for path in (tables.to_csv if to == "csv" else tables.to_parquet)(store, out, all)]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: something is there: remove it, or give another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    os.environ.update(_SILENT)
    command = importlib.import_module(_TOOLS[to]).write(runs, store.folder.name, out)
    return [f"{plural(len(runs), 'run')} in {out}", f"next: {command}"]
