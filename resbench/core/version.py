"""Which code this is: its version, and its revision in git."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import TypeAlias

__version__ = "0.1.0"
Revision: TypeAlias = tuple[str | None, bool]  # commit, and whether the code differs from it


@functools.cache
def revision() -> Revision:
    """Git revision of the package, and whether its code differs from it; (None, False) outside a checkout."""
    package = Path(__file__).resolve().parent.parent  # all of it: one level deeper git would see only core/

    # of this package's checkout: any owner, and whatever repository a hook that calls us works in
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(package)]

    def git(*words: str) -> str:
        return subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if not git("ls-files", "--", "__init__.py"):
            return None, False
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, False
