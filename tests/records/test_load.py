"""Frames hold the runs that the study asks for; others come only where they are asked for, and are marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.inprocess import resbench
from support.studies import make, noise

import resbench as package
from resbench.core.errors import UserError
from resbench.records.store import Store


def narrowed(tmp_path: Path) -> Path:
    """A study whose grid lost half of its runs."""
    folder = make(tmp_path, "some", {"model.depth": [10, 16]}, 2, noise(lambda cell: 0.02, 50)) / "some"
    store = Store(folder)
    study = store.study()
    assert study
    store.write_study(study.model_copy(update={"runs": study.runs[:2]}))
    return folder


def test_runs_of_earlier_grids_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    folder = narrowed(tmp_path)
    frame = package.load(folder)
    assert list(frame["model.depth"]) == [10, 10] and "in_grid" not in frame
    everything = package.load(folder, all=True)
    assert list(everything["in_grid"]) == [True, True, False, False] and everything["in_grid"].dtype == bool
    code, out, _ = resbench("status", "--results", tmp_path)
    assert (code, out.splitlines()[0]) == (0, "some: 2 runs: 2 ok (+2 of earlier grids)")


def test_a_folder_without_study_file_gives_all(tmp_path: Path) -> None:
    folder = narrowed(tmp_path)
    (folder / "study.json").unlink()
    assert len(package.load(folder)) == 4 and "in_grid" not in package.load(folder)
    assert package.load(folder, all=True)["in_grid"].isna().all()


def test_a_damaged_study_file_is_named(tmp_path: Path) -> None:
    folder = narrowed(tmp_path)
    (folder / "study.json").write_text("{")
    with pytest.raises(UserError, match=r"study\.json: damaged"):
        package.load(folder)


def test_a_narrowed_grid_gives_its_own_runs(tmp_path: Path) -> None:
    base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "data.val_size": 0, "recipe.epochs": 1}
    wide, narrow = (
        package.Grid("tiny", base=base, axes={"model.shortcut": values}) for values in (["identity", "none"], ["none"])
    )
    assert len(package.run(wide, results=tmp_path, threads=1)) == 2
    assert list(package.run(narrow, results=tmp_path, threads=1)["model.shortcut"]) == ["none"]
    package.bench(wide, tmp_path, threads=1, seconds=0.0)
    assert list(package.bench(narrow, tmp_path, threads=1, seconds=0.0)["model.shortcut"]) == ["none"]
