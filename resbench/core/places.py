"""Where the files are that a grid file names, and what was in them: relative paths start at the folder of the grid file.

A run is identified by what is in such a file, never by where it is. So the text that names it carries a stamp, the digest of
its content: `my_net.py:make@0f3a...`. The stamp is part of the identity, the folder and the file's name are not.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resbench.core.files import user_path
from resbench.core.json_reader import Json


@dataclass(frozen=True)
class Home:
    """Where the files are that a grid names.

    Attributes:
        folder: where relative paths start, absolute.
        plugins: absolute paths of the plug-ins that the grid loads.
    """

    folder: Path
    plugins: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {"folder": str(self.folder), "plugins": [*map(str, self.plugins)]}

    @classmethod
    def from_json(cls, values: Any) -> Home:
        return cls(Path(values["folder"]), tuple(map(Path, values["plugins"])))


_HOME: ContextVar[Home | None] = ContextVar("home", default=None)
_STAMP = re.compile(r"@([0-9a-f]{16})$")
_FILE_STAMP = re.compile(r"#([0-9a-f]{16})$")  # of a word in a text that has several
_STAMPED_WORD = re.compile(r"""("[^"#]*|'[^'#]*|[^\s"'=#]*)#([0-9a-f]{16})(?![0-9a-f])["']?""")


@contextlib.contextmanager
def relative_to(home: Home | Path | str) -> Iterator[None]:
    """Paths in configurations that are checked meanwhile start at this folder."""
    token = _HOME.set(home if isinstance(home, Home) else Home(Path(home).absolute()))
    try:
        yield
    finally:
        _HOME.reset(token)


def start_at(home: Home | Path | str | None) -> None:
    """From now on paths in configurations start at this folder, by default at the working folder.

    For a process that executes runs of one grid.
    """
    _HOME.set(Home(Path(home).absolute()) if isinstance(home, Path | str) else home)


def current_home() -> Home | None:
    """Of the grid that is read; None outside of one."""
    return _HOME.get()


def resolve(path: str) -> Path:
    """A path of a configuration, absolute: from the folder of the grid file, else from the working folder."""
    home = _HOME.get()
    return (home.folder if home else Path.cwd()) / user_path(path)


def stamped(text: str, digest: str) -> str:
    """A text that names a file, with the 16 hexadecimal digits of the digest of its content."""
    return f"{text}@{digest}"


def unstamped(text: str) -> tuple[str, str]:
    """(text, digest) of a text with or without a stamp; the digest is empty if it has none."""
    match = _STAMP.search(text)
    return (text[: match.start()], match[1]) if match else (text, "")


def content_of(text: str) -> str:
    """What an id has of a text with a stamp: `:make@0f3a...` of `nets/my_net.py:make@0f3a...`; other texts as they are."""
    plain, digest = unstamped(text)
    name = plain.rpartition(":")[2] if ":" in plain else ""
    return f"{':' if name else ''}{name}@{digest}" if digest else text


def content_of_command(text: str) -> str:
    """The same of a command line: `python #0f3a...` of `python train.py#0f3a...`."""
    return _STAMPED_WORD.sub(r"#\2", text) if "#" in text else text


def plain_of(text: str) -> str:
    """A text without its stamps, as the user wrote it."""
    return re.sub(r"[@#][0-9a-f]{16}(?![0-9a-f])", "", text)


def files_in(text: str) -> list[str]:
    """The files that a command line with stamps names."""
    return [match[1].lstrip("\"'") for match in _STAMPED_WORD.finditer(text)]


def stamped_word(word: str, digest: str) -> str:
    """A word of a command line that names a file, with the digest of its content."""
    return f"{word}#{digest}"


def unstamped_word(word: str) -> tuple[str, str]:
    """The inverse of `stamped_word`; the digest is empty if the word has none."""
    match = _FILE_STAMP.search(word)
    return (word[: match.start()], match[1]) if match else (word, "")
