"""Data of a user's own through the real commands, and the command that says which data are there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from support.inprocess import resbench
from support.pictures import picture, picture_folder

GRID = """\
name: own
base:
  model: {depth: 10, width: 4}
  data: {name: folder, path: ../pictures, val_size: 0}
  recipe: {epochs: 1}
axes:
  model.shortcut: [identity, none]
"""


def test_a_grid_of_own_images_is_trained_resumed_and_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes of their own, from another folder than that of the grid file."""
    (tmp_path / "lab" / "grids").mkdir(parents=True)
    (tmp_path / "lab" / "grids" / "own.yaml").write_text(GRID)
    picture_folder(tmp_path / "lab" / "pictures", each=20)
    monkeypatch.chdir(tmp_path)
    words = ("--results", "results", "--no-report")
    code, _, err = resbench("run", "lab/grids/own.yaml", "-j", 2, "--executor", "local", *words)
    assert code == 0 and "[2/2]" in err, err
    shutil.move("lab", "moved")
    code, out, _ = resbench("plan", "moved/grids/own.yaml", "--results", "results", "--data-dir", "nowhere")
    assert code == 0 and "2 done, 0 to do" in out
    Image.fromarray(picture(0, 999)).save("moved/pictures/a/000.png")
    code, out, _ = resbench("plan", "moved/grids/own.yaml", "--results", "results")
    assert code == 0 and "0 done, 2 to do" in out
    Image.fromarray(picture(0, 0, 9)).save("moved/pictures/a/000.png")
    code, _, err = resbench("plan", "moved/grids/own.yaml", "--results", "results")
    assert code == 2 and err.startswith("moved/grids/own.yaml:4: data.path: ") and "a/000.png: is 9x9" in err


def test_what_is_there_and_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture_folder(tmp_path / "pictures")
    (tmp_path / "data" / "MNIST").mkdir(parents=True)
    (tmp_path / "data" / "MNIST" / "train-images.idx3-ubyte.gz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    code, out, _ = resbench("data", "--data-dir", "data")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and lines["shapes"].split()[1] == "there"
    assert f"{tmp_path}/data/MNIST/raw/train-labels-idx1-ubyte and 2 more: resbench data fetch mnist" in lines["mnist"]
    code, out, _ = resbench("data", "mnist", "--data-dir", "data")
    assert code == 1 and f"there    {tmp_path}/data/MNIST/train-images.idx3-ubyte.gz" in out
    code, out, _ = resbench("data", "./pictures")
    assert code == 0 and "RGB, 8x8 pixels, 3 classes: a, b, c" in out
    assert resbench("data", "shapes", "--data-dir", "data")[0] == 0
    code, _, err = resbench("data", "mnits")
    assert code == 2 and "did you mean 'mnist'" in err
    code, _, err = resbench("data", "fetch", "folder:pictures")
    assert code == 2 and "cannot be downloaded" in err
