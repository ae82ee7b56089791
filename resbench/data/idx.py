"""The datasets in files of the format of MNIST, packed by gzip or not: where they lie, and what they hold."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.data.checksums import damage
from resbench.data.dataset import Piece
from resbench.data.download import RENEW, download

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclass(frozen=True)
class IdxFiles:
    """The files of a dataset.

    Attributes:
        name: of torchvision's class, and of the folder in the data directory.
        train, test: the names of the files of images and labels.
        split: of torchvision's class, if it has several.
        turned: whether the images have rows for columns.
    """

    name: str
    train: tuple[str, str] = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    test: tuple[str, str] = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    split: str = ""
    turned: bool = False

    def folders(self, directory: Path) -> list[Path]:
        """Where the files are looked for, the place first where torchvision puts them."""
        here = directory.absolute()
        return [here / self.name / "raw", here / self.name, here / "raw", here]

    def find(self, directory: Path, file: str) -> Path | None:
        """Where a file is: under its own name, with a dot for the last hyphen but one as some have it, or packed."""
        dotted = file.replace("-idx", ".idx")
        names = [file, f"{file}.gz", dotted, f"{dotted}.gz"]
        return next((path for one in self.folders(directory) for name in names if (path := one / name).is_file()), None)

    def pieces(self, directory: Path) -> list[Piece]:
        """The files, each where it is or would be put."""
        found = {file: self.find(directory, file) for file in (*self.train, *self.test)}
        return [Piece(path or self.folders(directory)[0] / file, path is not None) for file, path in found.items()]

    def fetch(self, directory: Path, path: str = "") -> None:
        """Download them.

        Raises:
            UserError: that fails.
        """
        folder = self.folders(directory)[0]
        options = {"split": self.split} if self.split else {}
        download(self.name, directory, [{"train": train, **options} for train in (True, False)], folder / self.train[0])

    def load(self, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of a part; what is not there is downloaded."""
        files = self.train if train else self.test
        paths = [self.find(directory, file) for file in files]
        if None in paths:
            self._check_near(directory)
            try:
                self.fetch(directory)
            except UserError as error:
                missing = files[paths.index(None)]
                raise UserError(self._missing(directory, missing, error.lines[0])) from None
            paths = [self.find(directory, file) or self.folders(directory)[0] / file for file in files]
        if damaged := damage(self.name, directory, train):
            raise UserError(f"{damaged}: {RENEW}")
        images, labels = (read_idx(path) for path in paths if path)
        pixels = torch.from_numpy(images[:, None])
        targets = torch.from_numpy((labels if labels.ndim == 1 else labels[:, 0]).astype(np.int64))
        return (pixels.transpose(2, 3) if self.turned else pixels).contiguous(), targets

    def _check_near(self, directory: Path) -> None:
        """See that the files are not below another folder of the directory; they would be downloaded for nothing."""
        near = [
            path.parents[1] for path in sorted(directory.absolute().glob(f"*/{self.name}/raw")) if any(path.iterdir())
        ]
        if near:
            place = near[0] / self.name / "raw"
            raise UserError(
                f"{self.folders(directory)[0]}: {self.name} is not there, but in {place}: use --data-dir {near[0]}"
            )

    def _missing(self, directory: Path, file: str, reason: str) -> str:
        first, *_, last = self.folders(directory)
        return (
            f"{first / file}: not there, nor in {last}, its {self.name} or its raw (it may end in .gz), and could not be "
            f"downloaded ({reason}): put it there, or name its folder with --data-dir or RESBENCH_DATA"
        )


def read_idx(path: Path) -> npt.NDArray[np.generic]:
    """The array in a file, unpacked if its name ends in .gz.

    Raises:
        UserError: the file is damaged.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged: {error}: {RENEW}") from None
    rank = content[3] if len(content) >= 4 else 0
    start = 4 + 4 * rank
    whole = len(content) >= start > 4 and content[2] in _TYPES
    sizes = [int(size) for size in np.frombuffer(content[4:start], dtype=">u4")] if whole else []
    kind = np.dtype(_TYPES[content[2]] if whole else "u1")
    expected = start + kind.itemsize * math.prod(sizes)
    if not whole or len(content) != expected:
        problem = f"where its header promises {expected}" if whole else "are not even a header"
        raise UserError(f"{path}: damaged: {len(content)} bytes {problem}: {RENEW}")
    return np.frombuffer(content, dtype=kind, offset=start).reshape(sizes).astype(kind.newbyteorder("="))
