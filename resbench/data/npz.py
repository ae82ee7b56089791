"""`data: {name: npz, path: ../images.npz}`: arrays of images and labels, in a file of NumPy.

The arrays are x_train, y_train, x_test, y_test, or train_images and so on, or images and labels, of which a fifth tests, by a
hash of the place in the array. Labels are whole numbers or names; the classes are those of the training images, sorted.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resbench.core.config import digest
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.data.arrays import Array, image_shape, image_tensor, label_array, label_tensor
from resbench.data.dataset import CHANGED, Dataset, Opened
from resbench.data.examined import digest_of_file, examined
from resbench.data.parts import is_test

if TYPE_CHECKING:
    from torch import Tensor

_WITH_TEST = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
_WITHOUT = (("images", "labels"), ("x", "y"))


def open_npz(base: Path, text: str) -> Opened:
    """The dataset in a file of arrays.

    Raises:
        UserError: there is no such file, or its arrays are not those of a dataset.
    """
    path = base / user_path(text)
    if not path.is_file():
        raise UserError(f"{path.absolute()}: no such file: data.path starts at the folder of the grid file")
    [[content, facts]] = examined(path, "npz", {path.name: str(path)}, _look_at).values()
    labels, counts = facts["labels"], facts["counts"]
    dataset = Dataset(
        _Loader(path, content, facts["names"], labels).load,
        facts["channels"],
        facts["size"],
        len(labels),
        sum(counts),
        facts["test"],
        about=f"{len(labels)} classes of images in {path}",
        remote=False,
        most_frequent=max(counts) / sum(counts),
        labels=[str(label) for label in labels],
    )
    return Opened(digest(f"npz 1\n{content}"), dataset)


def _look_at(path: Path) -> list[Any]:
    """Digest of a file, and the facts of its arrays, of which the labels alone are read."""
    content = digest_of_file(path)
    with _arrays(path) as arrays:
        names = next((one for one in (*_WITH_TEST, *_WITHOUT) if set(one) <= set(arrays.files)), None)
        if names is None:
            wanted = " or ".join(", ".join(one) for one in (_WITH_TEST[0], _WITHOUT[0]))
            raise UserError(f"{path}: has the arrays {', '.join(arrays.files) or 'none'}: name them {wanted}")
        images, labels = names[:2]
        shape, dtype = _header(path, images)
        with _named(path, images):
            channels, size = image_shape(shape, dtype)
        with _named(path, labels):
            values = label_array(arrays[labels])
            if len(values) != shape[0]:
                raise ValueError(f"has {len(values)} labels, and there are {shape[0]} {images}")
        if len(names) == 4:
            test = _count_like(path, names[2], channels, size)
        else:
            tests = _tests(len(values))
            test, values = int(tests.sum()), values[~tests]
        known, counts = np.unique(values, return_counts=True)
        facts = {"names": names, "channels": channels, "size": size, "test": test}
        return [content, facts | {"labels": known.tolist(), "counts": counts.tolist()}]


def _count_like(path: Path, name: str, channels: int, size: int) -> int:
    """The number of images in an array, whose shape has to be that of the training images."""
    shape, dtype = _header(path, name)
    with _named(path, name):
        if image_shape(shape, dtype) != (channels, size):
            raise ValueError(f"has the shape {shape}, and the training images are {channels}x{size}x{size}")
    return shape[0]


def _tests(count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([is_test(str(place)) for place in range(count)], dtype=np.bool_)


def _header(path: Path, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, which is not read."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        return shape, dtype


@contextmanager
def _arrays(path: Path) -> Iterator[Any]:
    try:
        arrays = np.load(path, allow_pickle=False)
        if not hasattr(arrays, "files"):
            raise UserError(f"{path}: is one array: save images and labels together, with numpy.savez")
        with arrays:
            yield arrays
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: cannot be read: {reason}") from None


@contextmanager
def _named(path: Path, array: str) -> Iterator[None]:
    """What is wrong is wrong with this array."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{path}: {array} {error}") from None


@dataclass
class _Loader:
    """Reads the arrays of a part, once in a process, and sees that the file is the one that was found."""

    path: Path
    content: str
    names: Sequence[str]
    labels: Sequence[Any]
    parts: dict[bool, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def load(self, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of a part."""
        if train not in self.parts:
            with _arrays(self.path) as arrays:
                if digest_of_file(self.path) != self.content:
                    raise UserError(f"{self.path}: {CHANGED}")
                self.parts[train] = self._read(arrays, train)
        return self.parts[train]

    def _read(self, arrays: Any, train: bool) -> tuple[Tensor, Tensor]:
        images, labels = self.names[:2] if train or len(self.names) == 2 else self.names[2:]
        pixels: Array = arrays[images]
        with _named(self.path, labels):
            values = label_array(arrays[labels])
            if len(self.names) == 2:
                chosen = _tests(len(values)) != train
                pixels, values = pixels[chosen], values[chosen]
            targets = label_tensor(values, self.labels)
        with _named(self.path, images):
            return image_tensor(pixels), targets
