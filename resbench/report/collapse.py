"""Runs that ended and did not train: `collapsed`, computed from what records hold, which stay as they are.

A run collapsed if its network takes at least 99 % of the test images for one class, or if the share of training images
that it gets right in its last epoch lies within three standard errors of guessing: `g + 3 sqrt(g (1 - g) / n)` for n
training images, of which the most frequent class has the share g. A training accuracy is measured while the weights
change: in a short training it may be low and the network good, so a run that is far above guessing on the test images
(`far_above`) did not collapse for its training accuracy. Next to a collapsed run of its cell, a run that is not far
above guessing did not train either: the cell is one of networks that guess.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from resbench.data.known_sets import DATASET_FACTS, KNOWN_SETS, KnownSet, known_test_set
from resbench.records.record import Record
from resbench.report.frames import groups

if TYPE_CHECKING:
    import pandas as pd

ONE_CLASS = 0.99
STANDARD_ERRORS = 3.0  # standard errors
FAR = 2.0  # times guessing
_CLASSES = 10  # where nothing is known of the data


def far_above(guess: float) -> float:
    """The share of test images from which a network is far above guessing: twice as many, but with few classes half way to all."""
    return min(FAR * guess, (1 + guess) / 2)


def with_collapsed(runs: pd.DataFrame, axes: Sequence[str], records: Mapping[str, Record]) -> pd.DataFrame:
    """The rows of a study with the status `collapsed` in place of `ok` where a run did not train.

    It is found from these rows alone: what was found next to rows that are not among them is found again.
    """
    status = runs["status"].replace("collapsed", "ok")
    for _, part in groups(runs.assign(status=status), axes):
        ended = part.loc[part["status"] == "ok", "id"]
        lost = ended.map(lambda run_id: collapsed(records[run_id]))
        if lost.any():
            status[ended.index[lost | ended.map(lambda run_id: _guesses(records[run_id]))]] = "collapsed"
    return runs.assign(status=status)


def collapsed(record: Record) -> bool:
    """Whether a run that ended did not train, by itself; of a user's own data and training code that is not known."""
    if foreign(record):
        return False
    return record.status == "ok" and (one_class(record) or _learnt_nothing(record))


def foreign(record: Record) -> bool:
    """Whether a user's own code trained: its data are not those of `data.name`, unless it says so."""
    return "trainer" in record.config


def one_class(record: Record) -> bool:
    """Whether a network takes nearly all test images for one class.

    A record holds the class of the images that are missed. Those of that class itself are right: how many they are is
    known of known data, and elsewhere they may be as many as is far above a balanced part.
    """
    predictions = record.predictions
    if predictions is None or not predictions.images or not predictions.wrong:
        return False
    right, likely = predictions.images - predictions.wrong.count(":"), far_above(1 / _classes(record))
    if right > likely * predictions.images:  # more than any class is likely to have
        return False
    ((label, taken),) = Counter(predictions.classes().values()).most_common(1)
    known = known_test_set(_dataset(record), predictions.images, record.provenance.test_sha256)
    most = known.test_share(label) if known else likely
    return taken + min(right, round(most * predictions.images)) >= ONE_CLASS * predictions.images


def _learnt_nothing(record: Record) -> bool:
    """Whether the training accuracy is that of guessing, and nothing else says that the network learnt."""
    accuracy, images, known = record.metrics.get("train_accuracy"), training_images(record), _known(record)
    if accuracy is None or not images or known is None or _learnt(record):
        return False
    guess = known.most_frequent
    return accuracy <= guess + STANDARD_ERRORS * math.sqrt(guess * (1 - guess) / images)


def training_images(record: Record) -> int:
    """How many images a run was trained on, by its settings; 0 if they do not say."""
    data, known = record.config.get("data"), _known(record)
    if not isinstance(data, dict) or known is None or foreign(record):
        return 0
    size, val = data.get("train_size", "all"), data.get("val_size", "auto")
    if isinstance(size, int):
        return size
    return known.train - (val if isinstance(val, int) else known.train // 10)


def _learnt(record: Record) -> bool:
    """Whether a network is far above guessing on the test images."""
    accuracy = record.metrics.get("test_accuracy")
    return accuracy is not None and accuracy > far_above(_guess(record))


def _guesses(record: Record) -> bool:
    return record.metrics.get("test_accuracy") is not None and not _learnt(record)


def _guess(record: Record) -> float:
    """The share of test images that guessing gets right."""
    known = _known(record)
    return known.most_frequent if known else 1 / _CLASSES


def chance_error(records: Sequence[Record]) -> float:
    """The share of test images that guessing gets wrong; NaN where that is not known, or records are of several data sets."""
    if any(map(foreign, records)):
        return math.nan
    guesses = {1 / _classes(record) for record in records}
    return 1 - guesses.pop() if len(guesses) == 1 else math.nan


def _classes(record: Record) -> int:
    known = _known(record)
    return known.classes if known else _CLASSES


def _known(record: Record) -> KnownSet | None:
    """The dataset of a record: one of ours, or one of which the record itself has the facts."""
    classes, train, most = (record.provenance.flat.get(f"dataset.{name}") for name in DATASET_FACTS)
    if isinstance(classes, int) and isinstance(train, int) and isinstance(most, float) and classes > 0 < most <= 1:
        return KnownSet(classes, train, most)
    return KNOWN_SETS.get(_dataset(record))


def _dataset(record: Record) -> str:
    data = record.config.get("data")
    return str(data.get("name", "")) if isinstance(data, dict) else ""
