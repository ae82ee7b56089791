"""The confirmation of a target by the real command line: grid, choice, fresh seeds, and going on after each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.inprocess import resbench

from resbench import Grid, load
from resbench.execution.options import RunOptions
from resbench.execution.stage_sessions import sessions
from resbench.execution.stages import asked_by_now
from resbench.grid.grid import PlannedRun
from resbench.records.claim import Target
from resbench.records.store import Store

GRID = """\
# Question: which is the cheapest?
name: cheap
base:
  model: {depth: 10, width: 4}
  data: {train_size: 300, val_size: 0}
  recipe: {batch_size: 32}
axes:
  recipe.epochs: [3, 2]
seeds: 2
target: {test_accuracy: TARGET, confirm: 5}
"""
BASE = {"model.depth": 10, "model.width": 4, "data.train_size": 300, "data.val_size": 0, "recipe.batch_size": 32}


@pytest.fixture(scope="module")
def grid_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grid with its records, and none of fresh seeds."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "cheap.yaml").write_text(GRID.replace("TARGET", "0.1"))
    assert command(folder, "run", "--only", "seed<2")[0] == 0
    return folder


@pytest.fixture
def folder(grid_done: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(grid_done, tmp_path / "here"))


def command(folder: Path, name: str, *words: object) -> tuple[int, str, str]:
    given = folder / "cheap.yaml" if name in ("run", "plan") else "cheap"
    places = ["--results", folder / "results"]
    more = ["--executor", "serial", "--threads", 1, "-j", 1, "--no-report"] if name == "run" else []
    return resbench(name, given, *places, *more, *words)


def store(folder: Path) -> Store:
    return Store(folder / "results" / "cheap")


def fresh_runs(epochs: int, seeds: Sequence[int] = (2, 3, 4, 5, 6)) -> list[PlannedRun]:
    """Runs of a cell of the grid on fresh seeds."""
    return Grid("cheap", base=BASE, axes={"recipe.epochs": [epochs]}, seeds=seeds).runs()


def test_one_command_runs_the_grid_chooses_and_confirms(tmp_path: Path) -> None:
    (tmp_path / "cheap.yaml").write_text(GRID.replace("TARGET", "0.1"))
    plan = command(tmp_path, "plan")[1]
    assert "then 5 fresh seeds (seeds 2 to 6) of the cheapest cell whose mean reaches 10.00 % of test accuracy" in plan
    assert "with 80 % power, if it lies 1.36 standard deviations between seeds above" in plan
    code, _, err = command(tmp_path, "run")
    assert code == 0 and "4 runs to do" in err and "5 runs to do, 4 done" in err
    assert "fresh seeds 2 to 6 of 2 epochs decide, the cheapest cell whose mean reaches it" in err
    file = store(tmp_path).study()
    assert file and file.confirmation and len(file.runs) == 4 and len(store(tmp_path).ids()) == 9
    assert file.confirmation.cell == {"recipe.epochs": 2} and file.confirmation.chosen_on == [0, 1]
    runs = [run.id for run in fresh_runs(2)]
    assert [run.id for run in file.confirmation.runs] == runs and set(runs) <= store(tmp_path).ids()
    assert "nothing to do: all 9 runs have their records" in command(tmp_path, "run")[1]
    code, out, _ = command(tmp_path, "check")
    assert out.startswith("10.00 % is reached on these test images by 2 epochs: ") and code == 0
    assert "cheap: 9 runs: 9 ok\n" in (status := command(tmp_path, "status")[1]) and "to go on" not in status
    assert len(load(tmp_path / "results" / "cheap")) == 4  # of the grid
    assert len(load(tmp_path / "results" / "cheap", all=True)) == 9


def test_a_target_that_no_mean_reaches_takes_no_more_runs(folder: Path) -> None:
    (folder / "cheap.yaml").write_text(GRID.replace("TARGET", "0.999"))
    file = json.loads(store(folder).study_path.read_text())
    del file["confirmation"]
    store(folder).study_path.write_text(json.dumps(file))
    assert "nothing to do: all 4 runs" in command(folder, "run")[1]
    code, out, _ = command(folder, "check")
    assert code == 1 and out.startswith("Not reached: 99.90 % of test accuracy, by the mean of no cell")


def test_an_interrupted_confirmation_goes_on(folder: Path) -> None:
    assert len(store(folder).ids()) == 4
    assert "5 to do" in (status := command(folder, "status")[1]) and "to go on: " in status
    assert "5 of them to do" in command(folder, "check")[1]
    command(folder, "run", "--only", "seed<3")
    assert len(store(folder).ids()) == 5 and "4 of them to do" in command(folder, "plan")[1]


def test_the_choice_in_the_study_file_is_carried_out(folder: Path) -> None:
    """Another cell than the records would choose now."""
    file, runs = json.loads(store(folder).study_path.read_text()), fresh_runs(3, [2])
    file["confirmation"]["cell"] = {"recipe.epochs": 3}
    file["confirmation"]["runs"] = [{"id": run.id, "cell": run.cell, "seed": run.seed} for run in runs]
    store(folder).study_path.write_text(json.dumps(file))
    command(folder, "run")
    assert {run.id for run in runs} <= store(folder).ids() and len(store(folder).ids()) == 5
    assert "3 epochs, which seeds 0, 1 chose" in command(folder, "check")[1]


def test_a_cell_that_was_chosen_and_is_no_longer_in_the_grid_is_named(folder: Path) -> None:
    (folder / "cheap.yaml").write_text(GRID.replace("TARGET", "0.1").replace("[3, 2]", "[3]"))
    err = command(folder, "run")[2]
    assert (
        "cheap: recipe.epochs=2 was chosen to reach the target, and the grid has no such network now: put it back"
        in err
    )
    assert len(store(folder).ids()) == 4


def test_without_a_confirmation_nothing_depends_on_results(tmp_path: Path) -> None:
    for target in (None, Target(test_accuracy=0.5)):
        grid = Grid("some", target=target)
        assert asked_by_now(grid, tmp_path).grid is grid
    grid = Grid("some", seeds=2, target=Target(test_accuracy=0.5, confirm=5))
    assert [run.seed for run in next(sessions(grid, RunOptions(results=tmp_path))).missing] == [0, 1]


def test_machines_share_the_choice(folder: Path, grid_done: Path) -> None:
    file = json.loads(store(folder).study_path.read_text())
    without = {key: value for key, value in file.items() if key != "confirmation"}
    store(folder).study_path.write_text(json.dumps(without))
    assert resbench("merge", grid_done / "results", "--results", folder / "results")[0] == 0
    assert json.loads(store(folder).study_path.read_text()) == file
    file["confirmation"]["cell"] = {"recipe.epochs": 3}
    store(folder).study_path.write_text(json.dumps(file))
    code, _, err = resbench("merge", grid_done / "results", "--results", folder / "results")
    assert code == 2 and "different grids under one name: confirmation" in err
