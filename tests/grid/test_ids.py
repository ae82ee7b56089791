"""Run ids of the shipped grids are those of every version before: records stay valid, and their runs are not done again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from resbench.grid.reader import read_grid
from resbench.tuning.reader import load_search
from resbench.tuning.winners import confirmation

# grid -> number of its runs, SHA-256 of all ids, one a line, in order, and a sample of cell, seed and id
IDS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("ids.json").read_text())
ROOT = Path(__file__).parents[2]


def runs(name: str) -> list[tuple[str, dict[str, Any], int]]:
    """Id, cell and seed of each run; of a search, of the untuned arms."""
    file = ROOT / "ablations" / f"{name}.yaml"
    if not name.startswith("tune-"):
        return [(run.id, dict(run.cell), run.seed) for run in read_grid(file).runs()]
    return [(run.id, dict(run.cell), run.seed) for run in confirmation(load_search(file), {}).runs()]


def test_every_shipped_file_has_its_ids() -> None:
    assert sorted(IDS) == sorted(path.stem for path in (ROOT / "ablations").glob("*.yaml"))


@pytest.mark.parametrize("name", IDS)
def test_ids_stay_as_they_are(name: str) -> None:
    planned = runs(name)
    by_id = {run_id: (cell, seed) for run_id, cell, seed in planned}
    for expected in IDS[name]["sample"]:
        assert by_id.get(expected["id"]) == (expected["cell"], expected["seed"])
    ids = [run_id for run_id, _, _ in planned]
    assert len(ids) == IDS[name]["runs"]
    assert hashlib.sha256("\n".join(ids).encode()).hexdigest() == IDS[name]["sha256"]
