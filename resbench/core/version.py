"""Which code this is: its version, and its revision in git."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import TypeAlias

__version__ = "0.1.0"
Revision: TypeAlias = tuple[str | None, bool]  # commit, and whether the code differs from it


@functools.cache
def revision() -> Revision:
    """Git revision of the package, and whether its code differs from it; (None, False) outside a checkout."""
    package = Path(__file__).resolve().parent.parent  # all of it: one level deeper git would see only core/

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(package), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if not git("ls-files", "--", "__init__.py"):
            return None, False
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, False
