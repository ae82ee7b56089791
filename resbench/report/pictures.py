"""Keeps the pictures of the hardest test images of a study, where its data are at hand, for pages written without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resbench.records.pictures_file import Picture, PicturesFile
from resbench.report.study import load
from resbench.report.tables.hardest import EMBEDDED, Hardest, hardest

# dataset -> test images `(n, side, side)`, labels `(n,)` and the SHA-256 of both as records give it; None if not at hand
Read = Callable[[str], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], str] | None]


def keep_pictures(results: Path, name: str, read: Read) -> bool:
    """Write `pictures.json` of a study, unless what is there is enough; returns whether it was written.

    Raises:
        UserError: there is no such study, or the file cannot be written.
    """
    folder = results / name
    study = load(results, name)
    found = hardest(study, [], lambda _: "", PicturesFile.load(folder))
    if found is None or found.pictures or found.test_set.name in EMBEDDED:
        return False
    data = read(found.test_set.name)
    if data is None or data[2] != found.test_set.sha256:
        return False
    _file(found, data[0], data[1]).save(folder)
    return True


def _file(found: Hardest, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> PicturesFile:
    pictures = [Picture.of(image, int(labels[image]), pixels[image]) for image in map(int, found.rows["image"])]
    return PicturesFile(dataset=found.test_set.name, sha256=found.test_set.sha256, pictures=pictures)
