"""Images and labels of a user's own as arrays of NumPy."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import ValidationError

from resbench.core.errors import UserError
from resbench.data.loading import DataConfig, load_test, load_train

CPU = torch.device("cpu")
NOWHERE = Path("unused")
LABELS = np.arange(60) % 3


def images(*shape: int) -> npt.NDArray[np.uint8]:
    """Made-up images, of which the first pixel says the class."""
    out = np.zeros((60, *shape), dtype=np.uint8)
    out.reshape(60, -1)[:, 0] = LABELS
    return out


def config(path: Path) -> DataConfig:
    return DataConfig.model_validate({"name": "npz", "path": str(path), "val_size": 0})


@pytest.mark.parametrize(("shape", "channels"), [((8, 8), 1), ((8, 8, 1), 1), ((8, 8, 3), 3), ((3, 8, 8), 3)])
@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("images", "labels")])
def test_arrays_of_the_usual_names_and_shapes(
    names: tuple[str, ...], shape: tuple[int, ...], channels: int, tmp_path: Path
) -> None:
    pixels = images(*shape)
    arrays = dict(zip(names, (pixels[:40], LABELS[:40], pixels[40:], LABELS[40:]), strict=False))
    arrays |= {"images": pixels, "labels": LABELS[:, None]} if "images" in names else {}
    np.savez(tmp_path / "d.npz", **arrays)
    data = config(tmp_path / "d.npz")
    found = data.dataset
    assert (found.channels, found.size, found.classes) == (channels, 8, 3)
    training, _, _ = load_train(data, NOWHERE, CPU)
    test = load_test(data, NOWHERE, CPU)
    assert len(training) + len(test) == 60 and 5 <= len(test) <= 20
    for part in (training, test):
        assert part.images.shape[1:] == (channels, 8, 8) and torch.equal(part.images[:, 0, 0, 0].long(), part.labels)


def test_labels_may_be_names_or_any_whole_numbers(tmp_path: Path) -> None:
    for labels in (np.array(["cat", "dog", "eel"])[LABELS], LABELS * 5 - 3):
        np.savez(tmp_path / "d.npz", images=images(8, 8), labels=labels)
        training, _, _ = load_train(config(tmp_path / "d.npz"), NOWHERE, CPU)
        assert torch.equal(training.images[:, 0, 0, 0].long(), training.labels)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"pictures": LABELS}, "has the arrays pictures: name them x_train, y_train, x_test, y_test or images, labels"),
        (
            {"images": images(8, 8) / 255, "labels": LABELS},
            "images has float64 values: save whole numbers from 0 to 255",
        ),
        ({"images": images(8, 9), "labels": LABELS}, r"images has the shape \(60, 8, 9\): use"),
        ({"images": images(8, 8), "labels": LABELS[:50]}, "labels has 50 labels, and there are 60 images"),
        ({"images": images(8, 8), "labels": np.eye(3)[LABELS]}, r"labels has the shape \(60, 3\) of float64"),
        (
            {"x_train": images(8, 8), "y_train": LABELS, "x_test": images(9, 9), "y_test": LABELS},
            r"x_test has the shape \(60, 9, 9\), and the training images are 1x8x8",
        ),
    ],
)
def test_what_is_no_dataset_is_named(arrays: dict[str, Any], text: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ValidationError, match=rf"d\.npz: {text}"):
        config(tmp_path / "d.npz")


def test_a_file_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x_train=images(8, 8), y_train=LABELS, x_test=images(8, 8), y_test=LABELS + 1)
    data = config(path)
    load_train(data, NOWHERE, CPU)
    with pytest.raises(UserError, match=r"d\.npz: y_test has the label 3, which no training image has"):
        load_test(data, NOWHERE, CPU)
    np.savez(path, x_train=images(8, 8), y_train=LABELS, x_test=images(8, 8), y_test=LABELS)
    with pytest.raises(UserError, match=r"d\.npz: the files have changed since the run was planned"):
        load_test(data, NOWHERE, CPU)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValidationError, match=r"d\.npz: cannot be read"):
        config(path)


def test_a_copy_with_the_time_of_the_file_before_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "d.npz", time.time()
    monkeypatch.setattr("time.time", lambda: now + 60)  # what was found in a file that is old enough is kept
    found = []
    for seed in (1, 2):
        np.savez(path, x_train=images(8, 8), y_train=LABELS, x_test=images(8, 8) + np.uint8(seed), y_test=LABELS)
        os.utime(path, (1e9, 1e9))
        found.append(config(path).path)
    assert found[0] != found[1]
