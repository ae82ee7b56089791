"""What becomes of the winners: an ordinary study on fresh seeds, and a grid file of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.searches import SEARCH, TUNING_HELPS, load, options_of

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.tuning.export import check_target, export, write_winners
from resbench.tuning.reader import load_search
from resbench.tuning.session import run_search
from resbench.tuning.winners import confirmation

WINNERS = {
    "model.shortcut=identity": {"recipe.lr": 0.123456789012345, "model.dropout": 0.3},
    "model.shortcut=none": {"recipe.lr": 1e-2, "model.dropout": 0.0},
}


def test_no_seed_of_a_trial_is_one_of_its_confirmation(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "seeds.search=3", "seeds.confirm=4")
    assert confirmation(search, {}).seed_list == [3, 4, 5, 6]


def test_an_arm_without_a_winner_is_run_untuned_alone(tmp_path: Path) -> None:
    search = load(tmp_path)
    grid = confirmation(search, {"model.shortcut=none": WINNERS["model.shortcut=none"]})
    assert [cell for cell, _ in grid.cells] == [
        {"model.shortcut": "identity", "tuning": "untuned"},
        {"model.shortcut": "none", "tuning": "untuned"},
        {"model.shortcut": "none", "tuning": "tuned"},
    ]


def test_a_winner_with_the_values_of_the_base_is_in_both_cells(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "model.dropout=0.0", "seeds.confirm=2")
    grid = confirmation(search, {"model.shortcut=identity": {"recipe.lr": 0.1}})
    assert len(grid.study().runs) == 4 and len(grid.runs()) == 2


def test_the_study_of_the_shipped_search_is_what_it_was() -> None:
    """From the trials that are kept: the same as when they were made, but for when its claims were stated."""
    folder = Path("results/tune-shortcut")
    trials = json.loads((folder / "trials.json").read_text())
    winners = {arm["label"]: arm["tuned"] for arm in trials["arms"]}
    study = confirmation(load_search("ablations/tune-shortcut.yaml"), winners).study()
    assert study.command == "tune" and study.search and study.search.trials == 24
    kept = json.loads((folder / "study.json").read_text())
    assert study.to_json() == {key: said for key, said in kept.items() if key not in ("stated", "late")}


def test_an_exported_grid_trains_what_the_search_found(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "probes=[gradients]")
    (tmp_path / "g.yaml").write_text(export(search, WINNERS))
    ours = {run.id for run in confirmation(search, WINNERS).runs() if run.cell["tuning"] == "tuned"}
    grid = read_grid(tmp_path / "g.yaml")
    assert {run.id for run in grid.runs()} == ours and list(grid.probes) == ["gradients"]


def test_an_export_is_refused_before_the_search_and_says_what_it_lacks(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH + TUNING_HELPS)
    (tmp_path / "mine.yaml").write_text("axes: {model.depth: [10, 16]}\n")
    for name, part in [
        ("nodir/w.yaml", f"there is no folder {tmp_path / 'nodir'}: make it first"),
        ("tiny.yaml", "is the search file itself"),
        ("mine.yaml", "is not from a search"),
        ("", "is a folder: name a file in it"),
    ]:
        with pytest.raises(UserError, match=part) as caught:
            run_search(search, options_of(tmp_path, export=tmp_path / name))
        assert len(caught.value.lines) == 1
    assert not (tmp_path / "results").exists()
    path = tmp_path / "w.yaml"
    assert write_winners(path, search, {}) == [f"{path}: not written: no arm has a winner"] and not path.exists()
    identity = {"model.shortcut=identity": WINNERS["model.shortcut=identity"]}
    written, *missing = write_winners(path, search, identity)
    assert written == f"{path}: the winners, to be run with `resbench run {path}`"
    assert [line.split("'")[1] for line in missing] == ["shortcuts help when both arms are tuned", "tuning helps"]
    assert len(read_grid(path).runs()) == 2
    check_target(path, search)  # its own is written again
    assert len(write_winners(path, search, WINNERS)) == 2 and len(read_grid(path).claims) == 1
