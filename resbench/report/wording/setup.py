"""On what an answer was found, in a line: the data, how long was trained, what networks, and how many seeds."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.core.cell import Value
from resbench.core.text import plural, show
from resbench.records.record import Record
from resbench.report.collapse import training_images
from resbench.report.foreign import trainers
from resbench.report.labels import data_name, listed
from resbench.report.outcomes import OPEN
from resbench.report.study import Study

_DATA, _EPOCHS = "data.name", "recipe.epochs"
_FIXED = ("model.depth", "model.width")
_SETS = {
    "mnist-5k": "5,000 images of MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "shapes": "made coloured shapes",
}


def setup_text(studies: Sequence[Study]) -> str:
    """`MNIST: 60,000 training and 10,000 test images; 1 epoch; width 16; 5 seeds a cell`, of what is known.

    Args:
        studies: that share a page; the line has what they have in common once, else each has its own line.
    """
    data = list(dict.fromkeys(filter(None, map(_data, studies))))
    rest = list(dict.fromkeys(map(_training, studies)))
    if len(rest) == 1:
        return "; ".join(filter(None, [" and ".join(data), rest[0]]))
    return "\n".join("; ".join(filter(None, [_data(study), _training(study)])) for study in studies)


def _data(study: Study) -> str:
    """`MNIST: 60,000 training and 10,000 test images`."""
    if own := trainers(study):
        tested = {record.predictions.images for record in study.records if record.predictions}
        return f"Training code: {listed(own)}{f'; {_range(tested)} test images' if tested else ''}"
    found = {data_name(record.settings): record for record in study.records if _DATA in record.settings}
    names = [_named(study, found[name]) for name in sorted(found)]
    trained = {training_images(record) for record in study.records}
    tested = {record.predictions.images for record in study.records if record.predictions}
    counts = [
        f"{_range(numbers)} {kind}" for numbers, kind in ((trained - {0}, "training"), (tested, "test")) if numbers
    ]
    images = f"{' and '.join(counts)} images" if counts else ""
    return ": ".join(filter(None, [listed(names), images]))


def _named(study: Study, record: Record) -> str:
    name = data_name(record.settings)
    if record.settings.get("data.path", "none") != "none":
        return name
    if _DATA in study.file.labels:
        return study.labels.value(_DATA, name)
    return _SETS.get(name, name.upper())


def _training(study: Study) -> str:
    """`1 epoch; width 16; 5 seeds a cell`."""
    if trainers(study):  # what it makes of epochs and widths is not known
        return _seeds(study)
    epochs = {value for value in _values(study, _EPOCHS) if isinstance(value, int)}
    parts = [f"{_range(epochs)} epoch{'' if epochs == {1} else 's'}"] if epochs else []
    network = [study.labels.value(path, found[0]) for path in _FIXED if len(found := _values(study, path)) == 1]
    return "; ".join(filter(None, [*parts, ", ".join(network), _seeds(study)]))


def _values(study: Study, path: str) -> list[Value]:
    """The values of a setting, among all cells of an axis, else among the records."""
    every = [cell.get(path) for _, cell, _ in study.cells] if path in study.axes else []
    every = every or [record.settings.get(path) for record in study.records]
    return list({show(value): value for value in every if value is not None}.values())


def _seeds(study: Study) -> str:
    counts = {int(runs["seed"].nunique()) for _, _, runs in study.cells} - {0}
    if not counts:
        return ""
    planned = " planned" if study.runs["status"].isin(OPEN).any() else ""
    noun = plural(max(counts), "seed").split(" ", 1)[1]
    return f"{_range(counts)} {noun} a cell{planned}"


def _range(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
