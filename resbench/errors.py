"""Mistakes of the user's."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """A mistake of the user's, told in one line per mistake and without a traceback.

    Args:
        lines: what to print, one finished line per mistake.
    """

    def __init__(self, lines: str | Iterable[str]) -> None:
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        super().__init__("\n".join(self.lines))
