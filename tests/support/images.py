"""Data roots with made-up images, in the layout of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_idx(path: Path, array: npt.NDArray[Any], kind: int = 8, dtype: str = "u1") -> None:
    """A file of the format of MNIST; bytes by default."""
    head = bytes([0, 0, kind, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.astype(dtype).tobytes())


def kmnist(root: Path, test_seed: int) -> Path:
    """A data root in which each class has a bar in a row of its own.

    Of a dataset whose checksum is not known without its archives.
    """
    raw = root / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count, seed in (("train", 60_000, 0), ("t10k", 10_000, test_seed)):
        labels = np.random.default_rng(seed).integers(0, 10, count, dtype=np.uint8)
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        images[np.arange(count), 2 * labels + 3] = 255
        write_idx(raw / f"{part}-images-idx3-ubyte", images)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return root
