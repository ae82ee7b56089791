"""Downloads by torchvision, one at a time; nothing is left behind where none comes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from resbench.core.errors import UserError

RENEW = "delete it and run again to download it, or name another directory with --data-dir"
_LOCK = ".resbench-download.lock"


def download(name: str, directory: Path, parts: Sequence[Mapping[str, Any]], place: Path) -> None:
    """Have torchvision put a dataset into the data directory.

    Args:
        name: of its class.
        parts: the arguments for each part.
        place: of a file that will come.

    Raises:
        UserError: it cannot; the reason alone.
    """
    from filelock import FileLock
    from torchvision import datasets

    try:
        with _removed_if_empty(directory, *reversed([one for one in place.parents if directory in one.parents])):
            directory.mkdir(parents=True, exist_ok=True)
            with FileLock(directory / _LOCK):
                for arguments in parts:
                    getattr(datasets, name)(root=directory, download=True, **arguments)
    except Exception as error:  # of the network, the disk, or what torchvision finds in the files
        raise UserError(" ".join(str(error).split()) or type(error).__name__) from None


@contextlib.contextmanager
def _removed_if_empty(*folders: Path) -> Iterator[None]:
    """Of folders that were not there before, and stay empty because nothing came."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except Exception:
        for folder in reversed(new):
            with contextlib.suppress(OSError):
                (folder / _LOCK).unlink(missing_ok=True)
                folder.rmdir()
        raise
