"""What is known of the datasets without reading them, and without torch: their sizes, and how often a class comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resbench.data.checksums import SHA256


@dataclass(frozen=True)
class KnownSet:
    """A dataset.

    Attributes:
        train: training images, before validation images are taken from them.
        most_frequent: share of the training images that the most frequent class has; stratified parts have the same.
        test: test images of each class; empty if that is not known.
    """

    classes: int
    train: int
    most_frequent: float
    test: Sequence[int] = ()

    def test_share(self, label: int) -> float:
        """The share of the test images that a class has; NaN if it is not known."""
        return self.test[label] / sum(self.test) if label < len(self.test) else float("nan")


_DIGITS = 6742 / 60_000  # of the training images of MNIST show a 1
KNOWN_SETS: Mapping[str, KnownSet] = {
    "mnist-5k": KnownSet(10, 4000, 1 / 10, (100,) * 10),
    "shapes": KnownSet(6, 2400, 1 / 6, (100,) * 6),
    "mnist": KnownSet(10, 60_000, _DIGITS, (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)),
    "fashion-mnist": KnownSet(10, 60_000, 1 / 10, (1000,) * 10),
    "kmnist": KnownSet(10, 60_000, 1 / 10, (1000,) * 10),
    "qmnist": KnownSet(10, 60_000, _DIGITS),
    "emnist": KnownSet(47, 112_800, 1 / 47, (400,) * 47),
    "cifar10": KnownSet(10, 50_000, 1 / 10, (1000,) * 10),
}


DATASET_FACTS = ("classes", "train", "most_frequent")  # that a record has of a dataset which is none of these


def known_test_set(name: str, images: int, sha256: str | None) -> KnownSet | None:
    """The dataset, if a test part of this size and digest is the one whose classes are known."""
    known = KNOWN_SETS.get(name)
    digest = SHA256.get((name, False))
    if known is None or sum(known.test) != images or (sha256 and digest and sha256 != digest):
        return None
    return known
