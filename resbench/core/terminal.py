"""Output that never ends a command: to terminals that lack a character, and to pipes whose reader has gone."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from typing import TextIO

_ASCII = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": ".",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{RIGHTWARDS ARROW}": "->",
}


class _Open(io.FileIO):
    """A file that takes everything, also when the other end of the pipe has been closed."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            return memoryview(data).nbytes  # type: ignore[arg-type]


def prepare_output() -> None:
    """Make stdout and stderr take every character, and outlive their readers."""
    codecs.register_error("resbench", _replace)
    sys.stdout, sys.stderr = _prepared(sys.stdout), _prepared(sys.stderr)


def _prepared(stream: TextIO) -> TextIO:
    if stream not in (sys.__stdout__, sys.__stderr__) or not isinstance(stream, io.TextIOWrapper):
        return stream  # a test or a notebook has its own, or it is closed
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Open(stream.fileno(), "wb", closefd=False)),
        stream.encoding,
        "resbench",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a terminal lacks: the sign of a number never gets lost."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character: str) -> str:
    plain = _ASCII.get(character) or unicodedata.normalize("NFKC", character)
    return plain if plain.isascii() else character.encode("ascii", "backslashreplace").decode()
