"""Any set of torchvision by name, from files in its own layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from support.pictures import picture_folder

from resbench.core.errors import UserError
from resbench.data.directory import use_directory
from resbench.data.loading import DataConfig, load_test, load_train
from resbench.training.run import RunConfig

CPU = torch.device("cpu")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with the two parts of Country211, and EuroSAT, which comes in one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "data"
    monkeypatch.setenv("RESBENCH_DATA", str(data))
    use_directory(None)
    picture_folder(data / "country211" / "train", each=20)
    picture_folder(data / "country211" / "test", each=5, first=20)
    picture_folder(data / "country211" / "valid", each=6, first=30)
    picture_folder(data / "eurosat" / "2750", side=16)
    return data


def config(path: str) -> DataConfig:
    return DataConfig.model_validate({"name": "torchvision", "path": path, "val_size": 0})


def test_counts_and_shapes_are_read_from_the_files(root: Path) -> None:
    data = config("Country211")
    found = data.dataset
    assert (found.channels, found.size, found.classes, found.train, found.test) == (3, 8, 3, 60, 15)
    training, _, _ = load_train(data, root, CPU)
    test = load_test(data, root, CPU)
    for part in (training, test):
        assert torch.equal(part.images[:, 0, 0, 0].long(), part.labels)
    assert config("Country211:train/valid").dataset.test == 18
    one = config("EuroSAT")
    assert one.dataset.size == 16 and one.dataset.train + one.dataset.test == 120 and 10 <= one.dataset.test <= 40
    assert len(load_train(one, root, CPU)[0]) + len(load_test(one, root, CPU)) == 120


def test_a_run_is_identified_by_the_set_and_what_is_in_it(root: Path, tmp_path: Path) -> None:
    def run_id(path: str) -> str:
        return RunConfig.model_validate({"data": {"name": "torchvision", "path": path}}).id

    ids = {run_id("Country211"), run_id("Country211:train/valid"), run_id("EuroSAT")}
    assert len(ids) == 3
    use_directory(tmp_path / "elsewhere")  # what a name stands for is known by now
    assert run_id("EuroSAT") in ids
    with pytest.raises(UserError, match=f"{tmp_path}/elsewhere: torchvision does not find its EuroSAT there"):
        load_train(config("EuroSAT"), tmp_path / "elsewhere", CPU)
    use_directory(None)


def test_files_that_have_changed_are_refused_once(root: Path) -> None:
    data = config("EuroSAT")
    shutil.copy(root / "eurosat" / "2750" / "a" / "001.png", root / "eurosat" / "2750" / "a" / "000.png")
    shutil.copy(root / "eurosat" / "2750" / "b" / "001.png", root / "eurosat" / "2750" / "b" / "000.png")
    shutil.copy(root / "eurosat" / "2750" / "c" / "001.png", root / "eurosat" / "2750" / "c" / "000.png")
    with pytest.raises(UserError, match="EuroSAT: the files have changed since the run was planned"):
        load_train(data, root, CPU)
    assert config("EuroSAT").path != data.path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("svhn", r"no such set of images \(did you mean 'SVHN'\?\)"),
        ("SVHN:extra", "write SVHN:TRAIN/TEST, with the names of two of its splits"),
        ("EuroSAT:a/b", "write EuroSAT alone"),
        ("SVHN", "torchvision does not find its SVHN there .*`resbench data fetch torchvision:SVHN` downloads it"),
    ],
)
def test_mistakes_say_what_to_write(path: str, text: str, root: Path) -> None:
    with pytest.raises(ValidationError, match=text):
        config(path)
