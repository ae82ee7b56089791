"""The datasets that torchvision reads: CIFAR-10, and any other by name, as `data: {name: torchvision, path: SVHN}`.

`path` is the name of a class of `torchvision.datasets` that yields images with a class, all of one square size. After a colon
stands what its `split` is to be: `EMNIST:letters`, or `SVHN:extra/test` for training and test images; by default `train/test`,
else `trainval/test` or `train/val`. Of a set that comes in one part a fifth tests.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resbench.core.config import digest
from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.data.arrays import image_tensor, label_tensor
from resbench.data.checksums import damage
from resbench.data.dataset import CHANGED, Dataset, Opened, Piece, most_frequent, sha256_of
from resbench.data.download import RENEW, download
from resbench.data.examined import forget, remembered
from resbench.data.parts import is_test

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


_PAIRS = (("train", "test"), ("trainval", "test"), ("train", "val"))
_CIFAR = "cifar-10-batches-py"


def cifar10(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Images and labels of a part of CIFAR-10; what is not there is downloaded."""
    from torchvision.datasets import CIFAR10

    folder = directory.absolute() / _CIFAR
    if damaged := damage("CIFAR10", directory, train):
        raise UserError(f"{damaged}: {RENEW}")
    if not all(piece.there for piece in cifar10_pieces(directory)):
        if near := [path for path in sorted(directory.absolute().glob(f"*/{_CIFAR}")) if any(path.iterdir())]:
            raise UserError(f"{folder}: CIFAR10 is not there, but in {near[0]}: use --data-dir {near[0].parent}")
        try:
            fetch_cifar10(directory)
        except UserError as error:
            missing = next(piece.path for piece in cifar10_pieces(directory) if not piece.there)
            raise UserError(
                f"{missing}: not there, and could not be downloaded ({error.lines[0]}): put it there, or "
                f"cifar-10-python.tar.gz into {directory.absolute()}, or name its folder with --data-dir or RESBENCH_DATA"
            ) from None
    try:
        part = CIFAR10(root=directory, train=train)
        return image_tensor(np.asarray(part.data)), torch.as_tensor(part.targets, dtype=torch.int64)
    except Exception as error:  # torchvision raises what a damaged file causes
        raise UserError(f"{folder}: {' '.join(str(error).split())}: {RENEW}") from None


def cifar10_pieces(directory: Path) -> list[Piece]:
    """Its files, each where it is or would be put."""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]
    paths = [directory.absolute() / _CIFAR / name for name in names]
    return [Piece(path, path.is_file()) for path in paths]


def fetch_cifar10(directory: Path, path: str = "") -> None:
    """Download it, or unpack the archive that is there.

    Raises:
        UserError: that fails.
    """
    download("CIFAR10", directory, [{"train": True}], directory / _CIFAR / "test_batch")


