"""Data: fixed splits, damaged files, and a test set that nothing can select on."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from resbench.core.config import UserError
from resbench.data.loading import DATASETS, DataConfig, load_test, load_train
from resbench.training.run import RunConfig
from resbench.training.train import train

CPU = torch.device("cpu")


def idx(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.tobytes())


def idx_int(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 12, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.astype(">i4").tobytes())


def made_up(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every image has its label in the second pixel of the first row."""
    labels = (np.arange(count) % classes).astype(np.uint8)
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    images[:, 0, 1] = labels
    return images, labels


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist", "qmnist", "emnist"])
def test_datasets_in_idx_files(name: str, tmp_path: Path) -> None:
    source = DATASETS[name]
    folder = {"fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST", "emnist": "EMNIST"}[name]
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", source.train), ("test", source.test)):
        images, labels = made_up(count, source.classes)
        if name == "qmnist":
            prefix = f"qmnist-{part}"
            idx_int(raw / f"{prefix}-labels-idx2-int", np.stack([labels, *[np.zeros_like(labels)] * 7], 1))
        else:
            prefix = f"emnist-balanced-{part}" if name == "emnist" else {"train": "train", "test": "t10k"}[part]
            idx(raw / f"{prefix}-labels-idx1-ubyte", labels)
        idx(raw / f"{prefix}-images-idx3-ubyte", images)
    config = DataConfig.model_validate({"name": name, "pixels": "raw"})
    place = (slice(None), 0, 1, 0) if name == "emnist" else (slice(None), 0, 0, 1)
    training, validation, _ = load_train(config, tmp_path, CPU)
    assert len(training) + len(validation) == source.train
    for loaded in (training, validation, load_test(config, tmp_path, CPU)):
        assert torch.equal(loaded.images[place].long(), loaded.labels)
    assert int(training.labels.max()) == source.classes - 1


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up batches in CIFAR's format, with their own checksums in the place of the published ones."""
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
    meta = {"filename": "batches.meta", "key": "label_names"}
    meta["md5"] = write("batches.meta", {"label_names": [str(n) for n in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", meta)
    training, validation, _ = load_train(DataConfig(name="cifar10"), tmp_path, CPU)
    assert training.images.shape == (45_000, 3, 32, 32) and len(validation) == 5000
    assert torch.equal(training.images[:, 2, 0, 1].long(), training.labels)
    assert torch.equal(load_test(DataConfig(name="cifar10"), tmp_path, CPU).labels, torch.arange(10_000) % 10)


def write_files(root: Path, test_seed: int) -> Path:
    """A data root in torchvision's layout with made-up images: each class has a bar in a row of its own.

    Not of MNIST, whose checksum is known.
    """
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count, seed in (("train", 60_000, 0), ("t10k", 10_000, test_seed)):
        labels = np.random.default_rng(seed).integers(0, 10, count, dtype=np.uint8)
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        images[np.arange(count), 2 * labels + 3] = 255
        idx(raw / f"{part}-images-idx3-ubyte", images)
        idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("data"), test_seed=1)


def test_embedded_digits_are_split_evenly_and_alike_each_time() -> None:
    training, validation, pixels = load_train(DataConfig(), Path("unused"), CPU)
    test = load_test(DataConfig(), Path("unused"), CPU)
    assert [len(part) for part in (training, validation, test)] == [3600, 400, 1000]
    for part, each in ((training, 360), (validation, 40), (test, 100)):
        assert part.labels.bincount().tolist() == [each] * 10
    normal = pixels(training.images)
    assert float(normal.mean()) == pytest.approx(0, abs=1e-4) and float(normal.std()) == pytest.approx(1, abs=1e-4)
    seen = {image.numpy().tobytes() for part in (training, validation) for image in part.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)
    assert load_train(DataConfig(), Path("unused"), CPU)[0].sha256 == training.sha256


def test_a_share_of_the_training_set_is_stratified() -> None:
    training, validation, _ = load_train(DataConfig(train_size=500, val_size=100), Path("unused"), CPU)
    assert training.labels.bincount().tolist() == [50] * 10
    assert validation.labels.bincount().tolist() == [10] * 10


@pytest.mark.parametrize("select", ["last", "best_val"])
def test_nothing_but_the_test_metrics_depends_on_the_test_set(select: str, files: Path, tmp_path: Path) -> None:
    """Two data roots with other test images and labels: the same weights and the same history."""
    run = RunConfig.model_validate(
        {
            "model": {"depth": 10, "width": 8},
            "data": {"name": "fashion-mnist", "train_size": 200, "val_size": 50},
            "recipe": {"epochs": 2, "select": select},
        }
    )
    clean = train(run, files, threads=1)
    poisoned = train(run, write_files(tmp_path, test_seed=2), threads=1)
    for record in (clean, poisoned):
        assert record["status"] == "ok", record["error"]
    assert clean["provenance"]["test_sha256"] != poisoned["provenance"]["test_sha256"]
    assert clean["weights_sha256"] == poisoned["weights_sha256"]
    for ours, theirs in zip(clean["history"], poisoned["history"], strict=True):
        assert {k: v for k, v in ours.items() if k != "seconds"} == {k: v for k, v in theirs.items() if k != "seconds"}


def test_the_test_files_are_not_opened_before_the_last_epoch(files: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "FashionMNIST").mkdir(parents=True)
    (root / "FashionMNIST" / "raw").symlink_to(files / "FashionMNIST" / "raw")
    run = RunConfig.model_validate(
        {
            "model": {"depth": 10, "width": 8},
            "data": {"name": "fashion-mnist", "train_size": 200, "val_size": 50},
            "recipe": {"epochs": 2},
        }
    )
    epochs: list[float] = []

    def poison(done: float) -> None:
        epochs.append(done)
        if done == 1.0:
            (root / "FashionMNIST" / "raw").unlink()
            broken = root / "FashionMNIST" / "raw"
            broken.mkdir()
            for path in (files / "FashionMNIST" / "raw").iterdir():
                content = path.read_bytes()
                (broken / path.name).write_bytes(content[:1000] if path.name.startswith("t10k") else content)

    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte: damaged: 1000 bytes"):
        train(run, root, threads=1, progress=poison)
    assert epochs[-1] == 2.0  # training had ended


def test_missing_files_name_the_folder_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        load_train(DataConfig(name="fashion-mnist"), tmp_path / "file", CPU)  # a download cannot succeed into a file
    assert len(caught.value.lines) == 1
    assert "--data-dir" in caught.value.lines[0]


def test_a_truncated_file_is_named(files: Path, tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (files / "FashionMNIST" / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    images = raw / "train-images-idx3-ubyte"
    images.unlink()
    images.write_bytes((files / "FashionMNIST" / "raw" / images.name).read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte: damaged: 100000 bytes where .* 47040016"):
        load_train(DataConfig(name="fashion-mnist"), tmp_path, CPU)
