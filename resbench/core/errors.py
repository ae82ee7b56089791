"""What ends a command: mistakes of the user's, and what no command can mend."""

from __future__ import annotations

from collections.abc import Iterable

from resbench.core.text import printable

# signals that come closer are one wish to stop: `timeout` and batch systems signal a process and then its whole group
SAME_SECONDS = 0.25
_LONGEST = 480  # characters of a line
_TAIL = 160  # of them from its end, which says what to do


class UserError(Exception):
    """A mistake of the user's, in one line per mistake and without a traceback.

    Example:
        >>> try:
        ...     resbench.Grid("a question")
        ... except resbench.UserError as error:
        ...     print(error.lines[0].partition(": use")[0])
        grid a question: name: 'a question' is not a name

    Args:
        lines: what to print, one finished line per mistake; what a terminal would obey is escaped, and of a line that
            quotes a large value the middle is left out.
        code: with which the command exits: 2 while nothing has run, 1 after.
    """

    def __init__(self, lines: str | Iterable[str], code: int = 2) -> None:
        self.code = code
        self.lines = [_line(one) for one in ([lines] if isinstance(lines, str) else lines)]
        super().__init__("\n".join(self.lines))


class Unwritable(OSError):
    """What was to be kept could not be written: the disk is full, or may not be written to."""


def _line(text: str) -> str:
    line = printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - _TAIL]} … {text[-_TAIL:]}")
    return line if len(line) <= _LONGEST + 3 else f"{line[: _LONGEST - _TAIL]} … {line[-_TAIL:]}"
