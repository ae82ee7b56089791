"""The parts of a record: what a network said of the test images, where it was trained, and why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.core.config import flatten
from resbench.core.json_reader import Json


@dataclass(frozen=True)
class Predictions:
    """What a network said of each test image, as the exceptions.

    Attributes:
        images: how many there are.
        wrong: `index:class`, separated by spaces, for every image that is not classified as its label; `index` alone where
            a user's training code does not say as what it is classified.
    """

    images: int
    wrong: str

    @classmethod
    def of(cls, predicted: npt.NDArray[np.integer[Any]], labels: npt.NDArray[np.integer[Any]]) -> Predictions:
        """From classes, both `(n,)`."""
        wrong = np.flatnonzero(predicted != labels)
        return cls(len(labels), " ".join(f"{index}:{predicted[index]}" for index in wrong))

    def errors(self) -> npt.NDArray[np.bool_]:
        """Whether each test image was misclassified, `(n,)`."""
        out = np.zeros(self.images, dtype=np.bool_)
        for item in self.wrong.split():
            out[int(item.partition(":")[0])] = True
        return out

    @property
    def has_classes(self) -> bool:
        """Whether it is known as what the misclassified images are classified."""
        return self.wrong.count(":") == len(self.wrong.split())

    def classes(self) -> dict[int, int]:
        """Image -> class, of every misclassified image of which it is known."""
        pairs = (item.split(":") for item in self.wrong.split() if ":" in item)
        return {int(index): int(label) for index, label in pairs}


@dataclass(frozen=True)
class Provenance:
    """Code, libraries, hardware and data of a run: facts as they were written, whatever the version that wrote them."""

    facts: Mapping[str, Json]

    @cached_property
    def flat(self) -> dict[str, Json]:
        """Dotted path -> fact."""
        return flatten(self.facts)

    def text(self, path: str) -> str:
        """A fact as text; empty where it is not known."""
        value = self.flat.get(path)
        return "" if value is None else str(value)

    @property
    def device(self) -> str:
        """Type of the torch device."""
        return self.text("device")

    @property
    def precision(self) -> str:
        return self.text("precision")

    @property
    def threads(self) -> int:
        value = self.facts.get("threads")
        return value if isinstance(value, int) else 0

    @property
    def test_sha256(self) -> str | None:
        """Digest of the test images and labels; None in older records."""
        return self.text("test_sha256") or None

    def with_facts(self, **facts: Json) -> Provenance:
        return Provenance({**self.facts, **facts})


@dataclass(frozen=True)
class RunError:
    """Why a run is not ok.

    Attributes:
        details: of a failed one the `traceback`; of a diverged one the `step` and the `last_loss`.
    """

    kind: str
    message: str
    details: Mapping[str, Json] = field(default_factory=dict)
