"""Pictures of the hardest images of a data set that no library brings: kept once, and drawn without it from then on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import resbench
from support.studies import make

from resbench.records.pictures_file import NAME, PicturesFile
from resbench.report import write
from resbench.report.pictures import keep_pictures

IMAGES = 400
DRAW = np.random.default_rng(3)
PIXELS = DRAW.integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
LABELS = DRAW.integers(0, 10, IMAGES)
DIGEST = hashlib.sha256(PIXELS.tobytes() + LABELS.astype(np.int64).tobytes()).hexdigest()
DATA = PIXELS, LABELS.astype(np.int64), DIGEST


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two arms that miss the images from 100 on, the first of them most often."""
    axes = {"model.shortcut": ["identity", "none"], "data.name": ["fashion-mnist"]}

    def errors(cell: Any, seed: int, draw: Any) -> Any:
        missed = np.zeros(IMAGES, dtype=np.int64)
        missed[100 : 110 - seed] = 7
        return missed

    return make(tmp_path / "results", "s", axes, 3, errors, where=lambda cell, seed: {"test_sha256": DIGEST})


def figures(results: Path, out: str) -> dict[str, bytes]:
    """The files of the figures of a page."""
    page = write(results, results.parent / out, "s")
    return {path.name: path.read_bytes() for path in (page.parent / "figures").iterdir()}


def test_pictures_are_kept_once_and_drawn_without_the_data(results: Path) -> None:
    assert "hardest.svg" not in figures(results, "before")
    assert keep_pictures(results, "s", lambda name: DATA if name == "fashion-mnist" else None)
    file = PicturesFile.load(results / "s")
    assert file and [one.image for one in file.pictures] == list(range(100, 110))
    for one in file.pictures:
        assert one.label == LABELS[one.image] and np.array_equal(one.drawn, PIXELS[one.image])
    first = figures(results, "one")
    assert "hardest.svg" in first and first == figures(results, "two")
    assert not keep_pictures(results, "s", lambda name: pytest.fail("what is kept is enough"))


def test_other_images_than_those_of_the_runs_are_not_kept(results: Path) -> None:
    assert not keep_pictures(results, "s", lambda name: (*DATA[:2], "0" * 64))
    assert not keep_pictures(results, "s", lambda name: None)
    assert not (results / "s" / NAME).exists()


@pytest.mark.parametrize("damage", [{"sha256": "0" * 64}, {"dataset": "kmnist"}, {"pictures": []}, {"pictures": 3}])
def test_a_file_of_other_images_or_a_damaged_one_draws_nothing(results: Path, damage: dict[str, Any]) -> None:
    keep_pictures(results, "s", lambda name: DATA)
    path = results / "s" / NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert "hardest.svg" not in figures(results, "page")
    assert keep_pictures(results, "s", lambda name: DATA)  # and is written again


def test_the_command_does_without_the_data_set(results: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    code, _, errors = resbench("report", "s", "--results", results, "--data-dir", tmp_path / "data")
    assert code == 0 and not errors and not (results / "s" / NAME).exists()
