"""Which datasets are there, which files are missing, and where they would be put, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import plural
from resbench.data.dataset import Dataset, Format, read_dataset
from resbench.data.datasets import DATASETS
from resbench.data.torchvision_sets import find_set

_MOST_LABELS = 12  # of a dataset that are listed


class Named(NamedTuple):
    """A dataset as a user names it: one of ours, or a format and the path of the files."""

    name: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.path}" if self.path else self.name


def named(text: str) -> Named:
    """What a text names: `mnist`, `npz:images.npz`, `torchvision:SVHN`; or a path or a set of torchvision alone.

    Raises:
        UserError: nothing that is known.
    """
    name, colon, path = text.partition(":")
    if name in DATASETS:
        entry = DATASETS[name]
        if isinstance(entry, Format) and not path:
            raise UserError(f"{text}: {entry.about}: write {name}:PATH, where PATH is {entry.path}")
        if colon and isinstance(entry, Dataset):
            raise UserError(f"{text}: {name} needs no path")
        return Named(name, path)
    place = Path(text).expanduser()
    if place.is_dir():
        saved = any((place / file).is_file() for file in ("dataset_dict.json", "state.json"))
        return Named("huggingface" if saved else "folder", text)
    if place.is_file():
        return Named("npz", text)
    try:
        find_set(text)
    except UserError:
        raise UserError(
            f"{text}: no dataset, no set of torchvision, and no such file or folder{suggestion(text, DATASETS)}; "
            f"there are {', '.join(DATASETS)}"
        ) from None
    return Named("torchvision", text)


def overview(directory: Path) -> Iterator[str]:
    """A line for each name that a grid file can give."""
    yield f"data directory: {directory.absolute()} (another one: --data-dir, or RESBENCH_DATA)"
    for name, entry in DATASETS.items():
        state, words = "", ""
        if isinstance(entry, Format):
            state, words = "yours", f"{entry.about}; data.path: {entry.path}"
        else:
            pieces = entry.pieces(directory)
            missing = [piece.path for piece in pieces if not piece.there]
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            state = "missing" if missing else "there"
            words = entry.about + (f"; needs {missing[0]}{more}: resbench data fetch {name}" if missing else "")
            words += f"; in {pieces[0].path.parent}" if pieces and not missing else ""
        yield f"{name:14} {state:8} {words}"


def details(what: Named, directory: Path) -> tuple[list[str], bool]:
    """What is known of a dataset, in lines, and whether all of its files are there.

    Raises:
        UserError: the files of a path are not there, or not those of a dataset.
    """
    entry = DATASETS[what.name]
    if isinstance(entry, Format):
        dataset = entry.open(entry.folder(), what.path).dataset
        return [*_facts(what, dataset), f"in a grid file: data: {{name: {what.name}, path: {what.path}}}"], True
    pieces = entry.pieces(directory)
    lines = [*_facts(what, entry), *(f"{'there' if one.there else 'missing':8} {one.path}" for one in pieces)]
    whole = all(piece.there for piece in pieces)
    if not whole:
        lines.append(f"to download it: resbench data fetch {what} --data-dir {directory.absolute()}")
    return [*lines, f"in a grid file: data: {{name: {what.name}}}"], whole


def _facts(what: Named, dataset: Dataset) -> Iterator[str]:
    labels = list(dataset.labels)
    listed = ", ".join(labels[:_MOST_LABELS]) + (", ..." if len(labels) > _MOST_LABELS else "")
    kind = "grey" if dataset.channels == 1 else "RGB" if dataset.channels == 3 else f"{dataset.channels}-channel"
    yield f"{what}: {dataset.about}"
    yield (
        f"{plural(dataset.train, 'training image')} and {plural(dataset.test, 'test image')}, {kind}, "
        f"{dataset.size}x{dataset.size} pixels, {dataset.classes} classes{f': {listed}' if listed else ''}"
    )
    if dataset.most_frequent:
        yield f"the most frequent class has {100 * dataset.most_frequent:.1f} % of the training images"


def fetch(what: Named, directory: Path) -> Iterator[str]:
    """Download a dataset into the data directory, and see that it is what it should be; says what was done.

    Raises:
        UserError: it cannot be downloaded.
    """
    entry, where = DATASETS[what.name], directory.absolute()
    if isinstance(entry, Dataset) and all(piece.there for piece in entry.pieces(where)):
        yield f"{what}: is there already" if entry.remote else f"{what}: needs no files"
        return
    if entry.fetch is None:
        raise UserError(f"{what}: cannot be downloaded: {entry.about}")
    try:
        entry.fetch(where, what.path)
    except UserError as error:
        raise UserError(f"{what}: could not be downloaded into {where}: {error.lines[0]}") from None
    dataset = entry if isinstance(entry, Dataset) else entry.open(where, what.path).dataset
    read_dataset(dataset, what.name, where, True)
    yield f"{what}: is in {where}"
    yield from _facts(what, dataset)
