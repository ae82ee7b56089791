"""`data: {name: folder, path: ../shapes}`: images of one square size by class, in subfolders.

`train/` and `test/` hold the classes where they are there; else a fifth of the images tests, by a hash of their names. Grey
images stay grey where all are; with a coloured one among them all become RGB. What is transparent becomes opaque.
"""

from __future__ import annotations

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
from resbench.core.lazy import lazy
from resbench.core.text import plural
from resbench.data.dataset import CHANGED, Dataset, Opened
from resbench.data.examined import digest_of_bytes, examined
from resbench.data.parts import is_test

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
_GREY = {"1", "L", "LA"}
_COLOURED = {"P", "RGB", "RGBA", "CMYK", "YCbCr", "PA", "RGBX", "HSV", "LAB"}


@dataclass(frozen=True)
class _Image:
    """An image as it was found; `name` is its path from the folder on, `digest` that of its file."""

    name: str
    label: int
    test: bool
    digest: str
    width: int
    height: int
    mode: str


def open_folder(base: Path, text: str) -> Opened:
    """The dataset in a folder.

    Raises:
        UserError: there is no such folder, or its images are of no one shape; the first file that is wrong is named.
    """
    root = base / user_path(text)
    if not root.is_dir():
        raise UserError(f"{root.absolute()}: no such folder: data.path starts at the folder of the grid file")
    classes, places = _classes(root)
    files = {name: f"{root}{os.sep}{name}" for name in places}
    images = [_Image(name, *places[name], *found) for name, found in examined(root, "images", files, _look_at).items()]
    size = _side(root, images)
    counts = Counter(image.label for image in images if not image.test)
    train, channels = counts.total(), 1 if all(image.mode in _GREY for image in images) else 3
    test = len(images) - train
    if not test:
        raise UserError(
            f"{root}: no image tests: a fifth does, by a hash of its name; with so few add train/ and test/"
        )
    absent = [name for label, name in enumerate(classes) if not counts[label]]
    if absent:
        raise UserError(f"{root}: no image of {absent[0]} trains: add images, or remove its folder")
    dataset = Dataset(
        _Loader(root, images, channels, size).load,
        channels,
        size,
        len(classes),
        train,
        test,
        about=f"{len(classes)} classes of images in {root}",
        remote=False,
        most_frequent=max(counts.values()) / train,
        labels=classes,
    )
    lines = [f"{image.name}\n{image.digest}\n" for image in images]
    return Opened(digest("".join(["folder 1\n", *lines])), dataset)


def _classes(root: Path) -> tuple[list[str], dict[str, tuple[int, bool]]]:
    """The names of the classes in order, and of each image its class and whether it tests, sorted by name."""
    parts = _folders(root)
    if "train" in parts and "test" in parts:
        if more := [name for name in parts if name not in ("train", "test")]:
            raise UserError(f"{root / more[0]}: a folder next to train and test, which hold the classes: move it away")
        classes = _sorted(_folders(root / "train"))
        if new := [name for name in _folders(root / "test") if name not in classes]:
            raise UserError(f"{root / 'test' / new[0]}: a class without a folder in {root / 'train'}")
        tops = [(f"{part}/{name}", label, part) for part in ("train", "test") for label, name in enumerate(classes)]
    else:
        classes = _sorted(parts)
        tops = [(name, label, "") for label, name in enumerate(classes)]
    if len(classes) < 2:
        where = root / "train" if "train" in parts and "test" in parts else root
        raise UserError(f"{where}: {plural(len(classes), 'folder')} of images where each class needs one")
    out: dict[str, tuple[int, bool]] = {}
    for top, label, part in tops:
        found = list(_images(root, top)) if (root / top).is_dir() else []
        if not found and part != "test":
            raise UserError(f"{root / top}: no image in it: each folder is a class (images end in .png, .jpg, ...)")
        out |= {name: (label, part == "test" if part else is_test(name)) for name in found}
    return classes, {name: out[name] for name in sorted(out)}


def _folders(root: Path) -> list[str]:
    """The subfolders that are not hidden; an image next to them is of no class."""
    names = []
    for entry in sorted(root.iterdir()):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            names.append(entry.name)
        elif entry.suffix.lower() in _ENDINGS:
            raise UserError(f"{entry}: an image outside the folders of the classes: move it into one")
    return names


def _sorted(names: Sequence[str]) -> list[str]:
    """By number where all are numbers, else by name."""
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _images(root: Path, top: str) -> Iterator[str]:
    """The paths of the images below a folder of a class, from the root on."""
    for folder, folders, names in os.walk(root / top, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(folder).relative_to(root).as_posix()
        for name in names:
            if not name.startswith(".") and name[name.rfind(".") :].lower() in _ENDINGS:
                yield f"{inner}/{name}"


def _look_at(path: Path) -> list[Any]:
    """Digest, width, height and mode of a file; its pixels are not decoded."""
    from PIL import Image

    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            return [digest_of_bytes(content), image.width, image.height, image.mode]
    except Exception as error:  # what a library of many formats raises for a file that is not of its format
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = str(error).replace(str(path), "").partition("<")[0].strip(" :") or type(error).__name__
    return UserError(f"{path}: cannot be read as an image ({reason}): mend or remove it")


def _side(root: Path, images: Sequence[_Image]) -> int:
    """The side of all images.

    Raises:
        UserError: they are not square, of several sizes, or not of 8 bits a channel.
    """
    (usual, _), *more = Counter((image.width, image.height) for image in images).most_common()
    if more:
        other = next(image for image in images if (image.width, image.height) != usual)
        text = f"is {other.width}x{other.height}, and most are {usual[0]}x{usual[1]}"
        raise UserError(f"{root / other.name}: {text}: give all images one square size first")
    if usual[0] != usual[1]:
        raise UserError(f"{root / images[0].name}: is {usual[0]}x{usual[1]}: give all images one square size first")
    for image in images:
        if image.mode not in _GREY | _COLOURED:
            raise UserError(f"{root / image.name}: has pixels of the kind {image.mode}: save it with 8 bits a channel")
    return usual[0]


@dataclass
class _Loader:
    """Decodes the images of a part, once in a process, and sees that the files are those that were found."""

    root: Path
    images: Sequence[_Image]
    channels: int
    size: int
    parts: dict[bool, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def load(self, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of a part."""
        if train not in self.parts:
            images = [image for image in self.images if image.test != train]
            pixels = np.empty((len(images), self.channels, self.size, self.size), dtype=np.uint8)
            for place, image in enumerate(images):
                self._decode(image, pixels[place])
            labels = torch.tensor([image.label for image in images], dtype=torch.int64)
            self.parts[train] = torch.from_numpy(pixels), labels
        return self.parts[train]

    def _decode(self, image: _Image, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        from PIL import Image

        path = self.root / image.name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}: {CHANGED}") from None
        if digest_of_bytes(content) != image.digest:
            raise UserError(f"{path}: {CHANGED}")
        try:
            with Image.open(io.BytesIO(content)) as file:
                decoded = np.asarray(file.convert("L" if self.channels == 1 else "RGB"))
        except Exception as error:
            raise _unreadable(path, error) from None
        pixels[:] = decoded[None] if self.channels == 1 else decoded.transpose(2, 0, 1)
