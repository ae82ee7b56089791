"""The datasets in files that a grid names, as this process has opened them: the text that names one carries a stamp.

The stamp is the digest of the content. A text with a stamp, of a record or of a task that another process planned, stands
for files with that content.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TypeAlias

from resbench.core.errors import UserError
from resbench.core.places import stamped, unstamped
from resbench.data.dataset import Dataset, Format, Opened
from resbench.data.datasets import DATASETS

Key: TypeAlias = tuple[str, str]  # name of the format, digest
_OPENED: dict[Key, Dataset] = {}
_FOLDERS: dict[Key, Path] = {}  # where the path of a text with this stamp starts
_SEEN: ContextVar[dict[tuple[str, Path, str], Opened] | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def looked_at_once() -> Iterator[None]:
    """Files that are opened several times meanwhile are looked at once, as of the many cells of a grid."""
    token = _SEEN.set({})
    try:
        yield
    finally:
        _SEEN.reset(token)


def stamp(name: str, text: str) -> str:
    """The text with the stamp of the files that it names; they are opened, unless it has a stamp that is known here.

    Args:
        name: of a format.

    Raises:
        UserError: the files are not there, are not those of a dataset, or have changed since the text got its stamp.
    """
    bare, before = unstamped(text)
    if before and (name, before) in _OPENED:
        return text
    entry = DATASETS[name]
    if not isinstance(entry, Format):
        raise TypeError(f"{name} is opened without a path")
    folder = _FOLDERS.get((name, before)) or entry.folder()
    digest, dataset = _open(name, entry, folder, bare)
    if before and digest != before:
        raise UserError(
            f"{bare} (from {folder}): the files have changed since the run was planned: their digest is {digest}, and "
            f"was {before}: bring them back, or plan it again"
        )
    _OPENED[name, digest], _FOLDERS[name, digest] = dataset, folder
    return stamped(bare, digest)


def _open(name: str, entry: Format, folder: Path, text: str) -> Opened:
    seen = _SEEN.get()
    if seen is None:
        return entry.open(folder, text)
    key = (name, folder, text)
    if key not in seen:
        seen[key] = entry.open(folder, text)
    return seen[key]


def dataset_of(name: str, text: str) -> Dataset:
    """The dataset of this name, or the one in the files that the text names.

    Raises:
        UserError: they are not opened yet, and cannot be.
    """
    entry = DATASETS[name]
    if isinstance(entry, Dataset):
        return entry
    return _OPENED[name, unstamped(stamp(name, text))[1]]


def folder_of(name: str, text: str) -> Path | None:
    """Where the path in a text with a stamp starts, so that another process finds the files; None where there is none."""
    return _FOLDERS.get((name, unstamped(text)[1]))


def start_from(name: str, text: str, folder: Path) -> None:
    """The path in a text with a stamp starts at this folder."""
    _FOLDERS.setdefault((name, unstamped(text)[1]), folder)
