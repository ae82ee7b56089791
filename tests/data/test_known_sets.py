"""What is known of datasets without reading them is what reading them gives."""

import numpy as np
import pytest

from resbench.data.checksums import SHA256
from resbench.data.dataset import Dataset
from resbench.data.datasets import DATASETS
from resbench.data.embedded import mnist_5k
from resbench.data.known_sets import KNOWN_SETS, known_test_set


def test_sizes_are_those_of_the_datasets() -> None:
    datasets = {name: entry for name, entry in DATASETS.items() if isinstance(entry, Dataset)}
    assert KNOWN_SETS.keys() == datasets.keys()
    for name, known in KNOWN_SETS.items():
        dataset = datasets[name]
        assert (known.classes, known.train) == (dataset.classes, dataset.train), name
        if known.test:
            assert len(known.test) == dataset.classes and sum(known.test) == dataset.test, name
        assert 1 / known.classes <= known.most_frequent < 1.2 / known.classes, name


def test_embedded_classes_are_counted() -> None:
    known = KNOWN_SETS["mnist-5k"]
    assert np.bincount(mnist_5k(False)[1]).tolist() == list(known.test)
    assert np.bincount(mnist_5k(True)[1]).max() / known.train == known.most_frequent
    assert KNOWN_SETS["mnist"].test_share(1) == 0.1135  # the accuracy of taking every digit for a 1


@pytest.mark.parametrize(("name", "images", "sha256", "found"), [
    ("mnist", 10_000, SHA256["mnist", False], True),
    ("mnist", 10_000, None, True),  # older records have no digest
    ("mnist", 10_000, "0" * 64, False),
    ("mnist", 1_000, None, False),
    ("qmnist", 60_000, None, False),
    ("", 10_000, None, False),
])  # fmt: skip
def test_classes_are_known_of_the_very_images_only(name: str, images: int, sha256: str | None, found: bool) -> None:
    assert (known_test_set(name, images, sha256) is not None) == found
