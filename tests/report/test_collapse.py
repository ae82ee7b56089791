"""Which runs ended and did not train: by their predictions, by their training, and among the committed records."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resbench.records.record import Predictions, Provenance, Record
from resbench.report.arms import Arm, arms_of
from resbench.report.collapse import collapsed, one_class, training_images
from resbench.report.study import load

ROOT = Path(__file__).parents[2]
MNIST = np.repeat(np.arange(10), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])


def record(predicted: Any, labels: Any = MNIST, train_accuracy: float | None = 0.99, **data: Any) -> Record:
    """A run that ended, of known predictions."""
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    data = {"name": "mnist", "train_size": 4000, "val_size": 0} | data
    out = Record("0" * 16, {"data": data, "seed": 0}, "ok", Provenance({}))
    out.predictions = Predictions.of(predicted, labels)
    accuracy = float((predicted == labels).mean())
    out.metrics = {"test_accuracy": accuracy, "test_error": 1 - accuracy, "train_accuracy": train_accuracy}
    return out


def mostly(label: int, share: float, labels: Any = MNIST) -> Any:
    """Predictions of one class for this share of the images, and of each other image its own class."""
    labels = np.asarray(labels)
    out = labels.copy()
    order = np.random.default_rng(0).permutation(len(labels))
    others = order[labels[order] != label]
    out[others[: round(share * len(labels)) - int((labels == label).sum())]] = label
    return out


@pytest.mark.parametrize("label", [0, 1, 5])
def test_one_class_for_99_of_100_test_images(label: int) -> None:
    assert one_class(record(np.full(10_000, label)))
    assert one_class(record(mostly(label, 0.991)))
    assert not one_class(record(mostly(label, 0.985)))  # the others are right, and known to be of other classes
    rest = np.full(10_000, label)
    rest[:150] = 9 - label
    assert not one_class(record(rest))


def test_one_class_of_images_that_nothing_is_known_of() -> None:
    labels = np.repeat(np.arange(10), 50)
    assert one_class(record(np.full(500, 3), labels, name="another"))
    assert not one_class(record(labels[::-1], labels, name="another"))
    one_error = labels.copy()
    one_error[0] = 3
    assert not one_class(record(one_error, labels)) and not one_class(record(labels, labels))


def test_a_training_accuracy_within_three_standard_errors_of_guessing() -> None:
    """Of 4,000 digits 449 show a 1: .11225 + 3 sqrt(.11237 .88763 / 4000) = .1274."""
    spread = np.where(np.random.default_rng(1).random(10_000) < 0.05, MNIST, 9 - MNIST)
    assert not one_class(record(spread))
    assert collapsed(record(spread, train_accuracy=0.127))
    assert not collapsed(record(spread, train_accuracy=0.128))
    assert collapsed(record(spread, train_accuracy=0.114, name="fashion-mnist"))  # of ten equal classes to .1142
    assert not collapsed(record(spread, train_accuracy=0.115, name="fashion-mnist"))
    assert not collapsed(record(spread, train_accuracy=None))


def test_a_short_training_that_ends_well_is_no_collapse() -> None:
    """Its accuracy is measured while it learns, on 64 images."""
    good = np.where(np.random.default_rng(2).random(10_000) < 0.6, MNIST, 9 - MNIST)
    assert not collapsed(record(good, train_accuracy=0.2, train_size=64))
    assert collapsed(record(np.full(10_000, 1), train_accuracy=0.2, train_size=64))


def test_with_two_classes_far_above_guessing_is_half_way_to_all() -> None:
    """Twice guessing would be all of the images, and a network that errs in one direction no network of one class."""

    def of_two(predicted: Any, train_accuracy: float) -> Record:
        out = record(predicted, labels, train_accuracy, name="folder", train_size=44)
        return dataclasses.replace(
            out, provenance=Provenance({"dataset": {"classes": 2, "train": 60, "most_frequent": 0.5}})
        )

    labels = np.repeat([0, 1], 50)
    assert not collapsed(of_two(labels, 0.6))  # of 44 images guessing may get 73 % right
    assert collapsed(of_two(np.where(np.arange(100) % 5 < 2, labels, 1 - labels), 0.6))
    one_way = labels.copy()
    one_way[:5] = 1
    assert not one_class(of_two(one_way, 0.99))
    assert one_class(of_two(np.ones(100, dtype=int), 0.6))


def test_training_images_by_their_settings() -> None:
    assert training_images(record(MNIST)) == 4000
    assert training_images(record(MNIST, train_size="all")) == 60_000
    assert training_images(record(MNIST, train_size="all", val_size="auto")) == 54_000
    assert training_images(record(MNIST, name="another")) == 0


def test_only_runs_that_ended_collapse() -> None:
    lost = record(np.full(10_000, 1))
    assert collapsed(lost) and not collapsed(dataclasses.replace(lost, status="diverged"))


def arm(study: str, **values: str) -> Arm:
    """The arm of a committed study by the last parts of its axes."""
    found = [
        one
        for one in arms_of(load(ROOT / "results", study)).values()
        if all(str(one.cell[path]) == wanted for path in one.cell if (wanted := values.get(path.split(".")[-1])))
    ]
    assert len(found) == 1
    return found[0]


def test_committed_runs_that_did_not_train() -> None:
    identity = arm("norm", shortcut="identity", norm="none", grad_clip="none")
    plain = arm("norm", shortcut="none", norm="none", grad_clip="none")
    assert (identity.diverged, identity.collapsed, len(identity.begun)) == (4, 4, 8)
    assert (plain.diverged, plain.collapsed, len(plain.begun)) == (2, 6, 8)
    assert identity.none_trained and plain.none_trained and not identity.ended
    fixup = arm("branch", branch="fixup", norm="none")
    assert (len(fixup.ended), fixup.collapsed) == (3, 5) and not fixup.whole
    deep = arm("depth", depth="100", shortcut="none")
    assert (deep.collapsed, len(deep.ended)) == (5, 5) and deep.whole  # none is left out of its mean
    # the records say what they said
    assert Counter(one.status for one in load(ROOT / "results", "branch").records) == {"ok": 48}
