"""What ends a command: mistakes of the user, and disks that cannot be written."""

from __future__ import annotations

from collections.abc import Iterable

from resbench.core.text import printable

# signals that come closer are one wish to stop: `timeout` and batch systems signal a process, then its whole group
SAME_SECONDS = 0.25
_MAX_LINE = 480  # characters
_TAIL = 160  # of them from its end, which says what to do


class UserError(Exception):
    """Mistakes of the user, printed in one line each and without a traceback.

    Example:
        >>> try:
        ...     resbench.Grid("a question")
        ... except resbench.UserError as error:
        ...     print(error.lines[0].partition(": use")[0])
        grid a question: name: 'a question' is not a name

    Args:
        lines: one for each mistake. What a terminal would obey is escaped; the middle of a long line is left out.
        code: exit code of the command: 2 while nothing has run, 1 after.
    """

    def __init__(self, lines: str | Iterable[str], code: int = 2) -> None:
        self.code = code
        self.lines = [_line(text) for text in ([lines] if isinstance(lines, str) else lines)]
        super().__init__("\n".join(self.lines))


class LaterVersion(ValueError):
    """A file was written by a later version of this program: it stays as it is."""

    def __init__(self, schema: object, known: int) -> None:
        super().__init__(f"of schema {schema}, newer than this resbench reads ({known}): update resbench")


class Stopped(Exception):
    """Raised by an observer: leave now.

    Args:
        keep: whether the state of this moment replaces the checkpoint of the last epoch.
    """

    keep = True

    def __init__(self, *words: object, keep: bool | None = None) -> None:
        super().__init__(*words)
        if keep is not None:
            self.keep = keep


class Unwritable(OSError):
    """A file cannot be written: the disk is full, or may not be written to."""


def _line(text: str) -> str:
    return _shorten(printable(_shorten(text)))  # escapes make it longer again


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_LINE + 3 else f"{text[: _MAX_LINE - _TAIL]} … {text[-_TAIL:]}"
