"""Where the files are that a grid file names, and what was in them: relative paths start at the folder of the grid file.

A run is identified by what is in such a file, never by where it is. So the text that names it carries a stamp, the digest of
its content: `my_net.py:make@0f3a...`. The stamp is part of the identity, the folder and the file's name are not.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from resbench.core.files import user_path

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)
_STAMP = re.compile(r"@([0-9a-f]{16})$")


@contextlib.contextmanager
def relative_to(folder: Path | str) -> Iterator[None]:
    """Paths in configurations that are checked meanwhile start at this folder."""
    token = _FOLDER.set(Path(folder).absolute())
    try:
        yield
    finally:
        _FOLDER.reset(token)


def start_at(folder: Path | str) -> None:
    """From now on paths in configurations start at this folder: for a process that executes runs of one grid."""
    _FOLDER.set(Path(folder).absolute())


def current_folder() -> Path:
    """Where relative paths start: the folder of the grid file that is read, else the working folder."""
    return _FOLDER.get() or Path.cwd()


def resolve(path: str) -> Path:
    """A path of a configuration, absolute; `~` is the home folder."""
    return current_folder() / user_path(path)


def stamped(text: str, digest: str) -> str:
    """A text that names a file, with the 16 hexadecimal digits of the digest of its content."""
    return f"{text}@{digest}"


def unstamped(text: str) -> tuple[str, str]:
    """(text, digest) of a text with or without a stamp; the digest is empty if it has none."""
    match = _STAMP.search(text)
    return (text[: match.start()], match[1]) if match else (text, "")
