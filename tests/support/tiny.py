"""A study of two small runs, done by the real command line."""

from __future__ import annotations

from pathlib import Path

from resbench.core.json_reader import Json
from resbench.records.store import Store
from support.inprocess import resbench

ONE_RUN = """\
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64}
  recipe: {epochs: 1}
"""
GRID = """\
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 200, val_size: 20}
  recipe: {epochs: 2}
axes:
  model.shortcut: [identity, none]
"""


def run_tiny(folder: Path) -> tuple[int, str]:
    """Run the grid in this folder; returns the exit code and what was printed on stderr."""
    (folder / "tiny.yaml").write_text(GRID)
    places = ["--results", folder / "results", "--reports", folder / "reports"]
    code, _, err = resbench("run", folder / "tiny.yaml", "--executor", "serial", "--threads", 1, "-j", 1, *places)
    return code, err


def tiny_store(folder: Path) -> Store:
    return Store(folder / "results" / "tiny")


def tiny_contents(folder: Path) -> dict[str, dict[str, Json]]:
    """Run id -> its record without what the clock and the machine put into it."""
    return {record.id: record.content() for record in tiny_store(folder).records()}


def copy_tiny(source: Path, target: Path) -> Path:
    """Copy the records and the study file; returns the folder."""
    tiny_store(target).folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(tiny_store(source).folder.glob("*.json")):
        (tiny_store(target).folder / path.name).write_bytes(path.read_bytes())
    return target
