"""Splits that are the same for every seed, and a test set that nothing can select on."""

from pathlib import Path

import pytest
import torch
from support.images import kmnist

from resbench.core.errors import UserError
from resbench.data.loading import DataConfig, load_test, load_train
from resbench.training.observer import Observer
from resbench.training.run import RunConfig
from resbench.training.train import train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kmnist(tmp_path_factory.mktemp("data"), test_seed=1)


def test_embedded_digits_are_split_evenly_and_alike_each_time() -> None:
    training, validation, normalizer = load_train(DataConfig(), Path("unused"), CPU)
    test = load_test(DataConfig(), Path("unused"), CPU)
    assert [len(part) for part in (training, validation, test)] == [3600, 400, 1000]
    for part, each in ((training, 360), (validation, 40), (test, 100)):
        assert part.labels.bincount().tolist() == [each] * 10
    normal = normalizer(training.images)
    assert float(normal.mean()) == pytest.approx(0, abs=1e-4) and float(normal.std()) == pytest.approx(1, abs=1e-4)
    seen = {image.numpy().tobytes() for part in (training, validation) for image in part.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)
    assert load_train(DataConfig(), Path("unused"), CPU)[0].sha256 == training.sha256


def test_a_part_of_the_training_set_is_stratified() -> None:
    training, validation, _ = load_train(DataConfig(train_size=500, val_size=100), Path("unused"), CPU)
    assert training.labels.bincount().tolist() == [50] * 10
    assert validation.labels.bincount().tolist() == [10] * 10


@pytest.mark.parametrize("select", ["last", "best_val"])
def test_nothing_but_the_test_metrics_depends_on_the_test_set(select: str, files: Path, tmp_path: Path) -> None:
    """Two data roots with other test images and labels: the same weights and the same history."""
    run = RunConfig.model_validate(
        {
            "model": {"depth": 10, "width": 8},
            "data": {"name": "kmnist", "train_size": 200, "val_size": 50},
            "recipe": {"epochs": 2, "select": select},
        }
    )
    clean = train(run, files, threads=1)
    poisoned = train(run, kmnist(tmp_path, test_seed=2), threads=1)
    for record in (clean, poisoned):
        assert record.status == "ok", record.error
    assert clean.provenance.test_sha256 != poisoned.provenance.test_sha256
    assert clean.weights_sha256 == poisoned.weights_sha256
    for ours, theirs in zip(clean.history, poisoned.history, strict=True):
        assert {k: v for k, v in ours.items() if k != "seconds"} == {k: v for k, v in theirs.items() if k != "seconds"}


class Poison(Observer):
    """Damages the test files after the first epoch."""

    def __init__(self, whole: Path, linked: Path) -> None:
        self.whole, self.linked, self.epochs = whole, linked, 0.0

    def step(self, epochs: float) -> None:
        self.epochs = epochs
        if epochs == 1.0:
            self.linked.unlink()
            self.linked.mkdir()
            for path in self.whole.iterdir():
                content = path.read_bytes()
                (self.linked / path.name).write_bytes(content[:1000] if path.name.startswith("t10k") else content)


def test_the_test_files_are_not_opened_before_the_last_epoch(files: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "KMNIST").mkdir(parents=True)
    (root / "KMNIST" / "raw").symlink_to(files / "KMNIST" / "raw")
    run = RunConfig.model_validate(
        {
            "model": {"depth": 10, "width": 8},
            "data": {"name": "kmnist", "train_size": 200, "val_size": 50},
            "recipe": {"epochs": 2},
        }
    )
    poison = Poison(files / "KMNIST" / "raw", root / "KMNIST" / "raw")
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte: damaged: 1000 bytes"):
        train(run, root, threads=1, observer=poison)
    assert poison.epochs == 2.0  # training had ended


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({}, (3600, 400)),
        ({"train_size": 3600}, (3600, 400)),
        ({"train_size": 2000}, (2000, 200)),
        ({"train_size": 2000, "val_size": "auto", "name": "mnist"}, (2000, 200)),
        ({"train_size": 2000, "val_size": 400}, (2000, 400)),
        ({"val_size": 100}, (3900, 100)),
    ],
)
def test_auto_is_a_tenth_of_the_images_that_are_used(given: dict[str, object], sizes: tuple[int, int]) -> None:
    assert DataConfig.model_validate(given).sizes == sizes


def test_auto_of_a_part_has_the_id_of_its_number_and_no_id_of_earlier_versions() -> None:
    def run_id(**data: object) -> str:
        return RunConfig.model_validate({"data": data}).id

    assert run_id(train_size=2000) == run_id(train_size=2000, val_size="auto") == run_id(train_size=2000, val_size=200)
    assert run_id(train_size=2000) != "93c021e30464f86e"  # 400 validation images
    assert run_id() == run_id(val_size="auto") == run_id(train_size="all")
