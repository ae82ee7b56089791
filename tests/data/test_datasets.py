"""Datasets in the files of their own formats, and what is said of files that are missing or damaged."""

import gzip
import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from support.images import kmnist, write_idx
from torchvision.datasets import CIFAR10

from resbench.core.errors import UserError
from resbench.data.checksums import SHA256
from resbench.data.dataset import Dataset
from resbench.data.datasets import DATASETS
from resbench.data.loading import DataConfig, load_test, load_train

CPU = torch.device("cpu")
FOLDERS = {"fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST", "emnist": "EMNIST"}


def made_up(count: int, classes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Every image has its label in the second pixel of the first row."""
    labels = (np.arange(count) % classes).astype(np.uint8)
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    images[:, 0, 1] = labels
    return images, labels


@pytest.mark.parametrize("name", FOLDERS)
def test_datasets_in_idx_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up files, and where the content of the dataset is known, as if it were not."""
    for train in (True, False):
        monkeypatch.delitem(SHA256, (name, train), raising=False)
    dataset = DATASETS[name]
    assert isinstance(dataset, Dataset)
    raw = tmp_path / FOLDERS[name] / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", dataset.train), ("test", dataset.test)):
        images, labels = made_up(count, dataset.classes)
        if name == "qmnist":
            prefix = f"qmnist-{part}"
            columns = np.stack([labels, *[np.zeros_like(labels)] * 7], 1)
            write_idx(raw / f"{prefix}-labels-idx2-int", columns, kind=12, dtype=">i4")
        else:
            prefix = f"emnist-balanced-{part}" if name == "emnist" else {"train": "train", "test": "t10k"}[part]
            write_idx(raw / f"{prefix}-labels-idx1-ubyte", labels)
        write_idx(raw / f"{prefix}-images-idx3-ubyte", images)
    config = DataConfig.model_validate({"name": name, "pixels": "raw"})
    pixel = (slice(None), 0, 1, 0) if name == "emnist" else (slice(None), 0, 0, 1)
    training, validation, _ = load_train(config, tmp_path, CPU)
    assert len(training) + len(validation) == dataset.train
    for loaded in (training, validation, load_test(config, tmp_path, CPU)):
        assert torch.equal(loaded.images[pixel].long(), loaded.labels)
    assert int(training.labels.max()) == dataset.classes - 1


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up batches in CIFAR's format, with checksums of their own instead of the published ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: dict[str, object]) -> str:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def batch() -> dict[str, object]:
        data = np.zeros((10_000, 3, 32, 32), dtype=np.uint8)
        labels = np.arange(10_000) % 10
        data[:, 2, 0, 1] = labels
        return {"data": data.reshape(10_000, -1), "labels": labels.tolist()}

    names = [f"data_batch_{n}" for n in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", [[name, write(name, batch())] for name in names])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", write("test_batch", batch())]])
    meta: dict[str, Any] = {"filename": "batches.meta", "key": "label_names"}
    meta["md5"] = write("batches.meta", {"label_names": [str(n) for n in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", meta)
    training, validation, _ = load_train(DataConfig(name="cifar10"), tmp_path, CPU)
    assert training.images.shape == (45_000, 3, 32, 32) and len(validation) == 5000
    assert torch.equal(training.images[:, 2, 0, 1].long(), training.labels)
    assert torch.equal(load_test(DataConfig(name="cifar10"), tmp_path, CPU).labels, torch.arange(10_000) % 10)
    flipped = bytearray((folder / "data_batch_3").read_bytes())
    flipped[50_000] ^= 1
    (folder / "data_batch_3").write_bytes(flipped)
    with pytest.raises(UserError, match=r"data_batch_3: damaged: its MD5 is \w+, and should be \w+: delete it and"):
        load_train(DataConfig(name="cifar10"), tmp_path, CPU)


def test_missing_files_name_the_folder_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        load_train(DataConfig(name="fashion-mnist"), tmp_path / "file", CPU)  # a download cannot succeed into a file
    assert len(caught.value.lines) == 1
    assert "--data-dir" in caught.value.lines[0]


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    files = kmnist(tmp_path / "whole", test_seed=1)
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (files / "KMNIST" / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    images = raw / "train-images-idx3-ubyte"
    images.unlink()
    images.write_bytes((files / "KMNIST" / "raw" / images.name).read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte: damaged: 100000 bytes where .* 47040016"):
        load_train(DataConfig(name="kmnist"), tmp_path, CPU)


def test_a_folder_above_the_right_one_is_told_the_right_one(tmp_path: Path) -> None:
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_text("")
    before = sorted(tmp_path.rglob("*"))
    text = f"FashionMNIST is not there, but in {raw}: use --data-dir {tmp_path / 'root'}"
    with pytest.raises(UserError, match=text) as caught:
        load_train(DataConfig(name="fashion-mnist"), tmp_path, CPU)
    assert len(caught.value.lines) == 1 and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("folder", "form"),
    [("FashionMNIST/raw", "{}.gz"), ("FashionMNIST", "{}"), (".", "{}.gz"), ("raw", "{}"), ("FashionMNIST/raw", ".{}")],
)
def test_files_are_found_packed_with_a_dot_and_in_each_folder(
    folder: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed by another program than the files of torchvision, as Debian's are: what counts is what is in them."""
    monkeypatch.delitem(SHA256, ("fashion-mnist", True))
    images, labels = made_up(60_000, 10)
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        plain = tmp_path / "plain"
        write_idx(plain, array)
        name = f"train-{kind}-ubyte"
        name = name.replace("-idx", ".idx") if form == ".{}" else form.format(name)
        content = plain.read_bytes()
        (place / name).write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    training, validation, _ = load_train(DataConfig(name="fashion-mnist"), tmp_path, CPU)
    assert len(training) + len(validation) == 60_000 and torch.equal(
        training.images[:, 0, 0, 1].long(), training.labels
    )


def test_what_is_missing_is_named_with_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # nothing can be downloaded
    raw = tmp_path / "FashionMNIST" / "raw"
    text = f"^{raw / 'train-images-idx3-ubyte'}: not there, nor in {tmp_path}, its FashionMNIST or its raw "
    with pytest.raises(UserError, match=text) as caught:
        load_train(DataConfig(name="fashion-mnist"), tmp_path, CPU)
    assert len(caught.value.lines) == 1 and not raw.parent.exists()
    with pytest.raises(UserError, match=f"^{tmp_path / 'cifar-10-batches-py' / 'data_batch_1'}: not there, "):
        load_train(DataConfig(name="cifar10"), tmp_path, CPU)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    for kind in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{kind}-ubyte.gz").write_bytes(b"packed by somebody else")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: damaged: .*delete it") as caught:
        load_train(DataConfig(name="fashion-mnist"), tmp_path, CPU)
    assert len(caught.value.lines) == 1
