"""The command line of a user's training code: the files that it names, and the values that it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resbench.core.own_code import digest_of
from resbench.core.places import resolve, stamped_word, unstamped_word
from resbench.core.text import show

_WORD = re.compile(r"\"[^\"]+\"|'[^']+'|[^\s\"'=]+")  # a file may stand in quotes, or behind `--config=`
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def stamp(command: str) -> str:
    """A command with the digest of the content behind each file that it names, unless it has them."""
    if any(digest for _, digest in _stamps(command)):
        return command
    return _WORD.sub(lambda word: _stamped(word[0]), command)


def files(command: str) -> Iterator[tuple[Path, str]]:
    """The files that a command names, each with its digest."""
    return ((resolve(word.strip("\"'")), digest) for word, digest in _stamps(command) if digest)


def placeholders(command: str) -> list[str]:
    """What is in braces: `recipe.lr` of `--lr {recipe.lr}`."""
    return _PLACEHOLDER.findall(command)


def words(command: str, values: Mapping[str, Any]) -> list[str]:
    """What is called: the words of a command, with these values, and with the whole paths of its files.

    Args:
        values: of the placeholders.

    Raises:
        ValueError: its quotes are not closed.
    """
    split = map(_located, shlex.split(command))
    return [_PLACEHOLDER.sub(lambda found: show(values[found[1]]), word) for word in split]


def _stamps(command: str) -> Iterator[tuple[str, str]]:
    return (_unstamped(word) for word in _WORD.findall(command))


def _unstamped(word: str) -> tuple[str, str]:
    """(word, digest) of a word that may be in quotes."""
    quote = word[-1] if word[-1] in "\"'" else ""
    text, digest = unstamped_word(word.removesuffix(quote))
    return text + quote, digest


def _stamped(word: str) -> str:
    """A word with a digest if it is a file; what has a placeholder is none yet."""
    path = resolve(word.strip("\"'"))
    if "{" in word or not path.is_file():
        return word
    quote = word[-1] if word[-1] in "\"'" else ""
    return stamped_word(word.removesuffix(quote), digest_of(path)) + quote


def _located(word: str) -> str:
    """A word with its whole path if it is a file, or a folder that is written with a slash: a run has its own folder."""
    option, equals, value = word.rpartition("=")
    text, digest = unstamped_word(value)
    folder = "/" in text and "{" not in text and resolve(text).is_dir()
    return f"{option}{equals}{resolve(text)}" if digest or folder else word
