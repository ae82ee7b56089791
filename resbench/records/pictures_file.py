"""What `pictures.json` holds: the test images that most runs of a study miss, so that its page needs no data set to draw them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from resbench.core.files import hidden, replace
from resbench.records.part import Part

NAME = "pictures.json"
Pixels = npt.NDArray[np.uint8]


class Picture(Part):
    """A grey image.

    Attributes:
        image: its index in the test set.
        label: its class by the data set.
        side: pixels in a row.
        pixels: their bytes, row by row, as base64.
    """

    image: Annotated[int, Field(ge=0)]
    label: Annotated[int, Field(ge=0)]
    side: Annotated[int, Field(ge=1, le=256)]
    pixels: str

    @classmethod
    def of(cls, image: int, label: int, pixels: Pixels) -> Picture:
        """A picture from its pixels `(side, side)`."""
        text = base64.b64encode(pixels.tobytes()).decode("ascii")
        return cls(image=image, label=label, side=len(pixels), pixels=text)

    @property
    def drawn(self) -> Pixels | None:
        """The pixels `(side, side)`; None if they are damaged."""
        try:
            data = base64.b64decode(self.pixels, validate=True)
        except (binascii.Error, ValueError):
            return None
        return np.frombuffer(data, np.uint8).reshape(self.side, self.side) if len(data) == self.side**2 else None


class PicturesFile(Part):
    """Test images of one data set.

    Attributes:
        dataset: its name.
        sha256: of all its test images and labels, as records give it.
    """

    dataset: str
    sha256: str
    pictures: list[Picture]

    @classmethod
    def load(cls, folder: Path) -> PicturesFile | None:
        """That of a study; None without one that can be read."""
        try:
            return cls.read(folder / NAME)
        except (OSError, ValueError):
            return None

    def save(self, folder: Path) -> None:
        """Write it next to the records.

        Raises:
            Unwritable: then an earlier one stays.
        """
        replace(folder / NAME, f"{json.dumps(self.to_json(), indent=1)}\n".encode(), hidden(folder / ".work"))

    def of_images(self, images: Iterable[int]) -> dict[int, Picture]:
        """By index; empty if one of them is not there or is damaged."""
        known = {one.image: one for one in self.pictures if one.drawn is not None}
        wanted = list(images)
        return {image: known[image] for image in wanted} if all(image in known for image in wanted) else {}
