"""Data of a user's own: small images in folders, in which the class can be read off the first pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def picture(label: int, number: int, side: int = 8, channels: int = 3) -> npt.NDArray[np.uint8]:
    """An image `(side, side, channels)`, or `(side, side)` of one channel; no two numbers have the same."""
    draw = np.random.default_rng(1000 * label + number)
    out = draw.integers(0, 256, (side, side, channels), dtype=np.uint8)
    out[0, 0] = label
    return out if channels > 1 else out[:, :, 0]


def picture_folder(root: Path, each: int = 40, side: int = 8, channels: int = 3, first: int = 0) -> Path:
    """Three classes, `a`, `b` and `c`, with so many images each."""
    for label, name in enumerate("abc"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + each):
            Image.fromarray(picture(label, number, side, channels)).save(root / name / f"{number:03}.png")
    return root
