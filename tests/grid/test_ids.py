"""Run ids of the shipped grids are those of every version before: records stay valid, and their runs are not done again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from resbench.core.config import nest
from resbench.grid.reader import read_grid
from resbench.training.run import RunConfig
from resbench.tuning.reader import load_search
from resbench.tuning.winners import confirmation

# grid -> number of its runs, SHA-256 of all ids, one a line, in order, and a sample of cell, seed and id
IDS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("ids.json").read_text())
ROOT = Path(__file__).parents[2]


def runs(name: str) -> list[tuple[str, dict[str, Any], int]]:
    """Id, cell and seed of each run, of every cell on its own; of a search, of the untuned arms."""
    file = ROOT / "ablations" / f"{name}.yaml"
    if name.startswith("tune-"):
        return [(run.id, dict(run.cell), run.seed) for run in confirmation(load_search(file), {}).runs()]
    grid = read_grid(file)
    configs = [RunConfig.model_validate(nest({**grid.base, **cell})).normalised() for cell, _ in grid.cells]
    return [
        (run_id, dict(cell), seed)
        for (cell, _), config in zip(grid.cells, configs, strict=True)
        for seed, run_id in zip(grid.seed_list, config.ids(grid.seed_list), strict=True)
    ]


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


def test_the_plan_has_all_of_these_runs_but_those_of_one_network_under_two_names() -> None:
    merged = {
        name: [[dict(cell) for cell in one.cells] for one in grid.merged]
        for name in IDS
        if not name.startswith("tune-")
        for grid in [read_grid(ROOT / "ablations" / f"{name}.yaml")]
        if [run.id for run in grid.runs()] != [run_id for run_id, _, _ in runs(name)]
    }
    # at depth 10 no unit keeps its shape: the five records of projection stay, and those of identity stand for both
    assert merged == {
        "depth": [[{"model.depth": 10, "model.shortcut": shortcut} for shortcut in ("identity", "projection")]]
    }