@dataclass(frozen=True)
class TorchvisionSet:
    """A class of torchvision.

    Attributes:
        parts: the arguments of the training and of the test images; one for all images of a set of one part.
    """

    name: str
    parts: Sequence[dict[str, Any]]

    @property
    def text(self) -> str:
        """What decides which images it has."""
        return f"{self.name} {self.parts}"

    def part(self, directory: Path, train: bool) -> Any:
        """The object that yields the images of a part, and their classes.

        Raises:
            UserError: its files are not in the data directory.
        """
        from torchvision import datasets

        options = self.parts[0] if train else self.parts[-1]
        try:
            return getattr(datasets, self.name)(root=directory, **options)
        except Exception as error:  # what torchvision raises for files that are missing or damaged
            reason = " ".join(str(error).split()) or type(error).__name__
            fetch = f"`resbench data fetch torchvision:{self.name}` downloads it"
            raise UserError(
                f"{directory.absolute()}: torchvision does not find its {self.name} there ({reason}): put its files "
                f"there, or name their folder with --data-dir or RESBENCH_DATA; {fetch}"
            ) from None

    def read(self, directory: Path, train: bool) -> tuple[Tensor, list[Any]]:
        """Images and labels of a part."""
        part = self.part(directory, train)
        places: Sequence[int] = range(len(part))
        if len(self.parts) == 1:
            places = [place for place in places if is_test(str(place)) != train]
        images, labels = [], []
        for place in places:
            image, label, *_ = part[place]
            if not isinstance(label, int | np.integer) or not hasattr(image, "convert"):
                raise UserError(f"torchvision:{self.name}: does not yield an image and the number of its class")
            images.append(np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB")))
            labels.append(int(label))
            if images[-1].shape != images[0].shape:
                first, other = (" x ".join(map(str, one.shape)) for one in (images[0], images[-1]))
                raise UserError(
                    f"torchvision:{self.name}: has images of several sizes ({first}, {other}): save them in folders, "
                    "at one square size, and use data: {name: folder, path: ...}"
                )
        try:
            return image_tensor(np.stack(images)), labels
        except ValueError as error:
            raise UserError(f"torchvision:{self.name}: an image {error}") from None

    def count_test(self, directory: Path) -> int:
        """How many images test; they are not looked at."""
        whole = self.part(directory, False)
        return len(whole) if len(self.parts) == 2 else sum(is_test(str(place)) for place in range(len(whole)))

    def fetch(self, directory: Path) -> None:
        """Download it.

        Raises:
            UserError: that fails, or torchvision does not download it.
        """
        from torchvision import datasets

        if "download" not in inspect.signature(getattr(datasets, self.name)).parameters:
            raise UserError(
                f"torchvision:{self.name}: torchvision does not download it: put its files into {directory}"
            )
        download(self.name, directory, self.parts, directory / self.name)


def find_set(text: str) -> TorchvisionSet:
    """The class that a text names, and the arguments of its parts.

    Raises:
        UserError: there is no such class, or it has no such split.
    """
    from torchvision import datasets

    name, _, option = text.partition(":")
    kind = getattr(datasets, name, None) if name in datasets.__all__ else None
    parameters = inspect.signature(kind).parameters if inspect.isclass(kind) else {}
    if kind is None or "root" not in parameters:
        names = {one.lower(): one for one in datasets.__all__ if inspect.isclass(getattr(datasets, one))}
        near = next(iter(difflib.get_close_matches(name.lower(), names, n=1)), "")
        hint = f" (did you mean {names[near]!r}?)" if near else ": SVHN, CIFAR100, STL10, USPS, EuroSAT are some"
        raise UserError(f"torchvision:{name}: torchvision.datasets has no such set of images{hint}")
    first, slash, second = option.partition("/")
    split = "split" in parameters
    if "train" in parameters or issubclass(kind, datasets.MNIST):
        if not slash and (split or not option):
            options = {"split": option or "balanced"} if split else {}
            return TorchvisionSet(name, [{"train": train, **options} for train in (True, False)])
    elif split and bool(option) == bool(slash):
        pair = (first, second) if slash else _default_pair(f"{parameters['split'].annotation} {kind.__doc__}")
        return TorchvisionSet(name, [{"split": one} for one in pair])
    elif not option:
        return TorchvisionSet(name, [{}])
    form = f"{name}:TRAIN/TEST, with the names of two of its splits" if split else f"{name} alone"
    raise UserError(f"torchvision:{text}: write {form}")


def _default_pair(about: str) -> tuple[str, str]:
    """The usual names of the two parts, of those that stand in the words of a class."""
    words = set(re.findall(r"\w+", about))
    return next((pair for pair in _PAIRS if words.issuperset(pair)), _PAIRS[0])


def fetch_torchvision(directory: Path, text: str) -> None:
    """Download the dataset of this name.

    Raises:
        UserError: there is none, or that fails.
    """
    find_set(text).fetch(directory)


def open_torchvision(directory: Path, text: str) -> Opened:
    """The dataset of this name, in the data directory.

    Raises:
        UserError: there is none, its files are not there, or its images are of several sizes.
    """
    found = find_set(text)
    key = f"torchvision 1 {found.text}"

    def facts() -> dict[str, Any]:
        images, labels = found.read(directory, True)
        classes = sorted(set(labels))
        targets = label_tensor(np.asarray(labels), classes)
        return {
            "sha256": sha256_of(images, targets),
            "shape": list(images.shape),
            "classes": classes,
            "most_frequent": most_frequent(targets),
            "test": found.count_test(directory),
        }

    known = remembered(key, facts)
    train, channels, size, _ = known["shape"]
    dataset = Dataset(
        _Loader(found, key, known["sha256"], known["classes"]).load,
        channels,
        size,
        len(known["classes"]),
        train,
        known["test"],
        about=f"{text} of torchvision",
        most_frequent=known["most_frequent"],
    )
    return Opened(digest(f"{key}\n{known['sha256']}\n{known['test']}"), dataset)


@dataclass
class _Loader:
    """Reads a part, once in a process, and sees that the training images are those that were found."""

    found: TorchvisionSet
    key: str
    sha256: str
    classes: Sequence[int]
    parts: dict[bool, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def load(self, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of a part."""
        if train not in self.parts:
            images, labels = self.found.read(directory, train)
            try:
                targets = label_tensor(np.asarray(labels), self.classes)
            except ValueError as error:
                raise UserError(f"{directory}: {self.found.name} {error}") from None
            if train and sha256_of(images, targets) != self.sha256:
                forget(self.key)
                raise UserError(f"{directory}: {self.found.name}: {CHANGED}")
            self.parts[train] = images, targets
        return self.parts[train]
