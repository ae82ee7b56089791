"""`data: {name: huggingface, path: ../saved}`: a dataset of Hugging Face that is on the disk; nothing is downloaded.

`path` is a folder that `save_to_disk` has written, or one that `load_dataset` reads. It has a column of images of one square
size, and one of labels. The part `test` tests, else `validation`; of one that has neither a fifth does, by a hash of the place.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resbench.core.config import digest
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.data.arrays import image_tensor, label_tensor
from resbench.data.dataset import CHANGED, Dataset, Opened
from resbench.data.examined import digest_of_file, examined, remembered
from resbench.data.parts import is_test

if TYPE_CHECKING:
    from torch import Tensor

_TESTS = ("test", "validation", "valid", "val")
_LABELS = ("label", "labels", "fine_label", "class", "target")


def open_huggingface(base: Path, text: str) -> Opened:
    """The dataset in a folder.

    Raises:
        UserError: there is no such folder, or no dataset of images with labels in it, or the library is missing.
    """
    root = base / user_path(text)
    if not root.is_dir():
        raise UserError(f"{root.absolute()}: no such folder: data.path starts at the folder of the grid file")
    content = _content(root)
    facts = remembered(f"huggingface 1 {content}", lambda: _Table.read(root).facts())
    dataset = Dataset(
        _Loader(root, content, facts["channels"], facts["size"], facts["labels"]).load,
        facts["channels"],
        facts["size"],
        len(facts["labels"]),
        facts["train"],
        facts["test"],
        about=f"{len(facts['labels'])} classes of images in {root}",
        remote=False,
        most_frequent=facts["most_frequent"],
        labels=facts["names"],
    )
    return Opened(digest(f"huggingface 1\n{content}"), dataset)


def _content(root: Path) -> str:
    """Digest of the files in the folder, but for what the library puts there itself."""
    names = sorted(
        name
        for path in root.rglob("*")
        if path.is_file() and not (name := path.relative_to(root).as_posix()).startswith(".") and "/." not in name
        if not path.name.startswith("cache-") and path.suffix != ".lock"
    )
    found = examined(root, "files", {name: str(root / name) for name in names}, lambda path: [digest_of_file(path)])
    return digest("".join(f"{name}\n{one}\n" for name, [one] in found.items()))


@dataclass
class _Table:
    """The training and the test rows of a dataset, and its columns of images and labels."""

    root: Path
    parts: tuple[Any, Any]
    image: str
    label: str

    @classmethod
    def read(cls, root: Path) -> _Table:
        """Open the dataset; no image is decoded."""
        with _offline(root) as library:
            saved = any((root / name).is_file() for name in ("dataset_dict.json", "state.json"))
            whole = library.load_from_disk(str(root)) if saved else library.load_dataset(str(root))
        if isinstance(whole, dict):
            splits = list(whole)
            train = "train" if "train" in splits else splits[0]
            test = next((name for name in _TESTS if name in splits and name != train), "")
            parts = (whole[train], whole[test]) if test else _split(whole[train])
        else:
            parts = _split(whole)
        features = parts[0].features
        images = [name for name, kind in features.items() if isinstance(kind, library.Image)]
        named = [name for name, kind in features.items() if isinstance(kind, library.ClassLabel)]
        labels = [name for name in _LABELS if name in features] or named
        if not images or not labels:
            text = (
                f"has the columns {', '.join(features)}: one of images (datasets.Image) and one called label are needed"
            )
            raise UserError(f"{root}: {text}")
        bare = [part.cast_column(images[0], library.Image(decode=False)) for part in parts]
        return cls(root, (bare[0], bare[1]), images[0], labels[0])

    def facts(self) -> dict[str, Any]:
        """What is to be known before the images are read: their shape from their headers, their counts, the classes."""
        from PIL import Image

        shapes: Counter[tuple[int, int]] = Counter()
        grey = True
        for part in self.parts:
            for place, row in enumerate(part):
                with self._named(place), Image.open(io.BytesIO(self._bytes(row))) as image:
                    shapes[image.size] += 1
                    grey = grey and image.mode in ("1", "L", "LA")
        (usual, _), *more = shapes.most_common()
        if more or usual[0] != usual[1]:
            text = " and ".join(f"{width}x{height}" for width, height in shapes)
            raise UserError(f"{self.root}: has images of {text}: give all one square size first")
        counts = Counter(self.parts[0][self.label])
        labels, train = sorted(counts), len(self.parts[0])
        names = getattr(self.parts[0].features[self.label], "names", None)
        return {
            "channels": 1 if grey else 3,
            "size": usual[0],
            "labels": labels,
            "names": [names[label] if names else str(label) for label in labels],
            "train": train,
            "test": len(self.parts[1]),
            "most_frequent": max(counts.values()) / train,
        }

    def tensors(self, train: bool, channels: int, labels: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Images and labels of a part."""
        from PIL import Image

        part, mode = self.parts[0 if train else 1], "L" if channels == 1 else "RGB"
        images = []
        for place, row in enumerate(part):
            with self._named(place), Image.open(io.BytesIO(self._bytes(row))) as image:
                images.append(np.asarray(image.convert(mode)))
        try:
            return image_tensor(np.stack(images)), label_tensor(np.asarray(part[self.label]), labels)
        except ValueError as error:
            raise UserError(f"{self.root}: its column {self.label} {error}") from None

    def _bytes(self, row: dict[str, Any]) -> bytes:
        stored = row[self.image]
        return stored["bytes"] or Path(stored["path"]).read_bytes()

    @contextlib.contextmanager
    def _named(self, place: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # what a library of many formats raises for what is not of its format
            raise UserError(f"{self.root}: image {place} of a part cannot be read ({error})") from None


def _split(part: Any) -> tuple[Any, Any]:
    tests = [is_test(str(place)) for place in range(len(part))]
    return tuple(part.select([place for place, one in enumerate(tests) if one != train]) for train in (True, False))


@contextlib.contextmanager
def _offline(root: Path) -> Iterator[Any]:
    """The library, kept from the network; what it raises becomes a line."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    try:
        import datasets
    except ImportError:
        raise UserError(
            f"{root}: data.name huggingface needs the package datasets: pip install 'resbench[hf]'"
        ) from None
    bars = datasets.utils.logging.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield datasets
    except Exception as error:  # of files in which the library finds no dataset
        raise UserError(f"{root}: datasets cannot read it: {' '.join(str(error).split())}") from None
    finally:
        if bars:
            datasets.enable_progress_bars()


@dataclass
class _Loader:
    """Reads a part, once in a process, and sees that the files are those that were found."""

    root: Path
    content: str
    channels: int
    size: int
    labels: Sequence[Any]
    parts: dict[bool, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def load(self, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of a part."""
        if train not in self.parts:
            if _content(self.root) != self.content:
                raise UserError(f"{self.root}: {CHANGED}")
            self.parts[train] = _Table.read(self.root).tensors(train, self.channels, self.labels)
        return self.parts[train]
